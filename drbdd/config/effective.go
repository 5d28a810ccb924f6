package config

import (
	"fmt"
	"slices"
)

// Inheritance (drbd-config 3): what a resource says beats what common says, and
// for disk options what a volume says beats the resource. The order of the
// merged list is that in which drbdadm 8.4 passes the options on (seen): each
// inherited option is put in front of what is there.

// inherit puts the options of base whose name is not in opts in front of opts,
// one by one, so that base comes out reversed.
func inheritOptions(opts, base []Option) []Option {
	out := slices.Clone(opts)
	for _, o := range base {
		if _, set := Last(out, o.Name); !set {
			out = slices.Insert(out, 0, o)
		}
	}
	return out
}

func mergedOptions(common, r *Resource, s Section) []Option {
	if common == nil {
		return r.Section(s)
	}
	return inheritOptions(r.Section(s), common.Section(s))
}

// asRead is the resource with every resync-after that the file has: the
// original merges before it drops (seen).
func (r *Resource) asRead() *Resource {
	whole := *r
	whole.Disk = r.diskRead
	return &whole
}

// withoutUnknown leaves out a resync-after that names no resource, as the
// original does with what common hands down.
func (c *Config) withoutUnknown(opts []Option) []Option {
	return slices.DeleteFunc(slices.Clone(opts), func(o Option) bool {
		return o.Name == "resync-after" && !c.syncedHere(o.Value)
	})
}

// mergedDisk puts the disk options for one volume together: its own, then
// those of the resource, of common, and last those of the volume at resource
// level, which therefore lose against the two before (seen).
func mergedDisk(common, r *Resource, v *Volume) []Option {
	opts := inheritOptions(v.DiskOptions, mergedOptions(common, r, SectionDisk))
	if from := findVolume(r.Volumes, v.Number); from != nil {
		opts = inheritOptions(opts, from.DiskOptions)
	}
	return opts
}

// Merged are the options of a section in force for a resource, in the order in
// which drbdadm 8.4 passes them to drbdsetup: options to new-resource and
// resource-options, net to connect and net-options, startup to wait-connect.
// For the section disk see DiskOptions.
func (c *Config) Merged(r *Resource, s Section) []Option {
	return c.withoutUnknown(mergedOptions(c.Common, r.asRead(), s))
}

// DiskOptions are the disk options in force for one volume of a host, in the
// order in which drbdadm 8.4 passes them to attach and disk-options.
func (c *Config) DiskOptions(r *Resource, v *Volume) []Option {
	return c.withoutUnknown(mergedDisk(c.Common, r.asRead(), v))
}

// ProxyOf is the proxy section of a host with what the resource and common say
// for it; nil if there is none.
func (c *Config) ProxyOf(r *Resource, h *Host) *Proxy {
	if h.Proxy == nil {
		return nil
	}
	x := *h.Proxy
	x.Options = inheritOptions(x.Options, c.Merged(r, SectionProxy))
	if len(x.Plugins) == 0 {
		x.Plugins = r.ProxyPlugins
	}
	if len(x.Plugins) == 0 && c.Common != nil {
		x.Plugins = c.Common.ProxyPlugins
	}
	return &x
}

// Handler is the command of a handler in force for a resource.
func (c *Config) Handler(r *Resource, name string) (command string, ok bool) {
	o, ok := Last(c.Merged(r, SectionHandlers), name)
	return o.Value, ok
}

// BecomePrimaryOn are the hosts of that statement in force for a resource.
func (c *Config) BecomePrimaryOn(r *Resource) []string {
	if len(r.BecomePrimaryOn) == 0 && c.Common != nil {
		return c.Common.BecomePrimaryOn
	}
	return r.BecomePrimaryOn
}

// Protocol is the protocol in force: A, B or C.
func (c *Config) Protocol(r *Resource) string {
	if o, ok := Last(c.Merged(r, SectionNet), "protocol"); ok {
		return o.Value
	}
	return Lookup(SectionNet, "protocol").Default
}

// SetPeer chooses the peer of a resource with more than two hosts, or confirms
// that of two; name is the argument of --peer, empty without. It returns the
// original's complaint if there is no one peer.
func (r *Resource) SetPeer(name string) Findings {
	complain := func(text string, exit int) Findings {
		return Findings{{Level: Error, Pos: r.Defined, Original: fmt.Sprintf("%s: in resource %s%s\n", r.Defined, r.Name, text), Exit: exit}}
	}
	if r.Me == nil {
		return complain(":\n\tcannot determine the peer, don't even know myself!", ExitThink)
	}
	switch {
	case len(r.Hosts) == 1:
		return complain(":\n\tMissing section 'on <PEER> { ... }'.", ExitInvalid)
	case len(r.Hosts) == 2 && name != "" && !r.Peer.Has(name):
		f := complain(fmt.Sprintf(":\n\tIgnoring --peer '%s': there are only two host sections.", name), 0)
		f[0].Level = Warn
		return f
	case len(r.Hosts) == 2:
		return nil
	case name == "":
		return complain(":\n\tThere are multiple host sections for the peer node.\n\tUse the --peer option to select which peer section to use.", ExitInvalid)
	case r.Me.Has(name):
		return complain(fmt.Sprintf("\n\tInvoked with --peer '%s', but that matches myself!", name), ExitInvalid)
	}
	var found *Host
	for _, h := range r.Hosts {
		if h == r.Me || !h.Has(name) {
			continue
		}
		if found != nil {
			return complain(fmt.Sprintf(":\n\tInvoked with --peer '%s', but that matches multiple times!", name), ExitInvalid)
		}
		found = h
	}
	if found == nil {
		return complain(fmt.Sprintf(":\n\tNo host ('on' or 'floating') section matches --peer '%s'", name), ExitInvalid)
	}
	r.Peer = found
	return nil
}

// ParseShow reads the output of "drbdsetup show RES" (drbd-cli 2.4): the same
// grammar with _this_host and _remote_host, in which anything may be missing.
// Only the first resource counts; nil if there is none.
func ParseShow(data []byte) (*Resource, Findings) {
	p := newParser("drbdsetup show", &Env{})
	p.inShow = true
	if p.guard(func() { p.file("drbdsetup show", data) }) {
		for _, r := range p.cfg.Resources {
			p.findMe(r)
		}
	}
	if len(p.cfg.Resources) == 0 {
		return nil, p.found
	}
	return p.cfg.Resources[0], p.found
}
