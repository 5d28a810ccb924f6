package drbdadm

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// drbd.conf names the outdater as it was installed where it was written; the one that
// is here is run.
func TestOutdaterElsewhere(t *testing.T) {
	for _, c := range []struct{ handler, here, want string }{
		{"/usr/lib/heartbeat/drbd-peer-outdater -t 5", "/usr/libexec/heartbeat/drbd-peer-outdater", "/usr/libexec/heartbeat/drbd-peer-outdater -t 5"},
		{"/usr/lib64/heartbeat/drbd-peer-outdater", "/usr/lib/heartbeat/drbd-peer-outdater", "/usr/lib/heartbeat/drbd-peer-outdater"},
		{"/usr/lib/heartbeat/drbd-peer-outdater", "/usr/lib/heartbeat/drbd-peer-outdater", "/usr/lib/heartbeat/drbd-peer-outdater"},
		{"/usr/lib/heartbeat/drbd-peer-outdater", "", "/usr/lib/heartbeat/drbd-peer-outdater"},
		{"/my/own/fence -x", "/usr/libexec/heartbeat/drbd-peer-outdater", "/my/own/fence -x"},
		{"drbd-peer-outdater", "/usr/libexec/heartbeat/drbd-peer-outdater", "drbd-peer-outdater"},
	} {
		b := newBench(t, strings.Replace(onePair, "resource r0 {", "resource r0 { handlers { fence-peer \""+c.handler+"\"; }", 1))
		b.env.LookPath = func(p string) (string, error) {
			if p == c.here {
				return p, nil
			}
			return "", os.ErrNotExist
		}
		b.took = map[string]by{"sh -c": {code: 4}}
		b.expect(t, "fence-peer r0", 4, "/bin/sh -c "+c.want)
		for _, want := range []string{"DRBD_PEER=bravo", "DRBD_RESOURCE=r0"} {
			if len(b.envs) != 1 || !slices.Contains(b.envs[0], want) {
				t.Errorf("environment without %s: %q", want, b.envs)
			}
		}
	}
}

// The advice to make drbdsetup set-uid is for a dopd that is not root.
func TestNoAdviceWithOwnDopd(t *testing.T) {
	for _, link := range []string{"", "heartbeatd"} {
		b := newBench(t, strings.Replace(onePair, "resource r0 {", "resource r0 { handlers { fence-peer \"/usr/lib/heartbeat/drbd-peer-outdater\"; }", 1))
		b.env.NotSetuid = func(p ...string) []string { return p }
		b.env.Readlink = func(string) (string, error) {
			if link == "" {
				return "", errors.New("no link")
			}
			return link, nil
		}
		b.do("-d outdate r0")
		if said := strings.Contains(b.err.String(), "dpkg-statoverride"); said != (link == "") {
			t.Errorf("link %q: advised %v\n%s", link, said, &b.err)
		}
	}
}
