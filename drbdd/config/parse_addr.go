package config

import (
	"fmt"
	"strings"
)

// address reads an address and its semicolon, in a host section. names are the
// hosts that have it.
func (p *parser) address(h *Host, t token, names []string) *Address {
	a := p.addressTokens(t.pos)
	if a.Port != "" {
		p.uniqueAddress(a, names)
		p.expect(';')
		return a
	}
	// Early 0.7: the port is a statement of its own.
	end := p.expect(';')
	p.missingPort = append(p.missingPort, pendingHost{h, len(p.found)})
	p.syntax(wantPunct(':'), end, "write the port behind the address: address A.B.C.D:7788;")
	return a
}

// addressTokens reads [FAMILY] IP:PORT. Without a port Port is empty, if a
// semicolon follows.
func (p *parser) addressTokens(at Pos) *Address {
	a := &Address{Pos: at, Family: "ipv4"}
	t := p.next()
	ip := token{}
	switch p.keyword(t, wantAddress, "ipv4", "ipv6", "ssocks", "sci", "sdp") {
	case "ipv6":
		a.Family = "ipv6"
		ip = p.bracketed()
	case "ssocks", "sci":
		a.Family = "ssocks"
		ip = p.ipv4()
	case "sdp":
		a.Family = "sdp"
		ip = p.ipv4()
	case "ipv4":
		ip = p.ipv4()
	default:
		if t.kind != tokIPv4 {
			remedy := "write A.B.C.D:PORT, or ipv6 [ADDRESS]:PORT"
			if t.isString() {
				remedy = "host names are not looked up: " + remedy
			}
			p.fatal(wantAddress, t, remedy)
		}
		ip = t
	}
	a.IP = ip.text
	if (a.Family == "ssocks" || a.Family == "sdp") && !p.inShow {
		p.warn(at, fmt.Sprintf("address family %s needs special hardware and drivers, which drbdd cannot use", a.Family), "write ipv4 or ipv6")
	}
	if a.Family != "ipv6" {
		p.checkIPv4(ip)
	}
	colon := p.next()
	if colon.is(';') && a.Family == "ipv4" && !p.inShow {
		p.unread(colon)
		return a
	}
	if !colon.is(':') {
		p.fatal(wantPunct(':'), colon, "write the port behind the address: A.B.C.D:7788")
	}
	a.Port = p.port(at)
	return a
}

func (p *parser) ipv4() token {
	t := p.next()
	if t.kind != tokIPv4 {
		p.fatal(wantIPv4, t, "write A.B.C.D:PORT")
	}
	return t
}

func (p *parser) bracketed() token {
	t := p.next()
	if !t.is('[') {
		p.fatal(wantPunct('['), t, "write ipv6 [ADDRESS]:PORT")
	}
	ip := p.next()
	if ip.kind != tokIPv6 {
		p.fatal(wantIPv6, ip, "write ipv6 [ADDRESS]:PORT")
	}
	p.expect(']')
	return ip
}

// checkIPv4 looks at the groups, which the original does not.
func (p *parser) checkIPv4(ip token) {
	for _, g := range strings.Split(ip.text, ".") {
		if n, _ := ParseNumber(g, Plain); n > 255 || len(g) > 1 && g[0] == '0' {
			p.warn(ip.pos, fmt.Sprintf("%s is no usual IPv4 address", ip.text), "write four numbers from 0 to 255 without zeros in front")
			return
		}
	}
}

// port reads and checks the number behind the colon. The original says it twice
// if it is out of range (seen).
func (p *parser) port(at Pos) string {
	t := p.integer()
	n, _ := ParseNumber(t.text, Plain)
	if n < 1 || n > 65535 {
		text := rangeText("port", t.text, n, 1, 65535, Plain)
		p.bad(at, text, "")
		p.bad(at, text, "write a port from 1 to 65535")
	}
	return t.text
}

// uniqueAddress records an address: loopback addresses count for each host, the
// others, and those of floating sections, which have no names, for all
// (drbd-config 5).
func (p *parser) uniqueAddress(a *Address, names []string) {
	key := a.IP + ":" + a.Port
	if !loopback(a.IP) || len(names) == 0 {
		p.unique(a.Pos, "IP", key)
		return
	}
	for _, n := range names {
		p.unique(a.Pos, "IP", n+":"+key)
	}
}

// portGiven takes back the finding about a missing port: the statement port
// gave it.
func (p *parser) portGiven(h *Host) {
	for _, m := range p.missingPort {
		if m.host == h {
			f := &p.found[m.at]
			f.Level, f.Text = Warn, "the address has its port in a statement of its own, as in early 0.7"
		}
	}
}
