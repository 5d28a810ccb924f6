package config_test

import (
	"strings"
	"testing"

	"classicha/drbdd/config"
)

// FuzzParse: any text gives a configuration and findings that can be printed;
// what is accepted can be dumped, and its options looked up.
func FuzzParse(f *testing.F) {
	for _, c := range vectors(f) {
		f.Add(c.text(f))
	}
	f.Add(readSeed(f))
	f.Add([]byte("resource r { connection-mesh { hosts a b; } connection { path { host a port 1; } } on a { node-id 1; port 5; meta-index 2; }"))
	f.Add([]byte("resource \"\\"))
	f.Add([]byte("skip { \" } # }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		env := config.Env{Hostname: "alpha", LocalAddr: func(a string) bool { return strings.HasPrefix(a, "127.") }}
		conf, found := config.Parse("/etc/drbd.conf", data, env)
		found = append(found, conf.CheckAddresses(env)...)
		for _, f := range found {
			if f.Sentence() == "" || f.Lines() == "" || !strings.HasSuffix(f.Lines(), "\n") {
				t.Errorf("a finding without words: %+v", f)
			}
		}
		if stderr, exit := found.Original(); exit == 0 && found.Refused() == false && strings.Contains(stderr, "Parse error") {
			t.Errorf("a parse error without exit code: %q", stderr)
		}
		for mode := config.DumpPlain; mode <= config.DumpVerbose; mode++ {
			conf.Dump("alpha", mode)
			conf.DumpXML(mode)
		}
		for _, r := range conf.Resources {
			conf.ResourceArgs(r)
			conf.NetArgs(r)
			conf.WaitArgs(r)
			for _, h := range r.Hosts {
				for _, v := range h.Volumes {
					conf.DiskArgs(r, v)
				}
			}
			r.SetPeer("bravo")
		}
		config.ParseShow(data)
	})
}
