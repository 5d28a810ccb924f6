package config

import (
	"fmt"
	"strings"
)

// setStonith handles the cluster's device: type and file with parameters.
func setStonith(p *haParser, d *Directive, rest token) {
	args := words(rest.text, " \t", rest.col)
	if len(args) == 0 {
		p.fail(rest, "stonith has no device type", "write stonith "+d.Syntax, "ERROR: No Stonith type given")
		return
	}
	if !p.stonithType(args[0]) {
		return
	}
	var file token
	if len(args) > 1 {
		file = args[1]
	}
	if file.text == "" || p.env.stat(file.text, Regular).Kind == NoFile {
		p.fail(file, fmt.Sprintf("stonith %s: cannot open the file of parameters %q", args[0].text, file.text), "write stonith "+d.Syntax,
			"ERROR: glib: Cannot open "+file.text, "ERROR: Invalid Stonith config file ["+file.text+"]")
		return
	}
	p.addStonith(StonithSpec{Host: "*", Type: args[0].text, File: file.text, Pos: p.pos(args[0])})
}

// setStonithHost handles a device as seen from a host. A line for another host
// is not even checked, since its device may not be known here.
func setStonithHost(p *haParser, d *Directive, rest token) {
	args := words(rest.text, " \t", rest.col)
	if len(args) == 0 {
		p.fail(rest, "stonith_host has no host", "write stonith_host "+d.Syntax, "ERROR: No Stonith hostname argument given")
		return
	}
	host := strings.ToLower(args[0].text)
	if host != "*" && host != p.ha.Node {
		return
	}
	if len(args) == 1 {
		p.fail(args[0], "stonith_host "+args[0].text+" has no device type", "write stonith_host "+d.Syntax, "ERROR: No Stonith type given")
		return
	}
	if !p.stonithType(args[1]) {
		return
	}
	s := StonithSpec{Host: host, Type: args[1].text, Pos: p.pos(args[1])}
	for _, a := range args[2:] {
		s.Params = append(s.Params, a.text)
	}
	if len(s.Params) == 0 && s.Type != "suicide" {
		p.fail(args[1], fmt.Sprintf("stonith_host: device type %q has no parameters", s.Type), "`stonith -t "+s.Type+" -n` names them",
			"ERROR: Invalid Stonith configuration parameter []")
		return
	}
	p.addStonith(s)
}

func (p *haParser) stonithType(a token) bool {
	if p.env.StonithType == nil || p.env.StonithType(a.text) {
		return true
	}
	remedy := "`stonith -L` lists the types that are installed"
	if p.env.StonithTypes != nil {
		if near := nearest(a.text, p.env.StonithTypes()); near != "" {
			remedy = fmt.Sprintf("did you mean %q?", near)
		}
	}
	p.fail(a, fmt.Sprintf("there is no STONITH device type %q", a.text), remedy, "ERROR: Invalid Stonith type ["+a.text+"]")
	return false
}

// addStonith keeps all devices in order: they are tried one after the other.
// The original forgets all but the last.
func (p *haParser) addStonith(s StonithSpec) {
	if n := len(p.ha.Stonith); n > 0 {
		prev := p.ha.Stonith[n-1]
		p.add(Finding{Level: Info, Pos: s.Pos, Text: fmt.Sprintf(
			"a second STONITH device: it is tried if the %s of line %d fails (the original would use only this last one)", prev.Type, prev.Pos.Line)})
	}
	p.ha.Stonith = append(p.ha.Stonith, s)
}
