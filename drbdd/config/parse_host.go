package config

import (
	"fmt"
	"slices"
)

var hostWords = []string{"disk", "device", "address", "alternate-link-address", "meta-disk", "flexible-meta-disk", "volume", "options", "proxy"}

// on reads "on NAME {NAME} { ... }".
func (p *parser) on(r *Resource) {
	h := &Host{Kind: On}
	for {
		t := p.plain(wantNames, p.next())
		if t.is('{') && len(h.Names) > 0 {
			break
		}
		if !t.isString() {
			w := wantNames
			if t.is('{') {
				w = wantString
			}
			p.fatal(w, t, "write the name of a host, as uname -n prints it")
		}
		h.Names = append(h.Names, t.text)
	}
	p.addHost(r, h)
	p.hostBody(r, h, hostWords, wantHost)
}

func (p *parser) addHost(r *Resource, h *Host) {
	h.Pos = p.here()
	p.sectionAt = h.Pos
	for _, n := range h.Names {
		p.unique(h.Pos, "host section", r.Name+": on "+n)
	}
	r.Hosts = append(r.Hosts, h)
}

// floating reads "floating ADDR;" or "floating ADDR { ... }".
func (p *parser) floating(r *Resource, t token) {
	a := p.addressTokens(t.pos)
	h := &Host{Kind: Floating, Address: a, Names: []string{a.hostPort()}}
	if a.Family == "ipv6" {
		h.Names[0] = a.String()
	}
	p.uniqueAddress(a, nil)
	end := p.next()
	if !end.is('{') && !end.is(';') {
		p.fatal(wantFloating, end, "")
	}
	h.Pos = p.here()
	p.sectionAt = h.Pos
	r.Hosts = append(r.Hosts, h)
	if end.is('{') {
		p.hostBody(r, h, hostWords, wantHost)
	} else {
		p.hostEnd(r, h)
	}
}

// stacked reads "stacked-on-top-of RESOURCE { ... }". Its hosts are known when
// the whole file is.
func (p *parser) stacked(r *Resource, t token) {
	lower := p.str()
	p.unique(t.pos, "stacked-on-top-of", "stacked:"+lower.text)
	p.expect('{')
	h := &Host{Kind: Stacked, Lower: lower.text, Pos: p.here()}
	p.sectionAt = h.Pos
	r.Hosts = append(r.Hosts, h)
	p.hostBody(r, h, []string{"device", "address", "alternate-link-address", "volume", "proxy"}, wantStacked)
}

// showHost reads the two sections of drbdsetup show.
func (p *parser) showHost(r *Resource, k HostKind, name string) {
	p.expect('{')
	h := &Host{Kind: k, Names: []string{name}}
	p.addHost(r, h)
	p.hostBody(r, h, hostWords, wantHost)
}

func (p *parser) hostBody(r *Resource, h *Host, words []string, w wanted) {
	for {
		t := p.next()
		if t.is('}') {
			p.hostEnd(r, h)
			return
		}
		p.hostStatement(r, h, t, words, w)
	}
}

func (p *parser) hostStatement(r *Resource, h *Host, t token, words []string, w wanted) {
	switch name := p.keyword(t, w, words...); name {
	case "address":
		if h.Kind == Floating {
			p.noAddressHere(t)
		}
		p.unique(t.pos, "address statement", p.hostKey(r, h, "address"))
		h.Address = p.address(h, t, h.Names)
	case "alternate-link-address":
		if h.Kind == Floating {
			p.noAddressHere(t)
		}
		p.unique(t.pos, "alt-address statement", p.hostKey(r, h, "alt-address"))
		h.AltAddress = p.address(h, t, h.Names)
	case "disk", "device", "meta-disk", "flexible-meta-disk":
		key := name
		if name == "flexible-meta-disk" {
			key = "meta-disk"
		}
		p.unique(t.pos, key+" statement", p.hostKey(r, h, key))
		p.volumeStatement(t, name, p.implicitVolume(&h.Volumes, t.pos), h)
	case "volume":
		p.volume(&h.Volumes, h)
	case "options":
		p.expect('{')
		p.sectionAt = p.here()
		h.Options = nil // the last section counts (seen)
		p.options(SectionOptions, func(Section) *[]Option { return &h.Options })
		if len(h.Options) > 0 && !p.inShow {
			p.warn(t.pos, "options in a host section have no effect in drbdadm 8.4", "move them to the resource")
		}
	case "proxy":
		p.proxy(r, h, t)
	default:
		p.hostOther(h, t, words, w)
	}
}

func (p *parser) noAddressHere(t token) {
	p.fail(Finding{Level: Error, Pos: t.pos, Original: p.here().String() + ": address statement not allowed for floating {} host sections\n",
		Remedy: "the address stands behind floating", Exit: ExitInvalid, Stops: true})
}

func (p *parser) hostKey(r *Resource, h *Host, what string) string {
	return r.Name + ":" + h.Name() + ":" + what
}

func (p *parser) hostOther(h *Host, t token, words []string, w wanted) {
	if old := p.oldWord(SectionHost, t, w); old != nil {
		v := p.integer()
		p.expect(';')
		p.oldHostNumber(h, t, old.Name, v)
		return
	}
	if p.nineOption(SectionHost, t, w) {
		return
	}
	if t.word("skip") {
		p.slip(w, t, "skip within a host section", "since 8.0 it may only stand outside of resources")
		p.skip(t)
		return
	}
	remedy := elsewhere(SectionHost, t.text)
	if remedy == "" {
		remedy = suggest(t.text, words)
	}
	p.fatal(w, t, remedy)
}

// oldHostNumber puts the port and the slot of early 0.7 where they belong.
func (p *parser) oldHostNumber(h *Host, t token, name string, v token) {
	switch {
	case name == "port" && h.Address != nil:
		h.Address.Port = v.text
		p.portGiven(h)
	case name == "meta-index" && len(h.Volumes) > 0 && h.Volumes[0].MetaDisk != "":
		h.Volumes[0].MetaIndex = v.text
	default:
		p.bad(t.pos, name+" stands before what it belongs to", "write it behind the address or the meta-disk")
	}
}

// hostEnd completes a host section: what it leaves out comes from the resource,
// as far as that was read before (seen); then it is checked.
func (p *parser) hostEnd(r *Resource, h *Host) {
	inherited := p.inherit(r, h)
	slices.SortStableFunc(h.Volumes, func(a, b *Volume) int { return a.Number - b.Number })
	if p.inShow {
		return
	}
	for i := 1; i < len(h.Volumes); i++ {
		if h.Volumes[i].Number == h.Volumes[i-1].Number {
			p.add(Finding{Level: Error, Pos: h.Volumes[i].Pos, Original: fmt.Sprintf("internal error: in %s: unsorted volumes list\n", r.Name),
				Remedy: fmt.Sprintf("volume %d is there twice", h.Volumes[i].Number), Exit: ExitInvalid})
		}
	}
	if len(h.Volumes) > 1 && slices.ContainsFunc(h.Volumes, func(v *Volume) bool { return v.Implicit }) && !p.allImplicit(h) {
		p.bad(p.sectionAt, fmt.Sprintf("in resource %s: you must not mix implicit and explicit volumes", r.Name), "put all of them into volume N { }")
	}
	if h.Kind == ThisHost || h.Kind == RemoteHost {
		return
	}
	if h.Address == nil {
		p.missingAddress = append(p.missingAddress, pendingHost{h, len(p.found)})
		p.missing(r, h, "address")
	}
	for _, v := range h.Volumes {
		p.volumeComplete(r, h, v, inherited[v])
	}
}

func (p *parser) allImplicit(h *Host) bool {
	return !slices.ContainsFunc(h.Volumes, func(v *Volume) bool { return !v.Implicit })
}

// pendingHost is a host whose address may still come: from a connection of DRBD
// 9, or a port statement of 0.7. at is the index of the finding.
type pendingHost struct {
	host *Host
	at   int
}

func (p *parser) missing(r *Resource, h *Host, what string) {
	remedy := ""
	if what != "address" && what != "meta-index" {
		remedy = fmt.Sprintf("write %s in the host section, or in the resource before it", what)
	} else if what == "address" {
		remedy = "write address A.B.C.D:PORT;"
	}
	p.bad(p.sectionAt, fmt.Sprintf("in resource %s, on %s { ... }: '%s' keyword missing.", r.Name, h.NameList(), what), remedy)
}

// inherit gives a host what the volumes of the resource say and it does not.
// Their disk options are looked up when they are needed, see mergedDisk. The
// result says which disks were handed down.
func (p *parser) inherit(r *Resource, h *Host) map[*Volume]bool {
	disks := map[*Volume]bool{}
	seen := map[int]bool{}
	for _, from := range r.Volumes {
		if seen[from.Number] {
			continue // the first of a number counts (seen)
		}
		seen[from.Number] = true
		to := h.Volume(from.Number)
		if to == nil {
			to = &Volume{Pos: p.here(), Number: from.Number, Implicit: from.Implicit, Minor: -1}
			h.Volumes = append(h.Volumes, to)
		}
		if to.Disk == "" && from.Disk != "" && h.Kind != Stacked {
			to.Disk, disks[to] = from.Disk, true
		}
		if to.Minor < 0 && to.Device == "" && (from.Minor >= 0 || from.Device != "") {
			to.Device, to.Minor = from.Device, from.Minor
			p.uniqueDevice(h, to, p.here())
		}
		if to.MetaDisk == "" && h.Kind != Stacked {
			to.MetaDisk, to.MetaIndex = from.MetaDisk, from.MetaIndex
		}
	}
	return disks
}

// volumeComplete checks one volume at the end of its host section.
func (p *parser) volumeComplete(r *Resource, h *Host, v *Volume, diskInherited bool) {
	if diskInherited && !v.Diskless() {
		for _, n := range h.Names {
			p.unique(p.here(), "disk", "disk:"+n+":"+v.Disk)
		}
	}
	if v.Minor < 0 && v.Device == "" {
		p.missing(r, h, "device")
	}
	if h.Kind == Stacked {
		return
	}
	if v.Disk == "" {
		p.missing(r, h, "disk")
	}
	if v.MetaDisk == "" && !v.Diskless() {
		p.missing(r, h, "meta-disk")
		p.missing(r, h, "meta-index")
	}
	if v.MetaDisk != "" && v.MetaDisk != MetaInternal {
		for _, n := range h.Names {
			p.unique(p.here(), "meta-disk", fmt.Sprintf("%s:%s[%s]", n, v.MetaDisk, v.MetaIndex))
		}
	}
}
