package emergency

import (
	"errors"
	"reflect"
	"testing"

	"classicha/internal/hlog"
)

// trace records what an actor does; it never reboots or kills.
type trace []string

func (l *trace) Log(level hlog.Level, text string) { *l = append(*l, level.String()+": "+text) }

func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		fails  bool
		want   trace
	}{
		{Log, false, trace{"EMERG: ipfail died: HA_EMERGENCY=log, nothing is done"}},
		{Exit, false, trace{"EMERG: ipfail died: ending heartbeat at once, the machine stays up (HA_EMERGENCY=exit)", "flush", "kill"}},
		{Reboot, false, trace{"EMERG: ipfail died: rebooting the machine", "flush", "reboot", "kill"}},
		{"", false, trace{"EMERG: ipfail died: rebooting the machine", "flush", "reboot", "kill"}},
		{Reboot, true, trace{"EMERG: ipfail died: rebooting the machine", "flush", "reboot", "EMERG: Unable to force reboot: no", "flush", "kill"}},
	} {
		var got trace
		a := Actor{Policy: c.policy, Log: &got,
			Flush: func() { got = append(got, "flush") },
			Kill:  func() { got = append(got, "kill") },
			Reboot: func() error {
				got = append(got, "reboot")
				if c.fails {
					return errors.New("no")
				}
				return nil
			}}
		a.Act("ipfail died")
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q:\n got %q\nwant %q", c.policy, got, c.want)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		env, config string
		want        Policy
	}{
		{"", "", Reboot}, {"", "log", Log}, {"exit", "log", Exit}, {"LOG ", "reboot", Log},
		{"reboot", "log", Reboot}, {"none", "", Exit}, {"", "nothing", Exit},
	} {
		if got := Choose(c.env, c.config); got != c.want {
			t.Errorf("HA_EMERGENCY=%q, haext.cf %q: %v, want %v", c.env, c.config, got, c.want)
		}
	}
}
