package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxMedia is the size of the original's table of media.
const maxMedia = 64

const defaultBaud = 19200

// mediaNames is what the original's messages call a kind of medium.
var mediaNames = map[string]string{
	"bcast": "UDP/IP broadcast", "serial": "serial ring", "ping": "ping membership", "ping6": "ping6 membership",
}

var bauds = []int{9600, 19200, 38400, 57600, 115200, 230400, 460800}

var mediaTable = []Directive{
	{Name: "udpport", Syntax: "PORT", Doc: "UDP port of the media that follow; default ha-cluster of /etc/services, else 694", recorded: true, set: setUDPPort},
	{Name: "baud", Syntax: "RATE", Once: true, Default: "19200", Doc: "speed of the serial lines that follow", recorded: true, set: setBaud},
	{Name: "bcast", Syntax: "INTERFACE...", Doc: "heartbeats by broadcast on these interfaces", set: setBcast},
	{Name: "udp", Syntax: "INTERFACE...", Doc: "obsolete name of bcast", set: setBcast},
	{Name: "ucast", Whole: true, Syntax: "INTERFACE ADDRESS", Doc: "heartbeats to one peer by UDP", set: setUcast},
	{Name: "mcast", Whole: true, Syntax: "INTERFACE GROUP PORT TTL LOOP", Doc: "heartbeats by IPv4 multicast", set: setMcast},
	{Name: "ucast6", Whole: true, Syntax: "INTERFACE ADDRESS", Doc: "heartbeats to one peer by UDP over IPv6", set: setUcast},
	{Name: "mcast6", Whole: true, Syntax: "INTERFACE GROUP PORT HOPS LOOP", Doc: "heartbeats by IPv6 multicast", set: setMcast},
	{Name: "serial", Syntax: "DEVICE...", Doc: "heartbeats over serial lines", set: setSerial},
	{Name: "ping", Syntax: "HOST...", Doc: "hosts whose reachability tells whether our own network works", set: setPing},
	{Name: "ping6", Syntax: "HOST...", Doc: "as ping, by IPv6", set: setPing},
	{Name: "ping_group", Whole: true, Syntax: "NAME HOST...", Doc: "hosts of which one must answer, together one ping node", set: setPingGroup},
}

// addMedium appends m unless the table is full.
func (p *haParser) addMedium(a token, m MediaSpec) {
	m.Pos = p.pos(a)
	if len(p.ha.Media) >= maxMedia {
		// mcast and the like name their argument's whole line.
		p.fail(a, fmt.Sprintf("%s %s is one medium too many: there may be %d", m.Kind, a.text, maxMedia), "remove media",
			fmt.Sprintf("ERROR: Too many media specified (> %d)", maxMedia), "info: Offending command: "+m.Kind+" "+a.text)
		return
	}
	p.ha.Media = append(p.ha.Media, m)
}

// illegalMedium is the last line of the original for a bad word of a per-word
// medium.
func illegalMedium(kind, word string) string {
	return "ERROR: Illegal " + kind + " [" + mediaNames[kind] + "] in config file [" + word + "]"
}

func setUDPPort(p *haParser, d *Directive, a token) {
	port, whole := atoi(a.text)
	if port <= 0 {
		p.fail(a, fmt.Sprintf("udpport: %q is not a port number", a.text), "write udpport 694",
			"heartbeat: invalid port ["+a.text+"] specified.")
		return
	}
	if port > 65535 || !whole {
		p.warn(a, fmt.Sprintf("udpport: %q was taken for %d", a.text, port&0xffff), "write a number from 1 to 65535")
	}
	if p.env.ServiceAt != nil {
		if name, ok := p.env.ServiceAt(port&0xffff, "udp"); ok && name != "ha-cluster" {
			p.warn(a, fmt.Sprintf("udp port %d is known as %q in the services file", port&0xffff, name), "choose a port that nothing else uses, 694 is Heartbeat's own",
				fmt.Sprintf("WARN: heartbeat: udp port %s reserved for service %q.", strconv.Itoa(port), name))
		}
	}
	for _, m := range p.ha.Media {
		if m.Port != 0 && !strings.HasPrefix(m.Kind, "mcast") && m.Port != port&0xffff {
			p.warn(a, fmt.Sprintf("udpport %d stands after %s %s of line %d, which keeps port %d", port, m.Kind, m.Link, m.Pos.Line, m.Port),
				"move udpport above the media")
			break
		}
	}
	p.udpport = port & 0xffff
}

// latchPort is the port for a medium of this kind: the one that was known when
// the kind was used first stays for all of that kind (heartbeat-config 3, Media).
func (p *haParser) latchPort(kind string) int {
	if port, ok := p.latched[kind]; ok {
		return port
	}
	p.latched[kind] = p.portNow()
	return p.latched[kind]
}

func (p *haParser) portNow() int {
	if p.udpport > 0 {
		return p.udpport
	}
	if p.env.Service != nil {
		if port, ok := p.env.Service("ha-cluster", "udp"); ok {
			return port
		}
	}
	return DefaultUDPPort
}

func setBaud(p *haParser, d *Directive, a token) {
	if _, again := p.first["baud value"]; again {
		p.fail(a, "baud is given a second time", "remove one of them", "heartbeat: Baudrate multiply specified.")
		return
	}
	p.first["baud value"] = p.pos(a)
	rate, whole := atoi(a.text)
	if !slices.Contains(bauds, rate) {
		p.fail(a, fmt.Sprintf("baud: %q is not a speed of a serial line", a.text), "write one of 9600 19200 38400 57600 115200 230400 460800",
			"heartbeat: invalid baudrate ["+a.text+"] specified.")
		return
	}
	if !whole {
		p.warn(a, fmt.Sprintf("baud: %q was taken for %d", a.text, rate), fmt.Sprintf("write baud %d", rate))
	}
	for _, m := range p.ha.Media {
		if m.Kind == "serial" && m.Baud != rate {
			p.warn(a, fmt.Sprintf("baud %d stands after serial %s of line %d, and all serial lines keep %d", rate, m.Link, m.Pos.Line, m.Baud),
				"move baud above the serial lines")
			break
		}
	}
	p.ha.Baud = rate
}

func setBcast(p *haParser, d *Directive, a token) {
	if d.Name == "udp" && p.first["udp line "+strconv.Itoa(p.line)] == (Pos{}) {
		p.first["udp line "+strconv.Itoa(p.line)] = p.pos(a)
		p.warn(a, "udp is the old name of bcast", "write bcast "+a.text, "WARN: WARNING: directive 'udp' replaced by 'bcast'")
	}
	i, ok := p.env.iface(a.text)
	if ok && i.IPv4 {
		p.addMedium(a, MediaSpec{Kind: "bcast", Link: a.text, Port: p.latchPort("bcast")})
		return
	}
	why, text := "No such device", fmt.Sprintf("bcast: there is no interface %q", a.text)
	if ok {
		why, text = "Cannot assign requested address", fmt.Sprintf("bcast: interface %q has no IPv4 address", a.text)
	}
	p.fail(a, text, "name an interface that `ip -4 addr` shows",
		"ERROR: glib: Get broadcast for interface "+a.text+" failed: "+why,
		"ERROR: glib: IP interface ["+a.text+"] does not exist", illegalMedium("bcast", a.text))
}

// setUcast handles ucast and ucast6. The original crashes at ucast without
// arguments; we refuse (heartbeat-config 3).
func setUcast(p *haParser, d *Directive, rest token) {
	kind := d.Name
	args := words(rest.text, " \t", rest.col)
	six := kind == "ucast6"
	switch {
	case len(args) == 0:
		var o []string
		if six {
			o = []string{"ERROR: glib: ucast6 statement without device"}
		}
		p.fail(rest, kind+" has no interface and no address", "write "+kind+" "+d.Syntax, o...)
		return
	case len(args) == 1:
		o := "ERROR: glib: ucast: [" + args[0].text + "] missing target IP address/hostname"
		if six {
			o = "ERROR: glib: ucast6 [" + args[0].text + "] missing ucast6 address"
		}
		remedy := "write " + kind + " " + d.Syntax
		if strings.Contains(args[0].text, ",") {
			remedy = "separate the two by a blank: commas do not separate here"
		}
		p.fail(args[0], kind+" "+args[0].text+": the address of the peer is missing", remedy, o)
		return
	}
	dev, host := args[0].text, args[1].text
	var addr netip.Addr
	if six {
		if _, ok := p.env.iface(dev); !ok {
			p.fail(args[0], fmt.Sprintf("ucast6: there is no interface %q", dev), "name an interface that `ip addr` shows",
				"ERROR: glib: ucast6 device ["+dev+"] is invalid or not set up properly")
			return
		}
		var err error
		if addr, err = netip.ParseAddr(host); err != nil || !addr.Is6() {
			p.fail(args[1], fmt.Sprintf("ucast6: %q is not an IPv6 address", host), "write the peer's address, as in ucast6 eth0 fe80::1",
				"ERROR: glib: ucast6 ["+dev+"] bad addr ["+host+"]")
			return
		}
	} else {
		var err error
		if addr, err = p.env.resolve("ip4", host); err != nil {
			p.fail(args[1], fmt.Sprintf("ucast: %q has no IPv4 address", host), "write the peer's address, or put the name into /etc/hosts",
				"ERROR: glib: ucast: cannot resolve hostname", "ERROR: glib: ucast: interface ["+dev+"] does not exist")
			return
		}
		if _, ok := p.env.iface(dev); !ok {
			// The original notices only when it opens the medium, and does not start then either.
			p.warn(args[0], fmt.Sprintf("ucast: there is no interface %q now; the start will fail when it is opened", dev), "name an interface that `ip -4 addr` shows")
		}
	}
	p.surplus(args, 2, kind)
	p.addMedium(rest, MediaSpec{Kind: kind, Link: dev, Host: host, Addr: addr, Port: p.latchPort(kind)})
}

// surplus warns about words behind the last that counts.
func (p *haParser) surplus(args []token, n int, kind string) {
	if len(args) > n {
		p.warn(args[n], fmt.Sprintf("%s: %q is one word too many and was ignored", kind, args[n].text), "remove it")
	}
}
