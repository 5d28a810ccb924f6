package config

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// outdaters checks that somebody serves the drbd-peer-outdater of drbd.conf: without dopd
// it calls every peer unreachable, and the Primary goes on beside a Secondary that may
// take over with old data.
func (s *storage) outdaters() {
	if len(s.primaries) == 0 {
		return // drbd.conf is not read for nothing
	}
	m, ok := s.conf()
	if !ok || s.c.HA == nil {
		return
	}
	if slices.ContainsFunc(s.c.HA.Respawn, func(r RespawnSpec) bool { return path.Base(r.Path) == "dopd" }) {
		s.outdaterFits(m)
		return
	}
	for _, p := range s.primaries {
		i := slices.IndexFunc(m.List, func(r Mirror) bool { return r.Outdater && r.Here && p.of(r.Name) })
		if i >= 0 {
			s.warn(p.r.Pos, fmt.Sprintf("%s: fence-peer of the resource %s in %s is drbd-peer-outdater, but ha.cf does not start dopd: nobody would mark the other node's data as outdated",
				p.r.Raw, m.List[i].Name, m.File), "add respawn hacluster "+BinDir+"/dopd to ha.cf, on both nodes")
			return
		}
	}
}

// takesToAnswer is what dopd needs besides deadtime and the reset.
const takesToAnswer = 2 * time.Second

// outdaterFits checks what makes the answer of a dopd that is there worthless: a time limit
// that is over before a dead peer was reset, and peers that heartbeat does not know.
func (s *storage) outdaterFits(m Mirrors) {
	ha := s.c.HA
	for _, r := range m.List {
		i := slices.IndexFunc(s.primaries, func(p promotion) bool { return p.of(r.Name) })
		if !r.Outdater || !r.Here || i < 0 {
			continue
		}
		p := s.primaries[i].r
		if need := ha.Deadtime + takesToAnswer; len(ha.Stonith) > 0 && r.OutdaterTime <= need {
			s.warn(p.Pos, fmt.Sprintf("%s: drbd-peer-outdater of the resource %s in %s waits %v: a peer that dies is called dead after deadtime %v, and is reset then; writes stay frozen until it is asked again",
				p.Raw, r.Name, m.File, r.OutdaterTime, ha.Deadtime), fmt.Sprintf("write -t with more than %d seconds and what a reset takes, or a shorter deadtime", int((need+time.Second-1)/time.Second)))
		}
		what := "would be called unreachable, whether it is or not"
		if len(ha.Stonith) > 0 {
			what = "would never be asked or reset, and writes would stay frozen"
		}
		switch strange := slices.IndexFunc(r.Hosts, func(h string) bool { return !slices.Contains(ha.Nodes, strings.ToLower(h)) }); {
		case r.Stacked:
		case r.Floating:
			s.warn(p.Pos, fmt.Sprintf("%s: fence-peer of the resource %s in %s is drbd-peer-outdater, but its peers are floating and have no names: the peer %s", p.Raw, r.Name, m.File, what),
				"write on NAME sections, with the names of the nodes in ha.cf")
		case strange >= 0:
			s.warn(p.Pos, fmt.Sprintf("%s: fence-peer of the resource %s in %s is drbd-peer-outdater, but %s is no node in ha.cf: it %s", p.Raw, r.Name, m.File, r.Hosts[strange], what),
				"the names after \"on\" must be those of the nodes in ha.cf")
		}
	}
}
