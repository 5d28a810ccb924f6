package drbdsetup

import (
	"fmt"
	"strings"
)

// given is an option as it stands on the command line. has tells whether there was
// an argument, full whether its long name was written out.
type given struct {
	opt  *option
	text string
	has  bool
	word string // as it was written
	full bool
}

// argument says whether an option takes an argument.
func (o *option) argument() optArg {
	switch o.kind {
	case flagOpt:
		return argNone
	case boolOpt, argOptional:
		return argMay
	case fromTable:
		return tableArgument(o.def)
	}
	return argMust
}

type optArg uint8

const (
	argNone optArg = iota
	argMay
	argMust
)

// getopt parses arguments as getopt_long of the GNU C library does: options may
// stand anywhere, "--" ends them, long names may be cut short. Other than there, a
// name cut short that could be two options is refused even if both are of the same
// kind: --assume of resize would be the first of two there. The error is what the
// library says.
func getopt(name string, args []string, opts []option) (words []string, found []given, err error) {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return append(words, args[i+1:]...), found, nil
		case strings.HasPrefix(a, "--"):
			text, value, has := strings.Cut(a[2:], "=")
			o, err := longOption(name, a, text, opts)
			if err != nil {
				return nil, nil, err
			}
			switch arg := o.argument(); {
			case has && arg == argNone:
				return nil, nil, fmt.Errorf("%s: option '--%s' doesn't allow an argument", name, o.name)
			case !has && arg == argMust:
				if i++; i == len(args) {
					return nil, nil, fmt.Errorf("%s: option '--%s' requires an argument", name, o.name)
				}
				value, has = args[i], true
			}
			found = append(found, given{o, value, has, a, text == o.name})
		case len(a) > 1 && a[0] == '-':
			for rest := a[1:]; rest != ""; {
				letter := rest[0]
				rest = rest[1:]
				o := shortOption(letter, opts)
				if o == nil {
					return nil, nil, fmt.Errorf("%s: invalid option -- '%c'", name, letter)
				}
				g := given{opt: o, word: a}
				if arg := o.argument(); arg != argNone && rest != "" {
					g.text, g.has, rest = rest, true, ""
				} else if arg == argMust {
					if i++; i == len(args) {
						return nil, nil, fmt.Errorf("%s: option requires an argument -- '%c'", name, letter)
					}
					g.text, g.has = args[i], true
				}
				found = append(found, g)
			}
		default:
			words = append(words, a)
		}
	}
	return words, found, nil
}

func shortOption(letter byte, opts []option) *option {
	for i := range opts {
		if opts[i].short == letter {
			return &opts[i]
		}
	}
	return nil
}

// longOption finds an option by its name or the beginning of it.
func longOption(name, arg, text string, opts []option) (*option, error) {
	var fit []*option
	for i := range opts {
		if opts[i].name == text {
			return &opts[i], nil
		}
		if strings.HasPrefix(opts[i].name, text) && text != "" {
			fit = append(fit, &opts[i])
		}
	}
	if len(fit) == 0 {
		return nil, fmt.Errorf("%s: unrecognized option '%s'", name, arg)
	}
	if !ambiguous(fit) {
		return fit[0], nil
	}
	// The library names the first and those that take arguments in another way.
	shown := fit[:1:1]
	for _, o := range fit[1:] {
		if o.argument() != fit[0].argument() {
			shown = append(shown, o)
		}
	}
	if len(shown) == 1 {
		shown = fit
	}
	list := ""
	for _, o := range shown {
		list += " '--" + o.name + "'"
	}
	return nil, fmt.Errorf("%s: option '%s' is ambiguous; possibilities:%s", name, arg, list)
}

// ambiguous tells whether the options are not all the same one.
func ambiguous(fit []*option) bool {
	for _, o := range fit[1:] {
		if o.meaning() != fit[0].meaning() {
			return true
		}
	}
	return false
}

// meaning is the name of the option that this one is.
func (o *option) meaning() string {
	if o.as != "" {
		return o.as
	}
	return o.name
}
