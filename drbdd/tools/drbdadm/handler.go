package drbdadm

import (
	"fmt"
	"strings"

	"classicha/drbdd/config"
)

// handler runs what the configuration says for an event (drbd-cli 7). The daemon
// looks at the exit code of some; no handler is success.
func (t *tool) handler(x target) (int, error) {
	command, ok := t.conf.Handler(x.res, t.cmd.name)
	if !ok {
		return 0, nil
	}
	argv := []string{"/bin/sh", "-c", command}
	t.printCall(argv)
	if t.dry {
		return 0, nil
	}
	argv[2] = t.findOutdater(command)
	p, err := t.env.Start(Call{Argv: argv, Env: t.handlerEnv(x), Stdin: t.in, Stdout: t.out, Stderr: t.err})
	if err != nil {
		fmt.Fprintf(t.err, "Can not exec %s: %v\n", argv[0], err)
		return int(exitExec), nil
	}
	return t.report(argv, none, ended{Ended: p.Wait()})
}

// handlerEnv is the environment of a handler, besides our own.
func (t *tool) handlerEnv(x target) []string {
	var env []string
	set := func(name, value string) { env = append(env, name+"="+value) }
	set("DRBD_CONF", t.conf.File)
	set("DRBD_RESOURCE", x.res.Name)
	if p := x.res.Peer; p != nil {
		set("DRBD_PEER", p.Name())
		set("DRBD_PEERS", p.NameList())
		if a := p.Address; a != nil {
			set("DRBD_PEER_AF", a.Family)
			set("DRBD_PEER_ADDRESS", a.IP)
		}
	}
	if x.vol != nil {
		set("DRBD_MINOR", minorOf(x.vol))
		set("DRBD_VOLUME", fmt.Sprint(x.vol.Number))
		set("DRBD_LL_DISK", x.vol.Disk)
		return env
	}
	set("DRBD_MINOR", strings.Join(minors(x.res.Me.Volumes), " "))
	return env
}

func minors(vs []*config.Volume) []string {
	var out []string
	for _, v := range vs {
		out = append(out, minorOf(v))
	}
	return out
}
