package resource

import "classicha/heartbeatd/config"

// FromConfig turns a group of haresources as it was read, slips forgiven, into
// one to be run.
func FromConfig(g config.Group) Group {
	out := Group{Node: g.Home, Resources: make([]Resource, 0, len(g.Resources))}
	for _, r := range g.Resources {
		out.Resources = append(out.Resources, Resource{Word: r.Raw, Script: r.Script, Args: r.Args})
	}
	return out
}
