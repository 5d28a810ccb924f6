package config

import "fmt"

// global reads the section of that name (drbd-config 4.7).
func (p *parser) global(t token) {
	if len(p.cfg.Resources) > 0 {
		p.add(Finding{Level: Warn, Pos: t.pos, Original: t.pos.String() + ": You should put the global {} section\n\tin front of any resource {} section\n",
			Remedy: "move it to the top"})
	}
	p.unique(t.pos, "global section", "global")
	p.cfg.Global.Pos = t.pos
	p.expect('{')
	g := &p.cfg.Global
	words := []string{"usage-count", "minor-count", "dialog-refresh", "disable-ip-verification", "udev-always-use-vnr",
		"cmd-timeout-short", "cmd-timeout-medium", "cmd-timeout-long"}
	for {
		t := p.next()
		if t.is('}') {
			return
		}
		switch name := p.keyword(t, wantGlobal, words...); name {
		case "usage-count":
			p.usageCount(g)
		case "minor-count":
			p.globalNumber(t, name, &g.MinorCount)
		case "dialog-refresh":
			p.globalNumber(t, name, &g.DialogRefresh)
		case "cmd-timeout-short":
			p.globalNumber(t, name, &g.CmdTimeoutShort)
		case "cmd-timeout-medium":
			p.globalNumber(t, name, &g.CmdTimeoutMedium)
		case "cmd-timeout-long":
			p.globalNumber(t, name, &g.CmdTimeoutLong)
		case "disable-ip-verification":
			g.DisableIPVerification = true
			p.expect(';')
		case "udev-always-use-vnr":
			g.UdevAlwaysUseVNR = true
			p.expect(';')
		default:
			p.globalOther(t, words)
		}
	}
}

func (p *parser) globalOther(t token, words []string) {
	if old := p.oldWord(SectionGlobal, t, wantGlobal); old != nil { // disable-io-hints
		p.expect(';')
		return
	}
	if p.nineOption(SectionGlobal, t, wantGlobal) {
		return
	}
	p.syntax(wantGlobal, t, suggest(t.text, words))
	if t.kind == tokEOF || t.is('{') {
		panic(stop{})
	}
	p.skipStatement()
}

func (p *parser) usageCount(g *Global) {
	t := p.next()
	switch p.keyword(t, wantUsage, "yes", "no", "ask") {
	case "yes":
		g.Usage = UsageYes
	case "no":
		g.Usage = UsageNo
	case "ask":
		g.Usage = UsageAsk
	default:
		p.fatal(wantUsage, t, "write yes, no or ask")
	}
	p.expect(';')
}

func (p *parser) globalNumber(t token, name string, into *int) {
	v := p.integer()
	d := Lookup(SectionGlobal, name)
	n, err := ParseNumber(v.text, d.Unit)
	if err != nil { // not for a token of this kind
		panic(fmt.Sprintf("number %q: %v", v.text, err))
	}
	if n < d.Min || n > d.Max {
		p.bad(t.pos, rangeText(name, v.text, n, d.Min, d.Max, d.Unit), d.suffixes())
	} else {
		*into = int(n)
	}
	p.expect(';')
}
