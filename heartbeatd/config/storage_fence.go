package config

import (
	"fmt"
	"path"
	"slices"
)

// outdaters checks that somebody serves the drbd-peer-outdater of drbd.conf: without dopd
// it calls every peer unreachable, and the Primary goes on beside a Secondary that may
// take over with old data.
func (s *storage) outdaters() {
	if len(s.primaries) == 0 {
		return // drbd.conf is not read for nothing
	}
	m, ok := s.conf()
	if !ok || s.c.HA == nil || slices.ContainsFunc(s.c.HA.Respawn, func(r RespawnSpec) bool { return path.Base(r.Path) == "dopd" }) {
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
