package config

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// parser is one pass over a file and what it includes. It is a recursive
// descent; what the original stops at ends it by a panic with stop{}, unless it
// was forgiven.
type parser struct {
	env    *Env
	cfg    *Config
	found  Findings
	errors int // among found

	lx      *lexer
	back    *token   // a token given back
	dir     string   // of the file that is being read: includes are relative to it
	read    []string // real names of what was included
	absFile string   // absolute name of the file that is being read

	cur                         *Resource  // being read
	sectionAt                   Pos        // where the last section opened
	incons                      []inconCmd // of cur, see settleOld
	missingAddress, missingPort []pendingHost
	nine                        nineWords // of cur, see settleNine

	uniq         map[string]Pos // see unique
	inShow       bool           // the text is the output of drbdsetup show
	oldEra       bool           // words of 0.7 were seen
	outdaterSaid bool           // see peerOutdater
}

// stop unwinds the parser.
type stop struct{}

// Parse reads the configuration file of that name. It always returns what it
// understood; use it only if the findings are not Refused. Findings are in the
// order in which drbdadm 8.4 would come upon them.
func Parse(name string, data []byte, env Env) (*Config, Findings) {
	p := newParser(name, &env)
	if p.guard(func() { p.file(name, data) }) {
		p.guard(p.checkAll)
	}
	return p.cfg, p.found
}

func newParser(name string, env *Env) *parser {
	abs := env.abs(name)
	return &parser{
		env: env, dir: path.Dir(abs), absFile: abs, uniq: map[string]Pos{},
		cfg: &Config{File: abs, Global: Global{DialogRefresh: 1, CmdTimeoutShort: 5, CmdTimeoutMedium: 600}},
	}
}

// guard runs f and reports whether it came to its end.
func (p *parser) guard(f func()) (finished bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(stop); !ok {
				panic(r)
			}
		}
	}()
	f()
	return true
}

func (p *parser) next() token {
	if t := p.back; t != nil {
		p.back = nil
		return *t
	}
	t := p.lx.next()
	if e := p.lx.err; e != nil {
		p.lexFailed(e)
	}
	return t
}

func (p *parser) lexFailed(e *lexError) {
	p.fail(Finding{Level: Error, Pos: e.pos, Original: e.original(), Remedy: e.remedy, Exit: ExitInvalid, Stops: true})
}

func (p *parser) unread(t token) { p.back = &t }

// here is the line that the original has reached: that of the last token.
func (p *parser) here() Pos { return Pos{p.lx.file, p.lx.line, 1} }

func (p *parser) add(f Finding) {
	p.found = append(p.found, f)
	if f.Level == Error {
		if p.errors++; p.errors >= maxErrors {
			panic(stop{})
		}
	}
}

// maxErrors bounds what a file that is no configuration at all can make us say.
const maxErrors = 100

// fail records an error and ends the parser.
func (p *parser) fail(f Finding) {
	p.add(f)
	panic(stop{})
}

// bad records an error after which the original reads on. text is the
// original's, without place and newline.
func (p *parser) bad(at Pos, text, remedy string) {
	p.add(Finding{Level: Error, Pos: at, Original: at.String() + ": " + text + "\n", Remedy: remedy, Exit: ExitInvalid})
}

// warn records something of our own that does not keep from going on.
func (p *parser) warn(at Pos, text, remedy string) {
	p.add(Finding{Level: Warn, Pos: at, Text: text, Remedy: remedy})
}

func (p *parser) note(at Pos, text, remedy string) {
	p.add(Finding{Level: Note, Pos: at, Text: text, Remedy: remedy})
}

// slip is something that the original stops at and we take for what it was
// meant to be.
func (p *parser) slip(w wanted, t token, text, remedy string) {
	p.add(Finding{Level: Warn, Pos: t.pos, Text: text, Remedy: remedy, Original: w.original(t), Exit: ExitInvalid, Stops: true})
}

// wanted is what the original says that it expects at a place. With numbered
// set it also prints the number of the token that it got.
type wanted struct {
	what     string
	numbered bool
}

// The original's words for what it expects (drbd-config 8).
var (
	wantTop       = wanted{"global | common | resource | skip | include", false}
	wantResource  = wanted{"protocol | on | disk | net | syncer | startup | handlers | ignore-on | stacked-on-top-of", true}
	wantHost      = wanted{"disk | device | address | meta-disk | flexible-meta-disk", false}
	wantStacked   = wanted{"device | address | proxy", false}
	wantVolume    = wanted{"device | disk | meta-disk | flex-meta-disk | }", true}
	wantOption    = wanted{"an option keyword", false}
	wantSyncer    = wanted{"a syncer option keyword", false}
	wantGlobal    = wanted{"dialog-refresh | minor-count | disable-ip-verification", false}
	wantAddress   = wanted{"ssocks | sdp | ipv4 | ipv6 | <ipv4 address> ", false}
	wantProxy     = wanted{"inside | outside", false}
	wantYesNo     = wanted{"yes | no | ;", false}
	wantUsage     = wanted{"yes | no | ask", false}
	wantSkip      = wanted{"[ some_text ] {", false}
	wantString    = wanted{"TK_STRING", true}
	wantInteger   = wanted{"TK_INTEGER", true}
	wantValue     = wanted{"TK_STRING | TK_INTEGER", true}
	wantIPv4      = wanted{"TK_IPADDR", true}
	wantIPv6      = wanted{"TK_IPADDR6", true}
	wantOn        = wanted{"TK_ON", true}
	wantDiskValue = wanted{"TK_STRING | {", true}
	wantNames     = wanted{"TK_STRING | '{'", true}
	wantHosts     = wanted{"TK_STRING | ';'", true}
	wantFloating  = wanted{"{ | ;", true}
	wantMinor     = wanted{"minor | ;", false}
)

func wantPunct(c byte) wanted { return wanted{string(c), true} }

func (w wanted) original(t token) string {
	dots := ""
	if len(t.text) > 20 {
		dots = "..."
	}
	s := fmt.Sprintf("%s: Parse error: '%s' expected,\n\tbut got '%s%s'", t.pos, w.what, cut(t.text), dots)
	if w.numbered {
		s += fmt.Sprintf(" (TK %d)", t.number())
	}
	return s + "\n"
}

// syntax records that t is not what the original wants there.
func (p *parser) syntax(w wanted, t token, remedy string) {
	if t.kind == tokEOF {
		remedy = "the file ends too early: look for a missing } or ;"
	} else if remedy == "" && t.keyword() && w == wantDiskValue {
		remedy = fmt.Sprintf("%q is a keyword; to use it as a value write it in double quotes", t.text)
	}
	p.add(Finding{Level: Error, Pos: t.pos, Original: w.original(t), Remedy: remedy, Exit: ExitInvalid, Stops: true})
}

// fatal records a syntax error and ends the parser.
func (p *parser) fatal(w wanted, t token, remedy string) {
	p.syntax(w, t, remedy)
	panic(stop{})
}

func (p *parser) expect(c byte) token {
	t := p.next()
	if !t.is(c) {
		remedy := ""
		if c == ';' {
			remedy = "write a semicolon behind the statement"
		}
		p.fatal(wantPunct(c), t, remedy)
	}
	return t
}

// plain takes a keyword at a place where only a value can stand for that value:
// older tools reserved fewer words, and dump prints such values without quotes.
func (p *parser) plain(w wanted, t token) token {
	if t.kind == tokBroken {
		p.lexFailed(unterminated(t))
	}
	if t.keyword() && !p.inShow {
		p.slip(w, t, fmt.Sprintf("the keyword %s is taken for a value here", t.text), fmt.Sprintf("write \"%s\" in double quotes: the real tools refuse the file", t.text))
	}
	if t.keyword() {
		t.kind = tokString
	}
	return t
}

// str reads what the original calls TK_STRING.
func (p *parser) str() token {
	t := p.plain(wantString, p.next())
	if !t.isString() {
		remedy := ""
		if t.is('=') {
			remedy = "write no = between an option and its value"
		} else if t.kind == tokInt {
			remedy = fmt.Sprintf("write \"%s\" in double quotes", t.text)
		}
		p.fatal(wantString, t, remedy)
	}
	return t
}

func (p *parser) integer() token {
	t := p.next()
	if t.kind != tokInt {
		p.fatal(wantInteger, t, fmt.Sprintf("write up to %d digits, without quotes", maxDigits))
	}
	return t
}

// skipStatement reads on behind the next ; of this level, or to the } that ends
// the section, so that what follows can be looked at too.
func (p *parser) skipStatement() {
	depth := 0
	for {
		t := p.next()
		switch {
		case t.kind == tokEOF:
			return
		case t.is('{'):
			depth++
		case t.is('}'):
			if depth == 0 {
				p.unread(t)
				return
			}
			if depth--; depth == 0 {
				return
			}
		case t.is(';') && depth == 0:
			return
		}
	}
}

// keyword finds the keyword that an unquoted word stands for at this place:
// itself, or with a warning the one that differs only in case (drbd-config 7).
func (p *parser) keyword(t token, w wanted, words ...string) string {
	if t.kind != tokWord {
		return ""
	}
	if slices.Contains(words, t.text) {
		return t.text
	}
	if low := strings.ToLower(t.text); low != t.text && slices.Contains(words, low) {
		p.slip(w, t, fmt.Sprintf("keyword '%s' accepted as '%s'", t.text, low), fmt.Sprintf("write '%s': the real tools refuse the file", low))
		return low
	}
	return ""
}

// unique records a thing that may be there once. The original stops at the
// second one (drbd-config 8).
func (p *parser) unique(at Pos, what, key string) {
	if p.inShow {
		return
	}
	id := what + "\x00" + key
	if first, ok := p.uniq[id]; ok {
		p.fail(Finding{Level: Error, Pos: at, Exit: ExitInvalid, Stops: true, Remedy: uniqueRemedy(what),
			Original: fmt.Sprintf("%s: conflicting use of %s '%s' ...\n%s: %s '%s' first used here.\n", at, what, key, first, what, key)})
	}
	p.uniq[id] = at
}

// uniqueRemedy says what to do about the second thing of a kind.
func uniqueRemedy(what string) string {
	switch what {
	case "device-minor", "device":
		return "give every volume of a host a minor of its own"
	case "IP":
		return "give every resource a port of its own"
	case "meta-disk":
		return "give every volume a slot or a device of its own: meta-disk DEVICE [N];"
	case "disk":
		return "give every volume a disk of its own"
	case "resource section":
		return "rename or remove one of the two"
	case "stacked-on-top-of":
		return "one resource lies on a lower resource"
	}
	if strings.HasSuffix(what, "section") {
		return "put both sections into one"
	}
	return "keep one of the two"
}
