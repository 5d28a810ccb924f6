package drbdsetup

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"classicha/drbdd/control"
	"classicha/drbdd/status"

	"golang.org/x/term"
)

// ask sends a query and reports its errors.
func (t *tool) ask(c *call) (control.Answer, error) {
	c.req.Options = nil // what a query shows is ours
	a, err := t.call(c.req)
	if err != nil {
		return a, t.noAnswer(c.req.Cmd, c.object, err)
	}
	return a, report(c.object, a)
}

// volume finds a minor in an answer.
func volume(a control.Answer, minor int) (r control.Resource, vol int, ok bool) {
	for _, r := range a.Resources {
		for _, v := range r.View.Volumes {
			if v.Minor == minor {
				return r, v.Vol, true
			}
		}
	}
	return r, 0, false
}

// askVolume sends a query about a minor.
func (t *tool) askVolume(c *call) (control.Resource, int, error) {
	a, err := t.ask(c)
	if err != nil {
		return control.Resource{}, 0, err
	}
	r, vol, ok := volume(a, c.req.Minor)
	if !ok {
		err = report(c.object, control.Answer{Error: control.ErrMinorUnknown, Info: []string{"unknown minor"}})
	}
	return r, vol, err
}

// only leaves one volume of a resource, for queries about a minor.
func only(r control.Resource, minor int) control.Resource {
	if minor < 0 {
		return r
	}
	for i, v := range r.View.Volumes {
		if v.Minor == minor {
			r.View.Volumes = r.View.Volumes[i : i+1 : i+1]
			if i < len(r.Volumes) {
				r.Volumes = r.Volumes[i : i+1 : i+1]
			}
			return r
		}
	}
	r.View.Volumes, r.Volumes = nil, nil
	return r
}

// word answers role, cstate and dstate.
func word(t *tool, c *call) error {
	r, vol, err := t.askVolume(c)
	if err != nil {
		return err
	}
	f := map[string]func(control.Resource, int) string{"role": status.Role, "cstate": status.CState, "dstate": status.DState}[c.req.Cmd]
	t.show(func(w io.Writer) { fmt.Fprintln(w, f(r, vol)) })
	return nil
}

// deprecatedState is role by its former name.
func deprecatedState(t *tool, c *call) error {
	c.req.Cmd = "role"
	if err := word(t, c); err != nil {
		return err
	}
	t.note(strings.Repeat(fmt.Sprintf("'%s ... state' is deprecated, use '%s ... role' instead.\n", t.prog, t.prog), 2)) // twice, as there
	return nil
}

// generation answers get-gi and show-gi.
func generation(t *tool, c *call) error {
	r, vol, err := t.askVolume(c)
	if err != nil {
		return err
	}
	text, ok := status.GetGI(r, vol)
	if c.req.Cmd == "show-gi" {
		text, ok = status.ShowGI(r, vol)
	} else if ok {
		text += "\n"
	}
	if !ok {
		return &failure{exit: exitNothing, err: text + "\n"}
	}
	t.show(func(w io.Writer) { io.WriteString(w, text) })
	return nil
}

// checkResize: the daemon keeps what is known of the lower device up to date while
// it is attached; all that is left to say is whether the minor exists.
func checkResize(t *tool, c *call) error {
	_, err := t.ask(c)
	return err
}

func shStatus(t *tool, c *call) error {
	c.req.Options = nil
	a, err := t.call(c.req)
	if err != nil {
		return t.noAnswer(c.req.Cmd, c.object, err)
	}
	if a.Error == control.ErrMinorUnknown {
		t.show(func(w io.Writer) { status.ShStatusNone(w, c.req.Minor) })
		return nil
	}
	if err := report(c.object, a); err != nil {
		return err
	}
	t.show(func(w io.Writer) {
		for _, r := range a.Resources {
			for _, v := range only(r, c.req.Minor).View.Volumes {
				status.ShStatus(w, r, v.Vol)
			}
		}
	})
	return nil
}

func showConfig(t *tool, c *call) error {
	_, defaults := c.req.Options["show-defaults"]
	a, err := t.ask(c)
	if err != nil {
		return err
	}
	rs := slices.Clone(a.Resources)
	for i := range rs {
		rs[i] = only(rs[i], c.req.Minor)
	}
	t.show(func(w io.Writer) { status.Show(w, rs, defaults) })
	return nil
}

func showStatus(t *tool, c *call) error {
	given := c.req.Options
	width, terminal := t.terminal()
	o := status.Options{Verbose: given["verbose"] != "", Statistics: given["statistics"] != "", Width: width}
	switch color, ok := given["color"]; {
	case !ok || color == "auto":
		o.Color = terminal
	case color == "always" || color == "" && !hasArgument(c, "color"):
		o.Color = true
	case color != "never":
		return &failure{exit: exitUsage, out: t.usage() + "\nunknown --color argument\n"}
	}
	a, err := t.ask(c)
	if a.Error == control.ErrResourceUnknown {
		return &failure{exit: exitConfig, err: c.object + ": No such resource\n"}
	}
	if err != nil {
		return err
	}
	if given["json"] != "" {
		t.show(func(w io.Writer) { err = status.JSON(w, a.Resources) })
		return err
	}
	t.show(func(w io.Writer) {
		for _, r := range a.Resources {
			status.Status(w, r, o)
		}
	})
	return nil
}

func hasArgument(c *call, name string) bool {
	for _, g := range c.options {
		if g.opt.name == name && g.has {
			return true
		}
	}
	return false
}

// terminal tells whether standard output is one, and how wide; 0 where it does not
// say.
func (t *tool) terminal() (width int, is bool) {
	f, ok := t.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, _ = term.GetSize(int(f.Fd()))
	return width, true
}
