package drbdsetup

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"classicha/drbdd/config"
	"classicha/drbdd/control"
	"classicha/drbdd/control/options"
)

// oldCall is a command line of 0.7 to 8.3 that was understood.
type oldCall struct {
	cmd    *oldCommand
	device string // as it was typed
	minor  int
	args   []string // converted
	found  []given
	// values by section and today's name.
	values map[config.Section]map[string]string
	// defaults: --set-defaults was given.
	defaults bool
	// era07: what it prints is 0.7's.
	era07 bool
}

// newOrder are commands that the program called drbdsetup-84 answers as 8.4 does
// even if the device stands first: what they print is another thing in 8.3.
var newOrder = []string{"show", "status", "events", "sh-status"}

// old looks whether a command line is of 0.7 to 8.3: device first, then one of
// their commands. In 8.4, too, the two may change places, but its program down, say,
// takes a resource, and that of 8.3 a device.
func (t *tool) old(args []string) (*oldCommand, string, []string) {
	if len(args) < 2 || find(args[0]) != nil {
		return nil, "", nil
	}
	old := findOld(args[1])
	if old == nil {
		return nil, "", nil
	}
	today := find(args[1]) != nil
	if _, ok := parseMinor(args[0]); !ok && today || t.is84() && slices.Contains(newOrder, old.name) {
		return nil, "", nil
	}
	return old, args[0], args[2:]
}

// style07 tells whether texts are those of 0.7: environment DRBD_STYLE=0.7.
func style07() bool { return os.Getenv("DRBD_STYLE") == "0.7" }

func (t *tool) runOld(cmd *oldCommand, device string, args []string) error {
	c := &oldCall{cmd: cmd, device: device, era07: cmd.only07 || style07(), values: map[config.Section]map[string]string{}}
	var ok bool
	if c.minor, ok = parseMinor(device); !ok {
		return noMinor(device)
	}
	// Arguments come first, and "-1" is one of them.
	for _, name := range cmd.args {
		if len(args) == 0 {
			return &failure{exit: exitUsage, out: oldUsage(cmd) + "\n", err: "Missing argument '" + name + "'\n"}
		}
		if err := t.oldArgument(c, name, args[0]); err != nil {
			return err
		}
		args = args[1:]
	}
	words, err := t.oldOptions(c, args)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		if c.era07 {
			return &failure{exit: exitUsage, err: "Too many arguments or options.\n"}
		}
		return &failure{exit: exitUsage, out: "\n", err: excess(words)}
	}
	return cmd.run(t, c)
}

// oldArgument converts an argument to what a request has.
func (t *tool) oldArgument(c *oldCall, name, text string) (err error) {
	switch name {
	case "lower_dev":
		text, err = backing(text)
	case "meta_data_dev":
		if text == "internal" { // 0.7
			text = c.args[0]
		} else {
			text, err = backing(text)
		}
	case "meta_data_index":
		if text == "-1" {
			text, c.era07 = "internal", true
		}
		text, err = metaIndex(text)
	case "protocol":
		if text, err = options.Value(config.Lookup(config.SectionNet, name), text); err != nil {
			err = &failure{exit: exitUsage, err: strings.Replace(err.Error(), "Option --protocol: invalid argument ", "", 1) + " is no valid protocol.\n"}
		}
	default:
		note := ""
		text, note, err = endpoint(text)
		t.note(note)
	}
	c.args = append(c.args, text)
	return err
}

// oldOptions reads the options and returns what is none.
func (t *tool) oldOptions(c *oldCall, args []string) ([]string, error) {
	all := append(slices.Clone(c.cmd.opts), oldGeneral...)
	opts := make([]option, len(all))
	for i := range all {
		opts[i] = all[i].option
	}
	words, found, err := getopt(c.cmd.name, args, opts)
	if err != nil {
		return nil, &failure{exit: exitUsage, err: err.Error() + "\n"}
	}
	c.found = found
	for _, g := range found {
		for i := range opts {
			if &opts[i] == g.opt {
				if err := c.option(t, &all[i], g); err != nil {
					return nil, err
				}
			}
		}
	}
	return words, nil
}

// option takes one option that was given.
func (c *oldCall) option(t *tool, o *oldOption, g given) error {
	if o.only07 {
		c.era07 = true
	}
	switch {
	case o.note != "":
		if o.name != "on-disconnect" || g.text != "reconnect" {
			t.note("drbdsetup: no effect of " + o.note + "\n")
		}
		return nil
	case o.name == "set-defaults":
		c.defaults = true
		return nil
	case o.to == "":
		return nil
	case c.cmd.name == "net" && o.name == "data-integrity-alg" && slices.Contains([]string{"reconnect", "stand_alone", "freeze_io"}, g.text):
		c.era07 = true // -d is on-disconnect there
		if g.text != "reconnect" {
			t.note("drbdsetup: no effect of " + noOnDisconnect + "\n")
		}
		return nil
	}
	v, err := o.value(g, c.era07)
	if err != nil {
		return err
	}
	m := c.values[o.section]
	if m == nil {
		m = map[string]string{}
		c.values[o.section] = m
	}
	m[o.to] = v
	return nil
}

// value converts an option's value to today's.
func (o *oldOption) value(g given, era07 bool) (string, error) {
	if o.name == "size" && era07 && strings.Trim(g.text, "0123456789") == "" {
		g.text += "k" // the unit of 0.7
	}
	if o.name == "on-io-error" && g.text == "panic" {
		return g.text, nil // of 0.7, and what drbdd can do
	}
	if o.kind == fromTable && o.def.Type == config.Enum && !slices.Contains(o.def.Words, g.text) {
		return "", &failure{exit: exitUsage, out: "\t" + strings.Join(o.def.Words, "\n\t") + "\n",
			err: o.name + "-handler '" + g.text + "' not known\nknown " + o.name + "-handlers:\n"}
	}
	v, err := g.value()
	switch d := config.Lookup(o.section, o.to); {
	case err != nil:
		return "", optionFailure(err)
	case o.invert:
		return "no", nil
	case d != nil && o.kind == numberOpt:
		return nearest(d, v), nil
	}
	return v, nil
}

// nearest takes what 8.3 allowed and 8.4 does not to the nearest limit.
func nearest(d *config.OptionDef, v string) string {
	n, _ := strconv.ParseUint(v, 10, 64)
	return utoa(min(max(n, d.Min), d.Max))
}

// ensure makes resource and volume for a minor that is not there: a device of 0.7 to
// 8.3 needs nobody to make it. It returns the resource's name.
func (t *tool) ensure(c *oldCall) (string, error) {
	a, err := t.call(control.Request{Cmd: "role", Minor: c.minor})
	if err != nil {
		return "", t.noAnswer("role", c.device, err)
	}
	if r, _, ok := volume(a, c.minor); ok {
		return r.View.Name, nil
	}
	if a.Error != control.ErrMinorUnknown {
		return "", c.report(a)
	}
	name := os.Getenv("DRBD_RESOURCE")
	if name == "" {
		name = "minor-" + utoa(uint64(c.minor))
	}
	for _, req := range []control.Request{
		{Cmd: "new-resource", Resource: name, Minor: -1},
		{Cmd: "new-minor", Resource: name, Minor: c.minor},
	} {
		if a, err = t.call(req); err != nil {
			return "", t.noAnswer(req.Cmd, c.device, err)
		}
		if err = c.report(a); err != nil {
			return "", err
		}
	}
	return name, nil
}

// send sends requests one after the other until one fails.
func (t *tool) send(c *oldCall, reqs ...control.Request) error {
	for _, req := range reqs {
		a, err := t.call(req)
		if err != nil {
			return t.noAnswer(req.Cmd, c.device, err)
		}
		if err := c.report(a); err != nil {
			return err
		}
	}
	return nil
}

// resource finds the resource of the minor; ok is false where there is none.
func (t *tool) resource(c *oldCall) (r control.Resource, ok bool, err error) {
	a, err := t.call(control.Request{Cmd: "show", Minor: c.minor})
	if err != nil {
		if err = t.noAnswer(c.cmd.name, c.device, err); err == nil {
			err = &failure{exit: exitOK} // nothing to do, and nobody to ask further
		}
		return r, false, err
	}
	if a.Error == control.ErrMinorUnknown {
		return r, false, nil
	}
	if err := c.report(a); err != nil {
		return r, false, err
	}
	r, _, ok = volume(a, c.minor)
	return r, ok, nil
}

// request is one for the minor by today's name of the command.
func (c *oldCall) request() control.Request {
	req := control.Request{Cmd: c.cmd.now, Minor: c.minor, Options: c.values[none]}
	if req.Cmd == "" {
		req.Cmd = c.cmd.name
	}
	return req
}

// asNew is the command line as one of 8.4, for queries that are the same.
func (c *oldCall) asNew() *call {
	n := &call{object: c.device, req: c.request(), options: c.found}
	n.req.Options = nil
	return n
}
