package drbdsetup

import (
	"strings"

	"classicha/drbdd/control"
)

// call is a command line of 8.4 that was understood.
type call struct {
	cmd *command
	// object is the first argument as it was typed, for messages; "??" if the
	// command has none.
	object  string
	req     control.Request
	options []given
}

// runCommand understands the arguments of a command, in the order in which 8.4 finds
// fault with them, and runs it.
func (t *tool) runCommand(cmd *command, args []string) error {
	words, found, err := getopt(cmd.name, args, cmd.opts)
	if err != nil {
		return &failure{exit: exitUsage, out: t.usage(), err: err.Error() + "\n"}
	}
	c := &call{cmd: cmd, object: "??", req: control.Request{Cmd: cmd.name, Minor: -1}, options: found}
	if words, err = t.objects(c, words); err != nil {
		return err
	}
	if c.req.Options, err = values(found); err != nil {
		return err
	}
	if c.req.Options["set-defaults"] == "yes" {
		c.req.Defaults = true
		delete(c.req.Options, "set-defaults")
	}
	if words, err = t.fixed(c, words); err != nil {
		return err
	}
	if len(words) > 0 {
		return &failure{exit: exitUsage, out: "\n", err: excess(words)}
	}
	return cmd.run(t, c)
}

// excess has no newline, as there.
func excess(words []string) string { return "Excess arguments: " + strings.Join(words, " ") }

// missing is a command line that ends too early.
func (t *tool) missing(cmd *command, text string) error {
	return &failure{exit: exitUsage, out: t.commandUsage(cmd), err: text + "\n"}
}

// objects takes minor, resource and endpoints from the front of words.
func (t *tool) objects(c *call, words []string) ([]string, error) {
	if c.cmd.object != 0 {
		if len(words) == 0 {
			if c.cmd.object&objAll == 0 {
				return nil, t.missing(c.cmd, "Missing first argument")
			}
			c.req.All = true
			c.object = "all"
			return nil, nil
		}
		c.object, words = words[0], words[1:]
		if err := t.object(c); err != nil {
			return nil, err
		}
	}
	if !c.cmd.endpoints {
		return words, nil
	}
	for range 2 {
		if len(words) == 0 {
			return nil, t.missing(c.cmd, "Missing connection endpoint argument")
		}
		a, note, err := endpoint(words[0])
		if err != nil {
			return nil, err
		}
		if note != "" {
			t.note(note)
		}
		c.req.Args, words = append(c.req.Args, a), words[1:]
	}
	return words, nil
}

// object finds out what the first argument is.
func (t *tool) object(c *call) error {
	kinds, text := c.cmd.object, c.object
	switch {
	case text == "":
		return &failure{exit: exitNothing, err: "Resource name is empty.\n"}
	case text == "all" && kinds&objAll != 0:
		c.req.All = true
		return nil
	case text == "all":
		return &failure{exit: exitUsage, out: t.usage() + "\ncommand does not accept argument 'all'\n"}
	case kinds == objMinor:
		n, ok := parseMinor(text)
		if !ok {
			return noMinor(text)
		}
		c.req.Minor = n
		return nil
	case kinds&objMinor != 0:
		if n, ok := isMinorWord(text); ok {
			c.req.Minor = n
			return nil
		}
	}
	c.req.Resource = text
	return nil
}

// fixed takes and converts the arguments that a command has by name.
func (t *tool) fixed(c *call, words []string) ([]string, error) {
	for _, name := range c.cmd.args {
		if len(words) == 0 {
			return nil, t.missing(c.cmd, "Missing argument '"+name+"'")
		}
		if err := c.argument(name, words[0]); err != nil {
			return nil, err
		}
		words = words[1:]
	}
	return words, nil
}

func (c *call) argument(name, text string) (err error) {
	switch name {
	case "lower_dev", "meta_data_dev":
		if text, err = backing(text); err != nil {
			return err
		}
		c.req.Args = append(c.req.Args, text)
	case "meta_data_index":
		if text, err = metaIndex(text); err != nil {
			return err
		}
		c.req.Args = append(c.req.Args, text)
	case "resource":
		c.req.Resource = text
	case "minor":
		n, ok := parseMinor(text)
		if !ok {
			return noMinor(text)
		}
		c.req.Minor = n
	case "volume":
		c.req.Volume, err = whole(text)
	}
	return err
}

// metaIndex is internal, flexible or a number.
func metaIndex(text string) (string, error) {
	if text == "internal" || text == "flexible" {
		return text, nil
	}
	if _, err := whole(text); err != nil {
		return "", err
	}
	return strings.TrimLeft(text, "+ "), nil
}

// change is the run of every command that only asks the daemon to do something.
func change(t *tool, c *call) error {
	a, err := t.call(c.req)
	if err != nil {
		return t.noAnswer(c.req.Cmd, c.object, err)
	}
	return report(c.object, a)
}

// down of a resource that is not there is done.
func down(t *tool, c *call) error {
	a, err := t.call(c.req)
	if err != nil {
		return t.noAnswer(c.req.Cmd, c.object, err)
	}
	if a.Error == control.ErrResourceUnknown {
		return nil
	}
	return report(c.object, a)
}

// is84 tells whether the program was called by the name of 8.4's own.
func (t *tool) is84() bool { return t.prog == "drbdsetup-84" }
