// Package getopt reads command lines as glibc's getopt and getopt_long do: the
// commands we replace were written with them, and scripts rely on abbreviations
// (--verb), permutation (node1 -m), bundles (-nm), "--", and the texts of the
// complaints.
//
//	p := getopt.New("hb", args, "np:", getopt.Long{Name: "node", Arg: getopt.Required, Short: 'n'})
//	p.Stderr = stderr
//	for o, ok := p.Next(); ok; o, ok = p.Next() {
//		switch {
//		case o.Err != nil: // the complaint is printed already
//		case o.Short == 'p': // o.Arg
//		}
//	}
//	names := p.Operands()
package getopt

import (
	"fmt"
	"io"
	"strings"
)

// ArgKind says whether an option takes an argument.
type ArgKind uint8

// Kinds of arguments.
const (
	None     ArgKind = iota
	Required         // the rest of the word, or the next word
	Optional         // only the rest of the word, or after =
)

// Long is a long option.
type Long struct {
	Name  string
	Arg   ArgKind
	Short byte // what Opt.Short says when it is found; 0 if it has no letter
}

// Opt is one option of the command line.
type Opt struct {
	Short  byte   // its letter, or Long.Short
	Long   string // full name, if it was given as a long option
	Arg    string
	HasArg bool
	Err    error // why it cannot be used; getopt would return '?'
}

// Parser walks over a command line.
type Parser struct {
	Stderr io.Writer // complaints go here, as "PROG: text"; nil prints none

	prog     string
	args     []string
	short    string
	long     []Long
	bundle   string // letters left in the current word
	operands []string
	posix    bool
}

// New starts on args, which do not contain the program's name. short is an
// optstring: letters, each followed by ":" for a required or "::" for an
// optional argument. A leading "+" stops at the first operand; a leading ":"
// prints no complaints.
func New(prog string, args []string, short string, long ...Long) *Parser {
	p := &Parser{prog: prog, args: args, short: short, long: long}
	if rest, ok := strings.CutPrefix(p.short, "+"); ok {
		p.posix, p.short = true, rest
	}
	return p
}

// Operands returns the words that are not options, in their order. They are
// complete when Next has returned false.
func (p *Parser) Operands() []string { return p.operands }

// Next returns the next option, or false after the last.
func (p *Parser) Next() (Opt, bool) {
	if p.bundle != "" {
		return p.shortOpt(), true
	}
	for len(p.args) > 0 {
		word := p.args[0]
		p.args = p.args[1:]
		switch {
		case word == "--":
			p.endAt(p.args)
		case len(word) < 2 || word[0] != '-':
			if p.posix {
				p.endAt(append([]string{word}, p.args...))
				break
			}
			p.operands = append(p.operands, word)
		case word[1] == '-' && len(p.long) > 0:
			return p.longOpt(word[2:]), true
		default:
			p.bundle = word[1:]
			return p.shortOpt(), true
		}
	}
	return Opt{}, false
}

func (p *Parser) endAt(rest []string) {
	p.operands = append(p.operands, rest...)
	p.args = nil
}

// nextWord takes the following word as an argument, whatever it looks like.
func (p *Parser) nextWord() (string, bool) {
	if len(p.args) == 0 {
		return "", false
	}
	word := p.args[0]
	p.args = p.args[1:]
	return word, true
}

func (p *Parser) shortOpt() Opt {
	c := p.bundle[0]
	p.bundle = p.bundle[1:]
	o := Opt{Short: c}
	kind, known := p.shortKind(c)
	if !known {
		return p.complain(o, fmt.Sprintf("invalid option -- '%c'", c))
	}
	if kind == None {
		return o
	}
	rest := p.bundle
	p.bundle = ""
	if rest != "" {
		o.Arg, o.HasArg = rest, true
		return o
	}
	if kind == Required {
		if o.Arg, o.HasArg = p.nextWord(); !o.HasArg {
			return p.complain(o, fmt.Sprintf("option requires an argument -- '%c'", c))
		}
	}
	return o
}

// shortKind looks a letter up in the optstring.
func (p *Parser) shortKind(c byte) (ArgKind, bool) {
	if c == ':' || c == ';' {
		return None, false
	}
	i := strings.IndexByte(p.short, c)
	if i < 0 {
		return None, false
	}
	switch rest := p.short[i+1:]; {
	case strings.HasPrefix(rest, "::"):
		return Optional, true
	case strings.HasPrefix(rest, ":"):
		return Required, true
	}
	return None, true
}

// longOpt reads a long option, the word without its dashes.
func (p *Parser) longOpt(word string) Opt {
	name, value, hasValue := strings.Cut(word, "=")
	found, same := p.matches(name)
	switch {
	case len(found) == 0:
		return p.complain(Opt{}, fmt.Sprintf("unrecognized option '--%s'", word))
	case !same:
		text := fmt.Sprintf("option '--%s' is ambiguous; possibilities:", word)
		for _, l := range found {
			text += " '--" + l.Name + "'"
		}
		return p.complain(Opt{}, text)
	}
	l := found[0]
	o := Opt{Short: l.Short, Long: l.Name, Arg: value, HasArg: hasValue}
	if hasValue && l.Arg == None {
		return p.complain(o, fmt.Sprintf("option '--%s' doesn't allow an argument", l.Name))
	}
	if !hasValue && l.Arg == Required {
		if o.Arg, o.HasArg = p.nextWord(); !o.HasArg {
			return p.complain(o, fmt.Sprintf("option '--%s' requires an argument", l.Name))
		}
	}
	return o
}

// matches returns the long options that name may stand for. same is false if
// they differ in more than their names; an exact name stands for itself alone.
func (p *Parser) matches(name string) (found []Long, same bool) {
	same = true
	for _, l := range p.long {
		if l.Name == name {
			return []Long{l}, true
		}
		if !strings.HasPrefix(l.Name, name) {
			continue
		}
		// Two names of one thing are no ambiguity; names without a letter
		// are always different things.
		if len(found) > 0 && (l.Short == 0 || l.Arg != found[0].Arg || l.Short != found[0].Short) {
			same = false
		}
		found = append(found, l)
	}
	return found, same
}

func (p *Parser) complain(o Opt, text string) Opt {
	o.Err = fmt.Errorf("%s: %s", p.prog, text)
	if p.Stderr != nil && !strings.HasPrefix(p.short, ":") {
		fmt.Fprintln(p.Stderr, o.Err)
	}
	return o
}
