package resource

import (
	"errors"
	"slices"
	"testing"
)

func TestParsePolicy(t *testing.T) {
	for in, want := range map[string]Policy{"": PolicyReboot, "reboot": PolicyReboot, "EXIT": PolicyExit, " log ": PolicyLog, "lgo": PolicyExit} {
		if got := ParsePolicy(in); got != want {
			t.Errorf("ParsePolicy(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestEmergency(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		reboot error
		did    []string
		log    []string
	}{
		{PolicyLog, nil, nil, []string{"CRIT: Resource STOP failure. Reboot required!", "CRIT: HA_EMERGENCY=log: neither rebooting nor ending heartbeat: why"}},
		{PolicyExit, nil, []string{"kill"}, []string{"CRIT: Resource STOP failure. Reboot required!", "CRIT: HA_EMERGENCY=exit: ending heartbeat without releasing resources: why"}},
		{PolicyReboot, nil, []string{"reboot", "kill"}, []string{"CRIT: Resource STOP failure. Reboot required!", "CRIT: Killing heartbeat ungracefully!"}},
		{PolicyReboot, errors.New("no"), []string{"reboot", "kill"}, []string{"CRIT: Resource STOP failure. Reboot required!", "CRIT: Killing heartbeat ungracefully!", "CRIT: Unable to force reboot."}},
	} {
		var did, log []string
		e := Emergency{Policy: c.policy, Log: func(l Line) { log = append(log, l.String()) },
			Kill: func() { did = append(did, "kill") }, Reboot: func() error { did = append(did, "reboot"); return c.reboot }}
		e.Act("why")
		if !slices.Equal(did, c.did) || !slices.Equal(log, c.log) {
			t.Errorf("%s: did %q log %q, want %q %q", c.policy, did, log, c.did, c.log)
		}
	}
}
