package config

import "fmt"

// proxy reads "proxy on NAME {NAME} { inside ADDR; outside ADDR; ... }".
func (p *parser) proxy(r *Resource, h *Host, t token) {
	if on := p.next(); !on.word("on") {
		p.fatal(wantOn, on, "write proxy on HOST { }")
	}
	x := &Proxy{}
	for {
		t := p.plain(wantNames, p.next())
		if t.is('{') && len(x.Names) > 0 {
			break
		}
		if !t.isString() {
			w := wantNames
			if t.is('{') {
				w = wantString
			}
			p.fatal(w, t, "write the name of a host")
		}
		x.Names = append(x.Names, t.text)
	}
	x.Pos = p.here()
	h.Proxy = x
	for {
		t := p.next()
		if t.is('}') {
			break
		}
		switch p.keyword(t, wantProxy, "inside", "outside", "options") {
		case "inside":
			x.Inside = p.address(h, t, x.Names)
		case "outside":
			x.Outside = p.address(h, t, x.Names)
		case "options":
			p.expect('{')
			p.sectionAt = p.here()
			p.proxyOptions(&x.Options, &x.Plugins)
		default:
			p.fatal(wantProxy, t, "")
		}
	}
	for i, a := range []*Address{x.Inside, x.Outside} {
		if a == nil {
			what := []string{"inside", "outside"}[i]
			p.bad(p.sectionAt, fmt.Sprintf("in section: on %s { proxy on %s { ... } }: '%s' keyword missing.", h.Name(), x.Names[0], what), "")
		}
	}
	if h != r.Hosts[0] {
		return // said already
	}
	p.warn(t.pos, fmt.Sprintf("resource %s goes through DRBD Proxy, which drbdd does not serve", r.Name), "start the proxy by its own means")
}

// proxyOptions reads the options of the proxy, which has a block of plugins.
func (p *parser) proxyOptions(opts *[]Option, plugins *[]string) {
	for {
		t := p.next()
		if t.is('}') {
			return
		}
		if p.keyword(t, wantOption, "plugin") != "" {
			*plugins = p.plugins()
			continue
		}
		p.option(SectionProxy, t, wantOption, func(Section) *[]Option { return opts })
	}
}

// plugins reads "{ WORD {WORD} ; ... }": each statement is a line of words.
func (p *parser) plugins() []string {
	fail := func(at Pos, text, remedy string) {
		p.fail(Finding{Level: Error, Pos: at, Original: at.String() + ": " + text + "\n", Remedy: remedy, Exit: ExitInvalid, Stops: true})
	}
	if t := p.next(); !t.is('{') {
		fail(t.pos, `expected "{" after "proxy" keyword`, "write plugin { NAME; }")
	}
	var out []string
	line, words := "", 0
	for {
		t := p.next()
		switch {
		case t.kind == tokEOF:
			fail(t.pos, "Unexpected end-of-file", "the plugin section has no }")
		case t.is('}'):
			if words > 0 {
				fail(t.pos, `Missing ";" before  "}"`, "")
			}
			return out
		case t.is(';'):
			if words > 0 {
				out = append(out, line)
			}
			line, words = "", 0
		default:
			if words > 0 {
				line += " "
			}
			line += t.text
			words++
		}
	}
}
