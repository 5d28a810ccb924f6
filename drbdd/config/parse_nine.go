package config

import (
	"fmt"
	"strings"
)

// nineWords are the blocks of DRBD 9 in a resource, until it is complete.
type nineWords struct {
	meshes      []nineMesh
	connections []*nineConnection
}

type nineMesh struct {
	found int // index of its finding
	hosts []string
}

type nineConnection struct {
	found int // index of its finding
	hosts []nineHost
	paths int
}

// nineHost is "host NAME address ADDR" or "host NAME port N".
type nineHost struct {
	at      token
	name    string
	address *Address
	port    string
}

// accept9 records a construct of DRBD 9, which stops the 8.4 tools, and returns
// the index of the finding: what follows may show that it must be refused.
func (p *parser) accept9(w wanted, t token, text string) int {
	p.slip(w, t, text, "the 8.4 tools refuse the file")
	return len(p.found) - 1
}

// refuse9 makes a finding of accept9 an error: the construct has no meaning with
// one peer and the 8.4 protocol (drbd-config 9).
func (p *parser) refuse9(at int, word, remedy string) {
	f := p.found[at]
	f.Level, f.Ours, f.Remedy = Error, true, remedy
	f.Text = fmt.Sprintf("'%s' is a DRBD 9 feature, not supported with the 8.4 protocol", word)
	p.found[at] = f
}

// nineOption reads an option of DRBD 9 in any section.
func (p *parser) nineOption(s Section, t token, w wanted) bool {
	if t.kind != tokWord {
		return false
	}
	if s == SectionNet && t.text == "fencing" {
		d := Lookup(SectionDisk, "fencing")
		p.accept9(w, t, "fencing in net { } is the place of DRBD 9: taken for disk { fencing }")
		p.optionValue(t, d, s, false, &p.cur.Disk)
		return true
	}
	word, ok := lookup9(s, t.text)
	if !ok {
		return false
	}
	at := p.accept9(w, t, "")
	var values []string
	v := p.next()
	for ; v.kind == tokWord || v.kind == tokString || v.kind == tokInt; v = p.next() {
		values = append(values, v.text)
	}
	if !v.is(';') {
		p.fatal(wantPunct(';'), v, "")
	}
	value := strings.Join(values, " ")
	p.found[at].Text = fmt.Sprintf("'%s' is a DRBD 9 feature; %s changes nothing here and is ignored", t.text, strings.TrimSpace(t.text+" "+value))
	if !word.harmless(value) {
		p.refuse9(at, t.text, "leave it out")
	}
	return true
}

// nineResource reads a statement of DRBD 9 in a resource.
func (p *parser) nineResource(r *Resource, t token) bool {
	switch {
	case t.word("connection-mesh"):
		p.mesh(t)
	case t.word("connection"):
		p.connection(r, t)
	default:
		return p.nineOption(SectionResource, t, wantResource)
	}
	return true
}

// mesh reads "connection-mesh { hosts A B; [net { }] }".
func (p *parser) mesh(t token) {
	m := nineMesh{found: p.accept9(wantResource, t, "connection-mesh of the two hosts is what 8.4 does anyway")}
	p.expect('{')
	for {
		in := p.next()
		switch {
		case in.is('}'):
			p.nine.meshes = append(p.nine.meshes, m)
			return
		case in.word("hosts"):
			m.hosts = append(m.hosts, p.hosts()...)
		case in.word("net"):
			p.expect('{')
			p.options(SectionNet, p.cur.section)
		default:
			p.fatal(wanted{"hosts | net", false}, in, "")
		}
	}
}

// connection reads "connection [NAME] { host ...; host ...; }", with one path.
func (p *parser) connection(r *Resource, t token) {
	c := &nineConnection{found: p.accept9(wantResource, t, "connection of DRBD 9: taken for the addresses and options of the two hosts")}
	p.nine.connections = append(p.nine.connections, c)
	if n := p.next(); !n.isString() {
		p.unread(n)
	}
	p.expect('{')
	for {
		in := p.next()
		switch {
		case in.is('}'):
			return
		case in.word("host"):
			c.hosts = append(c.hosts, p.nineHost(in))
		case in.word("path"):
			p.path(c)
		case in.word("net"):
			p.expect('{')
			p.options(SectionNet, r.section)
		case in.word("disk"):
			p.expect('{')
			p.options(SectionDisk, r.section)
		default:
			if p.nineOption(SectionResource, in, wantResource) {
				continue
			}
			p.refuse9(p.accept9(wantResource, in, ""), "connection { "+in.text+" }", "write host A address ...; host B address ...;")
			if in.kind == tokEOF || in.is(';') || in.is('{') {
				panic(stop{})
			}
			p.skipStatement()
		}
	}
}

func (p *parser) path(c *nineConnection) {
	c.paths++
	p.expect('{')
	for {
		in := p.next()
		if in.is('}') {
			return
		}
		if !in.word("host") {
			p.fatal(wanted{"host", false}, in, "")
		}
		c.hosts = append(c.hosts, p.nineHost(in))
	}
}

func (p *parser) nineHost(t token) nineHost {
	h := nineHost{at: t, name: p.str().text}
	in := p.next()
	switch {
	case in.word("address"):
		h.address = p.addressTokens(in.pos)
		in = p.next()
	case in.word("port"):
		h.port = p.port(in.pos)
		in = p.next()
	}
	if !in.is(';') {
		p.fatal(wantPunct(';'), in, "write host NAME address A.B.C.D:PORT;")
	}
	return h
}

// settleNine turns the blocks into what the host sections would have said.
func (p *parser) settleNine(r *Resource) {
	nine := p.nine
	p.nine = nineWords{}
	for _, m := range nine.meshes {
		if len(m.hosts) != 2 || len(r.Hosts) != 2 || m.hosts[0] == m.hosts[1] || p.hostOf(r, m.hosts[0]) == nil || p.hostOf(r, m.hosts[1]) == nil {
			p.refuse9(m.found, "connection-mesh", "it must name the two hosts of the resource")
		}
	}
	for i, c := range nine.connections {
		if i > 0 || c.paths > 1 || len(c.hosts) != 0 && len(c.hosts) != 2 {
			p.refuse9(c.found, "connection", "one connection of two hosts with one path is possible")
			continue
		}
		for _, h := range c.hosts {
			p.connect(r, h)
		}
	}
}

func (p *parser) hostOf(r *Resource, name string) *Host {
	for _, h := range r.Hosts {
		if h.Has(name) {
			return h
		}
	}
	return nil
}

// connect gives a host the address that a connection names.
func (p *parser) connect(r *Resource, c nineHost) {
	h := p.hostOf(r, c.name)
	if h == nil {
		p.refuse9(p.accept9(wantResource, c.at, ""), "host "+c.name, fmt.Sprintf("there is no section on %s in resource %s", c.name, r.Name))
		return
	}
	switch {
	case c.address != nil:
		h.Address = c.address
		p.uniqueAddress(c.address, h.Names)
	case c.port != "" && h.Address != nil:
		moved := *h.Address
		moved.Port, moved.Pos = c.port, c.at.pos
		h.Address = &moved
		p.uniqueAddress(h.Address, h.Names)
	}
	if h.Address != nil {
		for _, m := range p.missingAddress {
			if m.host == h {
				f := &p.found[m.at]
				f.Level, f.Text = Note, fmt.Sprintf("the address of host %s stands in its connection", c.name)
			}
		}
	}
}
