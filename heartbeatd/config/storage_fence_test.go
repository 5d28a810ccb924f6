package config_test

import (
	"strings"
	"testing"

	"classicha/heartbeatd/config"
)

// TestCheckOutdater: drbd-peer-outdater without dopd.
func TestCheckOutdater(t *testing.T) {
	outdated := func() config.Mirrors {
		m := twoMirrors()
		m.List[0].Outdater = true
		return m
	}
	const want = "WARN /etc/ha.d/haresources:1:7: drbddisk::user: fence-peer of the resource user in /etc/drbd.conf is drbd-peer-outdater, but ha.cf does not start dopd: " +
		"nobody would mark the other node's data as outdated; add respawn hacluster "
	for hares, warned := range map[string]bool{
		"node1 drbddisk::user\n": true, "node1 drbddisk\n": true, "node1 drbddisk::mail\n": false, "node1 10.0.0.1\n": false,
	} {
		got := strings.Join(storageFindings(hares, outdated), "\n")
		if hares == "node1 drbddisk\n" {
			got = strings.Replace(got, "drbddisk:", "drbddisk::user:", 1)
		}
		if strings.HasPrefix(got, want) != warned || !warned && got != "" || strings.Contains(got, "\n") {
			t.Errorf("%q: %q", hares, got)
		}
	}
	env := labEnv()
	env.Hostname = "node1"
	env.Mirrors = outdated
	env.Script = func(string) (string, bool) { return "x", true }
	for _, f := range config.Check(realFiles(goodHA+"respawn hacluster /usr/lib/heartbeat/dopd\n", "auth 1\n1 sha1 x\n", "node1 drbddisk::user\n"), env) {
		if strings.Contains(f.Sentence(), "fence-peer") {
			t.Errorf("with dopd: %s", f.Sentence())
		}
	}
}
