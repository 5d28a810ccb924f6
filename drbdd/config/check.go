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
	common := p.cfg.Common
	if p.env.DumpOnly {
		common = nil
	}
	if h, ok := Last(mergedOptions(common, r, SectionHandlers), "fence-peer"); ok && strings.Contains(h.Value, "drbd-peer-outdater") {
		p.peerOutdater(h)
	}
	if r.Peer != nil && (r.Me.Proxy == nil) != (r.Peer.Proxy == nil) {
		p.inResource(r, Error, "\tEither both 'on' sections must contain a proxy subsection, or none.", "", ExitInvalid)
	}
	hosts := r.BecomePrimaryOn
	if len(hosts) == 0 && common != nil {
		hosts = common.BecomePrimaryOn
	}
	_, two := Last(mergedOptions(common, r, SectionNet), "allow-two-primaries")
	for _, name := range hosts {
		switch {
		case name == "both" && !two:
			p.inResource(r, Error, "become-primary-on is set to both, but allow-two-primaries is not set.",
				"name one host, or leave become-primary-on to the cluster manager", ExitInvalid)
		case name == "both" || r.Peer == nil || namesHost(r, name): // without a peer it does not look (seen)
		default:
			p.inResource(r, Error, fmt.Sprintf("\tbecome-primary-on contains '%s', which is not named with the 'on' sections.", name),
				fmt.Sprintf("write one of %s", hostNames(r)), ExitInvalid)
		}
	}
}

// lostOptions says which disk options of a volume at resource level lose
// against the resource or common, where one would expect the opposite.
func (p *parser) lostOptions(r *Resource) {
	over := mergedOptions(p.cfg.Common, r, SectionDisk)
	for _, v := range r.Volumes {
		for _, o := range v.DiskOptions {
			if by, set := Last(over, o.Name); set {
				p.warn(o.Pos, fmt.Sprintf("%s of volume %d at resource level loses against %s %s of %s, as in drbdadm 8.4", o.Name, v.Number, by.Name, by.Value, by.Pos),
					"write it in the volume of each host")
			}
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
// Options of volumes are not looked at (seen), and those of common only where
// they reach a resource.
func (p *parser) checkResyncAfter(r *Resource) {
	r.diskRead = r.Disk
	kept := r.Disk[:0:0]
	for _, o := range r.Disk {
		if o.Name != "resync-after" || p.cfg.syncedHere(o.Value) {
			kept = append(kept, o)
		}
	}
	all := r.Disk
	if !p.env.DumpOnly {
		all = mergedOptions(p.cfg.Common, r, SectionDisk)
	}
	for _, o := range all {
		if o.Name != "resync-after" || p.cfg.syncedHere(o.Value) {
			continue
		}
		level, exit := Warn, 0
		if p.env.Terminal {
			level, exit = Error, ExitInvalid
		}
		where, remedy := "", ""
		if p.cfg.afterResource(o.Value) != nil {
			where, remedy = " on this host", "no section of it names this host"
		} else {
			name, _, _ := strings.Cut(o.Value, "/")
			remedy = suggestResource(p.cfg, name)
		}
		p.inResource(r, level, fmt.Sprintf("\tresource '%s' mentioned in 'resync-after' option is not known%s.", o.Value, where),
			fmt.Sprintf("line %d: %s", o.Pos.Line, remedy), exit)
	}
	r.Disk = kept
}

// afterResource is the resource that a resync-after names, with or without a
// volume; nil if there is none.
func (c *Config) afterResource(after string) *Resource {
	if r := c.Resource(after); r != nil {
		return r
	}
	name, _, _ := strings.Cut(after, "/")
	return c.Resource(name)
}

// syncedHere reports whether a resync-after names a resource of this host.
func (c *Config) syncedHere(after string) bool {
	r := c.afterResource(after)
	return r != nil && !r.Ignored
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
