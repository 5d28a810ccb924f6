package config_test

import (
	"strings"
	"testing"
	"time"

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

// TestCheckOutdaterFits: a time limit that is too short, and peers without names.
func TestCheckOutdaterFits(t *testing.T) {
	const dopd, stonith = "respawn hacluster /usr/lib/heartbeat/dopd\n", "deadtime 10\nstonith_host * meatware node2\n"
	for name, c := range map[string]struct {
		ha     string
		change func(*config.Mirror)
		want   string // in the one finding; empty: none
	}{
		"good":            {dopd + stonith, func(*config.Mirror) {}, ""},
		"short":           {dopd + stonith, func(m *config.Mirror) { m.OutdaterTime = 12 * time.Second }, "drbd-peer-outdater of the resource user in /etc/drbd.conf waits 12s: a peer that dies is called dead after deadtime 10s"},
		"short, no reset": {dopd, func(m *config.Mirror) { m.OutdaterTime = time.Second }, ""},
		"floating":        {dopd + stonith, func(m *config.Mirror) { m.Floating = true }, "have no names: the peer would never be asked or reset"},
		"other names":     {dopd, func(m *config.Mirror) { m.Hosts = []string{"NODE1", "node7"} }, "node7 is no node in ha.cf: it would be called unreachable"},
		"upper case":      {dopd, func(m *config.Mirror) { m.Hosts = []string{"NODE1", "Node2"} }, ""},
		"stacked":         {dopd, func(m *config.Mirror) { m.Hosts, m.Stacked = []string{"node1", "far"}, true }, ""},
	} {
		env := labEnv()
		env.Hostname = "node1"
		env.Mirrors = func() config.Mirrors {
			m := twoMirrors()
			m.List[0].Outdater, m.List[0].OutdaterTime = true, time.Minute
			c.change(&m.List[0])
			return m
		}
		env.Script = func(string) (string, bool) { return "x", true }
		var got []string
		for _, f := range config.Check(realFiles(withoutStonith(goodHA)+c.ha, "auth 1\n1 sha1 x\n", "node1 drbddisk::user\n"), env) {
			if s := f.Sentence(); f.Level > config.OK && strings.Contains(s, "peer-outdater") {
				got = append(got, s)
			}
		}
		if len(got) != min(len(c.want), 1) || c.want != "" && !strings.Contains(got[0], c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func withoutStonith(ha string) (out string) {
	for line := range strings.Lines(ha) {
		if !strings.HasPrefix(line, "stonith") {
			out += line
		}
	}
	return out
}
