package config

import (
	"fmt"
	"slices"
	"strings"
)

// options reads the statements of an option section up to its brace. into is
// where an option of today goes, given its section.
func (p *parser) options(s Section, into func(Section) *[]Option) {
	w := wantOption
	if s == SectionSyncer {
		w = wantSyncer
	}
	for {
		t := p.next()
		if t.is('}') {
			return
		}
		p.option(s, t, w, into)
	}
}

// option reads one statement of an option section.
func (p *parser) option(s Section, t token, w wanted, into func(Section) *[]Option) {
	if p.inShow && (t.word("discard-my-data") || t.word("tentative")) { // of the command line
		p.skipStatement()
		return
	}
	name := p.keyword(t, w, optionNames(s)...)
	if name != "" {
		if slices.Contains(droppedOptions, name) {
			p.dropped(t)
			return
		}
		to, today, invert := s, name, false
		if old := LookupOld(s, name); old != nil {
			to, today, invert = old.To, old.ToName, old.Invert
			if s == SectionSyncer && !p.inShow {
				p.note(t.pos, fmt.Sprintf("syncer { %s } %s", name, old.Meaning), "")
			} else if name != today {
				p.note(t.pos, fmt.Sprintf("%s %s", name, old.Meaning), "")
			}
		}
		d := Lookup(to, today)
		if d == nil { // a stray of proxy
			d = p.stray(s, name)
		}
		p.optionValue(t, d, s, invert, into(to))
		return
	}
	if p.oldOption(s, t, w, into) || p.nineOption(s, t, w) {
		return
	}
	remedy := elsewhere(s, t.text)
	if remedy == "" {
		remedy = suggest(t.text, optionNames(s))
	}
	p.syntax(w, t, remedy)
	if t.kind == tokEOF || t.is('{') {
		panic(stop{})
	}
	if !t.is(';') {
		p.skipStatement()
	}
}

// stray is the row of an option of syncer in a section proxy, where drbdadm 8.4
// lets it through (seen).
func (p *parser) stray(s Section, name string) *OptionDef {
	d := &OptionDef{Section: s, Name: name, Type: String, Unit: Plain, Meaning: "has no effect here"}
	if old := LookupOld(SectionSyncer, name); old != nil {
		if real := Lookup(old.To, old.ToName); real.Type == Number && real.Checked {
			d.Type, d.Min, d.Max, d.Unit, d.Checked = Number, real.Min, real.Max, real.Unit, true
		}
	}
	return d
}

// optionNames are the words that drbdadm 8.4 takes in a section, but for the
// statements that are no plain options.
func optionNames(s Section) []string { return namesBySection[s] }

var namesBySection = func() map[Section][]string {
	m := map[Section][]string{}
	for _, d := range optionDefs {
		if d.Type != Flag && d.Type != Hosts && d.Section != SectionGlobal {
			m[d.Section] = append(m[d.Section], d.Name)
		}
	}
	for _, o := range oldTable {
		if o.Accepted {
			m[o.Section] = append(m[o.Section], o.Name)
		}
	}
	for s := SectionOptions; s <= SectionHandlers; s++ {
		m[s] = append(m[s], droppedOptions...)
	}
	m[SectionProxy] = append(m[SectionProxy], proxyStrays...)
	return m
}()

// optionValue reads what stands behind an option's name and adds the option.
func (p *parser) optionValue(t token, d *OptionDef, at Section, invert bool, into *[]Option) {
	o := Option{Def: d, Name: d.Name, Pos: t.pos}
	switch {
	case invert:
		o.Value = "no"
		p.expect(';')
	case d.Type == Bool:
		o.Value = p.boolean(d, at)
	default:
		o.Value = p.value(o)
		if at != SectionSyncer {
			p.expect(';')
		} else if end := p.next(); !end.is(';') {
			p.fatal(wanted{";", false}, end, "write a semicolon behind the statement")
		}
	}
	*into = append(*into, o)
}

// boolean reads [yes|no] and the semicolon.
func (p *parser) boolean(d *OptionDef, at Section) string {
	w := wantYesNo
	if at == SectionSyncer {
		w = wanted{";", false}
	}
	t := p.next()
	if t.is(';') {
		return "yes"
	}
	v := p.keyword(t, w, "yes", "no")
	if v == "" {
		p.fatal(w, t, fmt.Sprintf("write %s yes; or %s no; without quotes", d.Name, d.Name))
	}
	p.expect(';')
	return v
}

// value reads and checks the value of an option; the original does so before
// the semicolon.
func (p *parser) value(o Option) string {
	t := p.optionToken()
	o.Value = t.text
	switch d := o.Def; {
	case d.Name == "protocol":
		return p.protocolWord(o.Pos, t)
	case d.Type == Number && d.Checked:
		p.checkNumber(o)
	case d.Type == Number:
		p.checkLater(o)
	case d.Type == Enum:
		p.checkEnum(o)
	case d.Name == "shared-secret" && len(o.Value) > 64:
		p.warn(o.Pos, fmt.Sprintf("shared-secret has %d bytes", len(o.Value)), "use at most 64: drbdsetup refuses more")
	case d.Name == "cpu-mask" && !validMask(o.Value):
		p.warn(o.Pos, fmt.Sprintf("cpu-mask %q is no hexadecimal mask", o.Value), "write up to 32 hexadecimal digits, or none")
	}
	return o.Value
}

func validMask(s string) bool {
	return len(s) <= 32 && strings.Trim(strings.ToLower(s), "0123456789abcdef,") == ""
}

// protocolWord checks a protocol; the original says no place.
func (p *parser) protocolWord(at Pos, t token) string {
	up := strings.ToUpper(t.text)
	if up == "A" || up == "B" || up == "C" {
		return up
	}
	p.add(Finding{Level: Error, Pos: at, Original: fmt.Sprintf("unknown protocol '%s', should be one of A,B,C\n", t.text),
		Remedy: "write protocol C; unless you know why not", Exit: ExitInvalid})
	return t.text
}

// checkNumber is the check that drbdadm does itself.
func (p *parser) checkNumber(o Option) {
	d := o.Def
	v, err := o.Number()
	if err != nil {
		p.notNumber(o, err)
		return
	}
	if v < d.Min || v > d.Max {
		p.bad(o.Pos, rangeText(o.Name, o.Value, v, d.Min, d.Max, d.Unit), d.suffixes())
	} else if d.Name == "size" && p.oldEra && span(o.Value, isDigit) == len(o.Value) && v > 0 {
		p.warn(o.Pos, fmt.Sprintf("size %s is taken for sectors of 512 bytes; DRBD 0.7 took it for KiB", o.Value), fmt.Sprintf("write size %sK; if the number is as old as the file", o.Value))
	}
}

func (p *parser) notNumber(o Option, err error) {
	ne := err.(*numberError)
	p.add(Finding{Level: Error, Pos: o.Pos, Original: ne.text + "\n", Remedy: o.Def.suffixes(), Exit: ne.exit, Stops: true})
}

// checkLater looks at what drbdadm leaves to drbdsetup.
func (p *parser) checkLater(o Option) {
	d := o.Def
	v, err := o.Number()
	switch {
	case err != nil:
		p.warn(o.Pos, fmt.Sprintf("%s: %v", o.Name, err), d.suffixes()+"; drbdsetup refuses it")
	case d.Name == "al-extents" && (v < d.Min || v > d.Max):
		p.note(o.Pos, fmt.Sprintf("al-extents %s is taken for %d", o.Value, min(max(v, d.Min), d.Max)), d.suffixes())
	case v < d.Min || v > d.Max:
		p.warn(o.Pos, rangeText(o.Name, o.Value, v, d.Min, d.Max, d.Unit), d.suffixes()+"; drbdsetup refuses it")
	}
}

// checkEnum looks at a word that drbdadm does not know either (drbd-config 4).
func (p *parser) checkEnum(o Option) {
	if slices.Contains(o.Def.Words, o.Value) || o.Name == "after-sb-0pri" && strings.HasPrefix(o.Value, "discard-node-") {
		return
	}
	if o.Name == "on-io-error" && o.Value == panicWord {
		p.oldEra = true
		p.warn(o.Pos, "on-io-error panic of DRBD 0.7 stops the node: the handler local-io-error is run, without one the disk is detached",
			"write on-io-error call-local-io-error; and that handler: drbdsetup of 8.x refuses panic")
		return
	}
	remedy := "write one of " + strings.Join(o.Def.Words, ", ")
	if near := nearest(o.Value, o.Def.Words...); near != "" {
		remedy = fmt.Sprintf("did you mean %q?", near)
	}
	p.warn(o.Pos, fmt.Sprintf("%s knows no %q; drbdsetup refuses it", o.Name, o.Value), remedy)
}

// optionToken reads the value of an option: the keyword on is one (seen).
func (p *parser) optionToken() token {
	t := p.next()
	if t.word("on") {
		t.kind = tokString
	}
	t = p.plain(wantValue, t)
	if !t.isString() && t.kind != tokInt {
		p.fatal(wantValue, t, "write a value and a semicolon")
	}
	return t
}

// dropped reads an option that 8.4 throws away, whatever its value.
func (p *parser) dropped(t token) {
	p.optionToken()
	p.expect(';')
	p.note(t.pos, t.text+" has no effect since 8.3.9", "leave it out")
}
