package drbdadm

import (
	"fmt"
	"strings"

	"classicha/drbdd/config"
)

func (t *tool) dumpMode() config.DumpMode {
	switch {
	case t.verbose > 0:
		return config.DumpVerbose
	case t.dry:
		return config.DumpDry
	}
	return config.DumpPlain
}

func (t *tool) dumpAll() (int, error) {
	if t.cmd.name == "dump-xml" {
		// The original leaves out a section global that has nothing in it.
		fmt.Fprint(t.out, strings.Replace(t.conf.DumpXML(t.dumpMode()), "    <global>\n    </global>\n", "", 1))
	} else {
		fmt.Fprint(t.out, t.conf.Dump(t.env.Config.Hostname, t.dumpMode()))
	}
	return 0, nil
}

func (t *tool) dumpOne(x target) (int, error) {
	if t.cmd.name == "dump-xml" {
		fmt.Fprint(t.out, t.conf.DumpResourceXML(x.res, t.dumpMode()))
	} else {
		fmt.Fprint(t.out, t.conf.DumpResource(x.res, t.env.Config.Hostname, t.dumpMode()))
	}
	return 0, nil
}
