package config

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// file reads the statements of one file. The parser's state of the including
// file is put back afterwards.
func (p *parser) file(name string, data []byte) {
	outer := p.lx
	p.lx = newLexer(name, data)
	for p.statement() {
	}
	if outer != nil {
		p.lx = outer
	}
}

// statement reads one statement at top level; false at the end of the file.
func (p *parser) statement() bool {
	t := p.next()
	if t.kind == tokEOF {
		return false
	}
	switch p.keyword(t, wantTop, "global", "common", "resource", "skip", "include") {
	case "global":
		p.global(t)
	case "common":
		p.common(t)
	case "resource":
		p.resource(t)
	case "skip":
		p.skip(t)
	case "include":
		p.include()
	default:
		remedy := "a file consists of sections global, common and resource, and of skip and include"
		if t.is('}') {
			remedy = "there is one } too many here or above"
		} else if near := nearest(t.text, "global", "common", "resource", "skip", "include"); near != "" {
			remedy = fmt.Sprintf("did you mean %q?", near)
		}
		p.fatal(wantTop, t, remedy)
	}
	return true
}

// common reads the section of that name: a resource without hosts.
func (p *parser) common(t token) {
	p.unique(t.pos, "resource section", "common")
	p.expect('{')
	r := p.newResource("common")
	p.cfg.Common = r
	p.resourceBody(r)
	if len(r.Hosts) > 0 {
		p.bad(p.sectionAt, "in the common section, there are no host sections allowed.", "move the host section into its resource")
	}
}

// resource reads "resource NAME { ... }"; the section may end with the file.
func (p *parser) resource(t token) {
	name := p.str()
	p.unique(t.pos, "resource section", name.text)
	if name.text == "" {
		p.fail(Finding{Level: Error, Pos: name.pos, Original: "Resource name is empty.\n", Remedy: "give the resource a name", Exit: ExitUsage, Stops: true})
	}
	p.expect('{')
	r := p.newResource(name.text)
	if name.text == "all" || strings.Contains(name.text, "/") {
		p.warn(name.pos, fmt.Sprintf("commands cannot address a resource of the name %q", name.text), "choose a name without / and other than all")
	}
	p.cfg.Resources = append(p.cfg.Resources, r)
	p.resourceBody(r)
}

func (p *parser) newResource(name string) *Resource {
	at := p.here()
	return &Resource{Name: name, Pos: at, Defined: Pos{p.absFile, at.Line, at.Col}, group: -1}
}

// skip reads "skip [text] { anything }" (drbd-config 3; with any text, 7).
func (p *parser) skip(start token) {
	t := p.next()
	if t.isString() {
		if t = p.next(); !t.is('{') {
			p.skipText(wantPunct('{'), t)
		}
	} else if !t.is('{') {
		p.skipText(wantSkip, t)
	}
	for depth := 1; depth > 0; {
		switch t := p.next(); {
		case t.kind == tokEOF:
			p.fail(Finding{Level: Error, Pos: start.pos, Original: start.pos.String() + ": reached eof while parsing this skip block.\n",
				Remedy: "the braces of the skipped text do not match", Exit: ExitInvalid, Stops: true})
		case t.is('{'):
			depth++
		case t.is('}'):
			depth--
		}
	}
}

// skipText passes over more than the one word that the real tools allow
// between skip and the brace; t is the first token too many.
func (p *parser) skipText(w wanted, t token) {
	for first := t; ; t = p.next() {
		if t.is('{') {
			p.slip(w, first, "more than one word behind skip", `write skip { ... }, or skip "text" { ... }: the real tools refuse the file`)
			return
		}
		if t.kind == tokEOF || t.is('}') || t.is(';') {
			p.fatal(w, first, "write skip { ... }")
		}
	}
}

// include reads "include PATTERN;". A plain name must exist, a pattern need not
// match; no file is read twice (drbd-config 3).
func (p *parser) include() {
	pattern := p.next()
	if pattern.keyword() || !pattern.isString() {
		p.fatal(wantString, pattern, `write the name of the file in double quotes`)
	}
	p.expect(';')
	at := p.here()
	names := p.env.glob(p.dir, pattern.text)
	if len(names) == 0 && !strings.ContainsAny(pattern.text, "*?[") {
		p.includeFailed(at, pattern.text)
	}
	for _, name := range names {
		p.includeFile(at, name)
	}
}

// includeFile reads one file. What it includes in turn is relative to its own
// directory (seen).
func (p *parser) includeFile(at Pos, name string) {
	real := p.env.realPath(p.dir, name)
	if slices.Contains(p.read, real) {
		return
	}
	p.read = append(p.read, real)
	if p.env.ReadFile == nil {
		p.includeFailed(at, name)
	}
	data, err := p.env.ReadFile(p.dir, name)
	if err != nil {
		p.includeFailed(at, name)
	}
	dir, abs := p.dir, p.absFile
	full := join(p.dir, name)
	p.dir, p.absFile = path.Dir(full), p.env.abs(full)
	p.file(name, data)
	p.dir, p.absFile = dir, abs
}

func (p *parser) includeFailed(at Pos, name string) {
	p.fail(Finding{Level: Error, Pos: at, Original: fmt.Sprintf("%s: Failed to open include file '%s'.\n", at, name),
		Remedy: fmt.Sprintf("names are relative to %s; a pattern (*.res) may match nothing", p.dir), Exit: ExitInvalid, Stops: true})
}
