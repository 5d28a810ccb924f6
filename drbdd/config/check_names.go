package config

import (
	"fmt"
	"strings"
)

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
	p.checkDiscard(r, common)
	p.checkCombinations(r)
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

// checkCombinations looks at options that are refused or make no sense together
// (drbd-config 4.2, drbd-cli 3.1 codes 139, 154, 155). The original leaves it to
// the kernel.
func (p *parser) checkCombinations(r *Resource) {
	net := p.cfg.Merged(r, SectionNet)
	disk := p.cfg.Merged(r, SectionDisk)
	protocol := p.cfg.Protocol(r)
	if o, ok := Last(net, "allow-two-primaries"); ok && o.Yes() && protocol != "C" {
		p.warn(o.Pos, "allow-two-primaries with protocol "+protocol+" is refused", "use protocol C")
	}
	if o, ok := Last(disk, "fencing"); ok && o.Value == "resource-and-stonith" && protocol == "A" {
		p.warn(o.Pos, "fencing resource-and-stonith with protocol A is refused", "use protocol B or C")
	}
	if o, ok := Last(net, "on-congestion"); ok && o.Value == "pull-ahead" && protocol != "A" {
		p.warn(o.Pos, "on-congestion pull-ahead with protocol "+protocol+" is refused", "use protocol A, or on-congestion block")
	}
	timeout, given := Last(net, "timeout")
	for _, name := range []string{"connect-int", "ping-int"} {
		o, set := Last(net, name)
		if !given && !set {
			continue
		}
		tenths, seconds := p.numberOr(timeout, given, "timeout"), p.numberOr(o, set, name)
		if tenths >= 10*seconds {
			at := timeout.Pos
			if !given {
				at = o.Pos
			}
			p.warn(at, fmt.Sprintf("timeout %d (1/10 seconds) is not less than %s %d (seconds)", tenths, name, seconds), "make timeout less than ten times that")
		}
	}
}

// numberOr is the value of an option, or its default.
func (p *parser) numberOr(o Option, given bool, name string) uint64 {
	text := Lookup(SectionNet, name).Default
	if given {
		text = o.Value
	}
	n, _ := ParseNumber(text, Plain)
	return n
}

// checkDiscard looks for a node in after-sb-0pri that nobody is: the original
// takes it for the peer and says nothing.
func (p *parser) checkDiscard(r, common *Resource) {
	o, _ := Last(mergedOptions(common, r, SectionNet), "after-sb-0pri")
	if node, ok := strings.CutPrefix(o.Value, discardNode); ok && !namesHost(r, node) {
		p.warn(o.Pos, fmt.Sprintf("after-sb-0pri %s names no host of resource %s and means discard-remote", o.Value, r.Name), fmt.Sprintf("write one of %s", hostNames(r)))
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
	var kept []Option
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
		f := p.cfg.unknownAfter(r, o.Value, level)
		f.Exit = exit
		f.Remedy = fmt.Sprintf("line %d: %s", o.Pos.Line, f.Remedy)
		p.add(f)
	}
	r.Disk = kept
	for _, h := range r.Hosts {
		for _, v := range h.Volumes {
			if o, ok := Last(v.DiskOptions, "resync-after"); ok && !p.cfg.syncedHere(o.Value) {
				p.warn(o.Pos, fmt.Sprintf("resync-after %s names no resource of this host and has no effect", o.Value), "correct it or leave it out")
			}
		}
	}
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
