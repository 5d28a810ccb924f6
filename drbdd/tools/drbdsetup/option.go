package drbdsetup

import (
	"errors"
	"fmt"
	"strconv"

	"classicha/drbdd/config"
	"classicha/drbdd/control/options"
)

// tableArgument says how an option of drbd.conf takes its argument.
func tableArgument(d *config.OptionDef) optArg {
	if d.Type == config.Bool {
		return argMay
	}
	return argMust
}

// value converts an option as it was written to what a request has.
func (g given) value() (string, error) {
	o := g.opt
	switch o.kind {
	case flagOpt:
		return "yes", nil
	case boolOpt:
		if !g.has {
			return "yes", nil
		}
		return options.Bool(o.name, g.text)
	case numberOpt:
		return o.number(g.text)
	case fromTable:
		if o.def.Type == config.Bool && !g.has {
			return "yes", nil
		}
		return options.Value(o.def, g.text)
	case addressOpt:
		// Nothing in the protocol needs it, no drbdadm sends it, and a daemon that
		// ignored it would connect elsewhere than it was told.
		return "", fmt.Errorf("Option --%s: drbdd has no alternate addresses", o.name)
	}
	return g.text, nil
}

// number converts a number that is no option of drbd.conf.
func (o *option) number(text string) (string, error) {
	d := config.OptionDef{Name: o.name, Type: config.Number, Min: o.min, Max: o.max, Unit: o.unit}
	return options.Value(&d, text)
}

// values converts all options; the last of the same name counts. The error is a
// failure.
func values(found []given) (map[string]string, error) {
	if len(found) == 0 {
		return nil, nil
	}
	m := make(map[string]string, len(found))
	for _, g := range found {
		v, err := g.value()
		if err != nil {
			return nil, optionFailure(err)
		}
		m[g.opt.meaning()] = v
	}
	return m, nil
}

func optionFailure(err error) error {
	f := &failure{exit: exitUsage, err: err.Error() + "\n"}
	var e *options.Error
	if errors.As(err, &e) {
		f.exit = e.Exit
	}
	return f
}

// whole reads a number that is no option: a volume, a metadata index.
func whole(text string) (int, error) {
	v, err := options.Plain(text, config.Plain)
	if err != nil {
		return 0, optionFailure(err)
	}
	n, err := strconv.Atoi(v)
	if err != nil || n > 1<<31-1 {
		return 0, &failure{exit: exitUsage, err: text + ": out of range\n"}
	}
	return n, nil
}
