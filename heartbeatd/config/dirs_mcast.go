package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// setMcast handles mcast and mcast6. The ranges are those that the original
// checks, not those that its documentation states: ttl 0 to 4, loop 0 or 1.
func setMcast(p *haParser, d *Directive, rest token) {
	kind, six := d.Name, d.Name == "mcast6"
	args := words(rest.text, " \t", rest.col)
	remedy := "write " + kind + " " + d.Syntax
	if len(args) == 0 {
		var o []string
		if six {
			o = []string{"ERROR: glib: mcast6 statement without device"}
		}
		p.fail(rest, kind+" has no arguments", remedy, o...)
		return
	}
	dev := args[0].text
	missing := [...]string{"mcast address", "port", "ttl", "loop"}
	if six {
		missing[0], missing[2] = "mcast6 address", "hops"
	}
	if len(args) < 5 {
		what := missing[len(args)-1]
		p.fail(args[len(args)-1], fmt.Sprintf("%s %s: the %s is missing", kind, dev, what), remedy,
			"ERROR: glib: "+kind+" ["+dev+"] missing "+what)
		return
	}
	// Most of the original's messages have a second blank here.
	bad := func(arg token, what, text, remedy string, value any) {
		sep := "ERROR: glib:  "
		if what == "addr" && !six {
			sep = "ERROR: glib: "
		}
		p.fail(arg, text, remedy, fmt.Sprintf("%s%s [%s] bad %s [%v]", sep, kind, dev, what, value))
	}
	if !p.mcastDevice(args[0], kind) {
		return
	}
	addr, err := netip.ParseAddr(args[1].text)
	if err != nil || !addr.IsMulticast() || addr.Is6() != six {
		example := "225.0.0.1"
		if six {
			example = "ff02::694"
		}
		bad(args[1], "addr", fmt.Sprintf("%s: %q is not a multicast address", kind, args[1].text), "write an address such as "+example, args[1].text)
		return
	}
	port, _ := atoi(args[2].text)
	if port &= 0xffff; port == 0 && !six {
		bad(args[2], "port", fmt.Sprintf("mcast: %q is not a port number", args[2].text), "write 694", port)
		return
	} else if port == 0 {
		p.warn(args[2], fmt.Sprintf("mcast6: %q is not a port number", args[2].text), "write 694; any free port is used otherwise, which the peer cannot know")
	}
	ttl, _ := atoi(args[3].text)
	if ttl &= 0xff; ttl > 4 {
		word := "ttl"
		if six {
			word = "hops"
		}
		bad(args[3], word, fmt.Sprintf("%s: the %s %q is not a number from 0 to 4", kind, word, args[3].text), "write 1 for nodes on one network", ttl)
		return
	}
	loop, _ := atoi(args[4].text)
	if loop &= 0xff; loop > 1 {
		bad(args[4], "loop", fmt.Sprintf("%s: loop %q is neither 0 nor 1", kind, args[4].text), "write 0", loop)
		return
	}
	p.surplus(args, 5, kind)
	p.addMedium(rest, MediaSpec{Kind: kind, Link: dev, Host: args[1].text, Addr: addr, Port: port, TTL: ttl, Loop: loop == 1})
}

// mcastDevice checks the interface of a multicast medium.
func (p *haParser) mcastDevice(a token, kind string) bool {
	i, ok := p.env.iface(a.text)
	if ok && (kind == "mcast6" || i.IPv4) {
		return true
	}
	text, why := fmt.Sprintf("%s: there is no interface %q", kind, a.text), "No such device"
	if ok {
		text, why = fmt.Sprintf("%s: interface %q has no IPv4 address", kind, a.text), "Cannot assign requested address"
	}
	o := []string{"ERROR: glib: " + kind + " device [" + a.text + "] is invalid or not set up properly"}
	if kind == "mcast" {
		o = append([]string{"ERROR: glib: Unable to retrieve local interface address for interface [" + a.text + "] using ioctl(SIOCGIFADDR): " + why}, o...)
	}
	p.fail(a, text, "name an interface that `ip addr` shows", o...)
	return false
}

func setSerial(p *haParser, d *Directive, a token) {
	var why, text string
	remedy := "name a serial line such as /dev/ttyS0"
	switch info := p.env.stat(a.text, CharDevice); {
	case !strings.HasPrefix(a.text, "/"):
		why, text = "Serial port not full pathname ["+a.text+"] in config file", fmt.Sprintf("serial: %q is not a full path", a.text)
		remedy = "write /dev/" + a.text
	case info.Kind == NoFile:
		why, text = "Nonexistent serial port ["+a.text+"] in config file", fmt.Sprintf("serial: %s does not exist", a.text)
	case info.Kind != CharDevice:
		why, text = "Serial port ["+a.text+"] not a char device in config file", fmt.Sprintf("serial: %s is not a character device", a.text)
	}
	if why != "" {
		p.fail(a, text, remedy, "ERROR: glib: "+why, illegalMedium("serial", a.text))
		return
	}
	baud, latched := p.latched["serial"]
	if !latched {
		if baud = p.ha.Baud; baud == 0 {
			baud = defaultBaud
		}
		p.latched["serial"] = baud // for all serial lines, as seen with the real daemon
	}
	p.addMedium(a, MediaSpec{Kind: "serial", Link: a.text, Baud: baud})
}

// setPing handles ping and ping6.
func setPing(p *haParser, d *Directive, a token) {
	network := "ip4"
	if d.Name == "ping6" {
		network = "ip6"
	}
	addr, err := p.env.resolve(network, a.text)
	if err != nil {
		var o []string
		if network == "ip4" {
			o = append(o, "ERROR: glib: unknown host: "+a.text+": Resource temporarily unavailable")
		}
		p.fail(a, fmt.Sprintf("%s: host %q has no address", d.Name, a.text), "write the address of a router or switch that is always there",
			append(o, illegalMedium(d.Name, a.text))...)
		return
	}
	p.addMedium(a, MediaSpec{Kind: d.Name, Link: a.text, Host: a.text, Addr: addr})
}

func setPingGroup(p *haParser, d *Directive, rest token) {
	args := words(rest.text, " \t", rest.col)
	if len(args) < 2 {
		p.fail(rest, "ping_group needs a name and at least one host", "write ping_group "+d.Syntax)
		return
	}
	m := MediaSpec{Kind: "ping_group", Link: args[0].text}
	for _, a := range args[1:] {
		addr, err := p.env.resolve("ip4", a.text)
		if err != nil {
			p.warn(a, fmt.Sprintf("ping_group %s: host %q has no address and is left out", m.Link, a.text), "correct or remove it",
				"ERROR: glib: unknown host: "+a.text+": Resource temporarily unavailable")
		}
		m.Members = append(m.Members, PingMember{Host: a.text, Addr: addr})
	}
	p.addMedium(rest, m)
}
