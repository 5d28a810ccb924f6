package config

import (
	"fmt"
	"strings"
)

// compareHosts checks that every host of a resource has the same volumes
// (drbd-config 3). The original does so at the end of the resource.
func (p *parser) compareHosts(r *Resource) {
	if p.inShow {
		return
	}
	for i, a := range r.Hosts {
		for _, b := range r.Hosts[i+1:] {
			p.compareVolumes(r, a.NameList(), b.NameList(), a.Volumes, b.Volumes)
		}
	}
	if len(r.Hosts) == 2 && bothDiskless(r.Hosts[0], r.Hosts[1]) {
		p.add(Finding{Level: Error, Pos: r.Hosts[1].Pos, Text: fmt.Sprintf("no host of resource %s has a disk", r.Name),
			Remedy: "disk none is for one of the two hosts", Ours: true})
	}
}

func bothDiskless(a, b *Host) bool {
	for _, v := range a.Volumes {
		if w := b.Volume(v.Number); w != nil && v.Diskless() && w.Diskless() {
			return true
		}
	}
	return false
}

// compareVolumes walks two sorted lists.
func (p *parser) compareVolumes(r *Resource, aName, bName string, as, bs []*Volume) {
	at := p.here()
	absent := func(text, has string, v *Volume, fix string) {
		p.bad(at, fmt.Sprintf(text, r.Name, aName, v.Number, has), fix)
	}
	for len(as) > 0 || len(bs) > 0 {
		switch {
		case len(bs) == 0 || len(as) > 0 && as[0].Number < bs[0].Number:
			absent("in resource %s, on %s { ... }: volume %d not defined on %s", bName, as[0], "give both hosts the same volumes")
			as = as[1:]
		case len(as) == 0 || bs[0].Number < as[0].Number:
			absent("in resource %s, on %s { ... }: volume %d missing (present on %s)", bName, bs[0], "give both hosts the same volumes")
			bs = bs[1:]
		default:
			if as[0].Implicit != bs[0].Implicit {
				p.bad(at, fmt.Sprintf("in resource %s, on %s resp. %s: volume %d must not be implicit on one but not the other", r.Name, aName, bName, as[0].Number),
					"write volume 0 { } on both hosts or on none")
			}
			as, bs = as[1:], bs[1:]
		}
	}
}

// checkAll looks at what only the whole file shows: who is me, and what names
// refer to. The original does the second part only for a file that is right so
// far.
func (p *parser) checkAll() {
	p.settleGroups()
	for _, r := range p.cfg.Resources {
		p.lowerResources(r)
	}
	for _, r := range p.cfg.Resources {
		p.findMe(r)
	}
	if p.found.Refused() {
		return
	}
	for _, r := range p.cfg.Resources {
		if p.checkResource(r); p.found.Refused() {
			p.found[len(p.found)-1].Stops = true
		}
	}
}

// lowerResources connects a stacked host section with its lower resource and
// takes over its host names.
func (p *parser) lowerResources(r *Resource) {
	for _, h := range r.Hosts {
		if h.Kind != Stacked {
			continue
		}
		low := p.cfg.Resource(h.Lower)
		if low == nil {
			at := r.Defined
			p.fail(Finding{Level: Error, Pos: at, Original: fmt.Sprintf("%s: in resource %s, referenced resource '%s' not defined.\n", at, r.Name, h.Lower),
				Remedy: suggestResource(p.cfg, h.Lower), Exit: ExitInvalid, Stops: true})
		}
		h.LowerRes = low
		for _, lh := range low.Hosts {
			if lh.Kind != Stacked {
				h.Names = append(h.Names, lh.Names...)
			}
		}
		for _, v := range h.Volumes {
			p.uniqueDevice(h, v, v.Pos)
		}
		if len(low.Hosts) > 0 {
			p.compareVolumes(r, h.NameList(), low.Name, h.Volumes, low.Hosts[0].Volumes)
		}
	}
}

func suggestResource(c *Config, name string) string {
	var names []string
	for _, r := range c.Resources {
		names = append(names, r.Name)
	}
	if near := nearest(name, names...); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "there is no resource of that name"
}

// findMe sets Me, Peer, Ignored and Stacked.
func (p *parser) findMe(r *Resource) {
	for _, h := range r.Hosts {
		if !p.isMe(h) {
			continue
		}
		if r.Me != nil {
			at := r.Defined
			p.add(Finding{Level: Error, Pos: at, Exit: ExitInvalid, Remedy: "one section for each host",
				Original: fmt.Sprintf("%s: in resource %s, %s { ... } ... %s { ... }:\n\tThere are multiple host sections for this node.\n", at, r.Name, sectionName(r.Me), sectionName(h))})
			continue
		}
		r.Me = h
	}
	r.Ignored = r.Me == nil
	r.Stacked = r.Me != nil && r.Me.Kind == Stacked
	if r.Me == nil || len(r.Hosts) != 2 {
		return
	}
	r.Peer = r.Hosts[0]
	if r.Peer == r.Me {
		r.Peer = r.Hosts[1]
	}
}

func (p *parser) isMe(h *Host) bool {
	switch h.Kind {
	case ThisHost:
		return true
	case RemoteHost:
		return false
	case Floating:
		return p.env.local(h.Address.IP)
	case Stacked:
		for _, lh := range h.LowerRes.Hosts {
			if lh.Kind != Stacked && p.isMe(lh) {
				return true
			}
		}
		return false
	}
	return h.Has(p.env.Hostname)
}

func sectionName(h *Host) string {
	if h.Kind == Stacked {
		return "stacked-on-top-of " + h.Lower
	}
	return "on " + h.Name()
}

// inResource is how the original begins a finding about a whole resource.
func (p *parser) inResource(r *Resource, l Level, text, remedy string, exit int) {
	p.add(Finding{Level: l, Pos: r.Defined, Original: fmt.Sprintf("%s: in resource %s:\n%s\n", r.Defined, r.Name, text), Remedy: remedy, Exit: exit})
}

// checkResource checks names that refer to something else (drbd-config 5), in
// the order of the original.
func (p *parser) checkResource(r *Resource) {
	p.checkResyncAfter(r)
	if r.Ignored {
		return
	}
	if h, ok := Last(r.Handlers, "fence-peer"); ok && strings.Contains(h.Value, "drbd-peer-outdater") {
		p.peerOutdater(h)
	}
	if r.Peer != nil && (r.Me.Proxy == nil) != (r.Peer.Proxy == nil) {
		p.inResource(r, Error, "\tEither both 'on' sections must contain a proxy subsection, or none.", "", ExitInvalid)
	}
	for _, name := range r.BecomePrimaryOn {
		if name == "both" {
			if _, set := Last(r.Net, "allow-two-primaries"); !set {
				p.inResource(r, Error, "become-primary-on is set to both, but allow-two-primaries is not set.",
					"name one host, or leave become-primary-on to the cluster manager", ExitInvalid)
			}
			continue
		}
		if !namesHost(r, name) {
			p.inResource(r, Error, fmt.Sprintf("\tbecome-primary-on contains '%s', which is not named with the 'on' sections.", name),
				fmt.Sprintf("write one of %s", hostNames(r)), ExitInvalid)
		}
	}
}

func namesHost(r *Resource, name string) bool {
	for _, h := range r.Hosts {
		if h.Has(name) {
			return true
		}
	}
	return false
}

func hostNames(r *Resource) string {
	var names []string
	for _, h := range r.Hosts {
		names = append(names, h.Names...)
	}
	return strings.Join(names, ", ")
}

// checkResyncAfter drops what names no resource; on a terminal it is an error.
// Only options of the resource itself are looked at (seen).
func (p *parser) checkResyncAfter(r *Resource) {
	kept := r.Disk[:0:0]
	for _, o := range r.Disk {
		if o.Name != "resync-after" {
			kept = append(kept, o)
			continue
		}
		name, _, _ := strings.Cut(o.Value, "/")
		if p.cfg.Resource(o.Value) != nil || p.cfg.Resource(name) != nil {
			kept = append(kept, o)
			continue
		}
		level, exit := Warn, 0
		if p.env.Terminal {
			level, exit = Error, ExitInvalid
		}
		p.inResource(r, level, fmt.Sprintf("\tresource '%s' mentioned in 'resync-after' option is not known.", o.Value),
			fmt.Sprintf("line %d: %s", o.Pos.Line, suggestResource(p.cfg, name)), exit)
	}
	r.Disk = kept
}

// peerOutdater warns about the rights of our programs, once.
func (p *parser) peerOutdater(h Option) {
	programs := p.env.SetuidPrograms
	if len(programs) == 0 || p.outdaterSaid {
		return
	}
	p.outdaterSaid = true
	text := "WARN:\n  You are using the 'drbd-peer-outdater' as fence-peer program.\n  If you use that mechanism the dopd heartbeat plugin program needs\n" +
		"  to be able to call drbdsetup and drbdmeta with root privileges.\n\n  You need to fix this with these commands:\n"
	for _, prog := range programs {
		text += "  dpkg-statoverride --add --update root haclient 4750 " + prog + "\n\n"
	}
	p.add(Finding{Level: Warn, Pos: h.Pos, Original: text})
}

// CheckAddresses looks whether the addresses of this machine's sections are
// configured on it, as up, connect, adjust, dump, resize, verify and others do
// unless disable-ip-verification is set (drbd-config 5).
func (c *Config) CheckAddresses(env Env) Findings {
	var found Findings
	if c.Global.DisableIPVerification || env.LocalAddr == nil {
		return nil
	}
	for _, r := range c.Resources {
		if r.Ignored || r.Me == nil || r.Me.Address == nil {
			continue
		}
		a := r.Me.Address
		if a.Family != "ipv4" && a.Family != "ipv6" || env.LocalAddr(a.IP) {
			continue
		}
		found = append(found, Finding{Level: Error, Pos: a.Pos, Exit: ExitInvalid, Remedy: "configure the address, or correct it",
			Original: fmt.Sprintf("%s: in resource %s, on %s:\n\tIP %s not found on this host.\n", a.Pos, r.Name, r.Me.Name(), a.IP)})
	}
	return found
}
