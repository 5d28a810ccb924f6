package daemon

import (
	"slices"
	"strings"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/resource"
)

// coreConfig is what the core must know of the configuration. Identity (uuid,
// generation) is added by the start.
func coreConfig(c *config.Config, o options, pid int) cluster.Config {
	ha := c.HA
	cc := cluster.Config{
		Node: ha.Node, Nodes: ha.Nodes,
		Keepalive: ha.Keepalive, Deadtime: ha.Deadtime, Warntime: ha.Warntime,
		Initdead: ha.Initdead, Deadping: ha.Deadping,
		MaxRexmitDelay: ha.MaxRexmitDelay, HopFudge: ha.HopFudge,
		NoResources: o.noManage,
		Keys:        c.Keys, Netstring: ha.Netstring, LogBadPack: ha.LogBadpack,
		Fencing: len(ha.Stonith) > 0, Pid: pid,
	}
	switch ha.AutoFailback {
	case config.FailbackOn:
		cc.AutoFailback = cluster.FailbackOn
	case config.FailbackOff:
		cc.AutoFailback = cluster.FailbackOff
	}
	if ha.TraditionalCompression {
		cc.CompressAbove = ha.CompressionThreshold << 10
	}
	for _, m := range ha.Media {
		switch {
		case strings.HasPrefix(m.Kind, "ping"):
			cc.Ping = append(cc.Ping, cluster.PingNode{Name: m.Link, Kind: m.Kind})
		case !slices.Contains(cc.Links, m.Link):
			cc.Links = append(cc.Links, m.Link)
		}
	}
	if c.Resources != nil {
		for _, g := range c.Resources.Groups {
			words := make([]string, len(g.Resources))
			for i, r := range g.Resources {
				words[i] = r.Raw
			}
			cc.Groups = append(cc.Groups, cluster.Group{Home: g.Home, Key: g.Key, Resources: words})
		}
	}
	// The original's ipfail ends at once in these two cases (heartbeat-behaviour 7).
	cc.Ipfail = builtin(ha, "ipfail") && cc.AutoFailback != cluster.FailbackLegacy && !cc.NoResources
	return cc
}

// builtin: ha.cf asks for a helper that we have inside.
func builtin(ha *config.HA, name string) bool {
	return slices.ContainsFunc(ha.Respawn, func(r config.RespawnSpec) bool { return r.Builtin == name })
}

// scriptGroups are the groups for the scripts, with the same indices as in the core.
func scriptGroups(c *config.Config) []resource.Group {
	if c.Resources == nil {
		return nil
	}
	out := make([]resource.Group, len(c.Resources.Groups))
	for i, g := range c.Resources.Groups {
		out[i] = resource.FromConfig(g)
	}
	return out
}
