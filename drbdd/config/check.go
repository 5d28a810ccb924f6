package config

import (
	"fmt"
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
				p.differentlyImplicit(r, aName, bName, as[0].Number)
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
	if p.found.Refused() {
		p.stopHere()
	}
	for _, r := range p.cfg.Resources {
		p.lowerResources(r)
	}
	for _, r := range p.cfg.Resources {
		p.findMe(r)
	}
	for _, r := range p.cfg.Resources {
		p.compareLower(r)
		fillStacked(r)
	}
	for _, r := range p.cfg.Resources {
		p.lostOptions(r)
		if p.checkResource(r); p.found.Refused() {
			p.stopHere()
		}
	}
}

// stopHere says that the original ends after the last finding.
func (p *parser) stopHere() { p.found[len(p.found)-1].Stops = true }

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
			p.add(Finding{Level: Error, Pos: at, Original: fmt.Sprintf("%s: in resource %s, referenced resource '%s' not defined.\n", at, r.Name, h.Lower),
				Remedy: suggestResource(p.cfg, h.Lower), Exit: ExitInvalid})
			continue
		}
		h.LowerRes = low
		for _, lh := range low.Hosts {
			if lh.Kind != Stacked {
				h.Names = append(h.Names, lh.Names...)
			}
		}
		for _, v := range h.Volumes {
			p.uniqueDevice(h, v, p.here())
		}
	}
}

// compareLower checks that what our stacked section has, its lower resource has
// too; the lower one may have more.
func (p *parser) compareLower(r *Resource) {
	h := r.Me
	if h == nil || h.LowerRes == nil || h.LowerRes.Me == nil {
		return
	}
	for _, v := range h.Volumes {
		low := h.LowerRes.Me.Volume(v.Number)
		switch {
		case low == nil:
			p.bad(p.here(), fmt.Sprintf("in resource %s, on %s { ... }: volume %d not defined on %s", r.Name, h.NameList(), v.Number, h.Lower), "give the lower resource that volume")
		case low.Implicit != v.Implicit:
			p.differentlyImplicit(r, h.NameList(), h.Lower, v.Number)
		}
	}
}

// fillStacked gives the volumes of stacked sections internal metadata, and ours
// its disk: the device of the lower resource.
func fillStacked(r *Resource) {
	for _, h := range r.Hosts {
		if h.LowerRes == nil {
			continue
		}
		for _, v := range h.Volumes {
			v.MetaDisk, v.MetaIndex = MetaInternal, MetaInternal
			if h != r.Me || h.LowerRes.Me == nil {
				continue
			}
			if low := h.LowerRes.Me.Volume(v.Number); low != nil {
				v.Disk = low.DeviceName()
			}
		}
	}
}

func (p *parser) differentlyImplicit(r *Resource, a, b string, number int) {
	p.bad(p.here(), fmt.Sprintf("in resource %s, on %s resp. %s: volume %d must not be implicit on one but not the other", r.Name, a, b, number),
		"write volume 0 { } on both or on none")
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
			at := Pos{r.Defined.File, h.Pos.Line, 1}
			if h.Kind == Stacked {
				at.Line = 0 // an oddity of the original
			}
			p.add(Finding{Level: Error, Pos: h.Pos, Exit: ExitInvalid, Remedy: "one section for each host",
				Original: fmt.Sprintf("%s: in resource %s, %s { ... } ... %s { ... }:\n\tThere are multiple host sections for this node.\n", at, r.Name, sectionName(r.Me), sectionName(h))})
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
		// The original cannot look for the other families and takes them for its own (seen).
		return h.Address.Family != "ipv4" && h.Address.Family != "ipv6" || p.env.local(h.Address.IP)
	case Stacked:
		if h.LowerRes == nil {
			return false
		}
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
