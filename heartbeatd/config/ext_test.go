package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"classicha/heartbeatd/config"
)

func TestExt(t *testing.T) {
	want := config.Ext{StartTimeout: 15 * time.Minute, StopTimeout: 15 * time.Minute, StonithTime: time.Minute, ARPRepeat: time.Minute, Emergency: "reboot"}
	if d := cmp.Diff(want, *config.DefaultExt()); d != "" {
		t.Errorf("an absent haext.cf means (-want +got)\n%s", d)
	}
	e, found := config.ParseExt("/etc/ha.d/haext.cf", []byte("# ours\nlogformat json\n start_timeout 30s # x\nstop_timeout 2m\nstonith_timeout 1500ms\narp_repeat 0\nemergency exit\r\n"))
	want = config.Ext{File: "/etc/ha.d/haext.cf", LogJSON: true, StartTimeout: 30 * time.Second, StopTimeout: 2 * time.Minute, StonithTime: 1500 * time.Millisecond, Emergency: "exit"}
	e.Statements = nil
	if d := cmp.Diff(want, *e); d != "" || len(found) > 0 {
		t.Errorf("findings %q (-want +got)\n%s", sentences(found), d)
	}
}

func TestExtMistakes(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"logfromat json", `:1:1: unknown directive "logfromat"; did you mean "logformat"?`},
		{"zzz", `:1:1: unknown directive "zzz"; the directives are logformat, `},
		{"keepalive 1", `:1:1: "keepalive" is a directive of ha.cf; move the line there`},
		{"logformat xml", `:1:11: logformat: "xml" is not one of classic, json; write logformat classic for the default`},
		{"start_timeout", `:1:14: start_timeout: "" is not a time; write 30, 30s, 500ms or 15m; `},
		{"start_timeout 0", `:1:15: start_timeout: "0" is too short; the least is 1s; `},
		{"emergency halt", `:1:11: emergency: "halt" is not one of reboot, exit, log; `},
		{"arp_repeat 1\narp_repeat 2", `:2:1: arp_repeat is given in line 1 already; remove one of them`},
	} {
		_, found := config.ParseExt("haext.cf", []byte(c.line+"\n"))
		if len(found) != 1 || !found[0].Refuse || !strings.HasPrefix(found[0].Sentence(), "haext.cf"+c.want) {
			t.Errorf("%q: got %q, want %q", c.line, sentences(found), c.want)
		}
	}
}
