package drbdsetup

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"

	"classicha/drbdd/config"
	"classicha/drbdd/control"
	"classicha/drbdd/control/options"
	"classicha/drbdd/status"

	"golang.org/x/sys/unix"
)

func utoa(n uint64) string { return strconv.FormatUint(n, 10) }

func oldChange(t *tool, c *oldCall) error { return t.send(c, c.request()) }

// oldPrimary: the strong words of 0.7 must be written out.
func oldPrimary(t *tool, c *oldCall) error {
	for _, g := range c.found {
		if name := g.opt.name; (name == "human" || name == "do-what-I-say") && !g.full {
			return &failure{exit: exitUsage, err: fmt.Sprintf("%s\nYou have to spell out --%s, if you mean it\n", g.word, name)}
		}
	}
	return oldChange(t, c)
}

// oldAttach is disk.
func oldAttach(t *tool, c *oldCall) error {
	if _, err := t.ensure(c); err != nil {
		return err
	}
	return t.send(c, control.Request{Cmd: "attach", Minor: c.minor, Args: c.args, Options: c.values[config.SectionDisk]})
}

// oldConnect is net.
func oldConnect(t *tool, c *oldCall) error {
	opts := map[string]string{"protocol": c.args[2]}
	for k, v := range c.values[config.SectionNet] {
		opts[k] = v
	}
	name, err := t.ensure(c)
	if err != nil {
		return err
	}
	return t.send(c, control.Request{Cmd: "connect", Resource: name, Minor: -1, Args: c.args[:2], Options: opts})
}

// oldSync is syncer, whose options belong to disk, connection and resource today.
// With --set-defaults those of them that are not named are reset, and no others.
func oldSync(t *tool, c *oldCall) error {
	if c.defaults {
		for _, o := range c.cmd.opts {
			if d := config.Lookup(o.section, o.to); d != nil {
				m := c.values[o.section]
				if m == nil {
					m = map[string]string{}
					c.values[o.section] = m
				}
				if _, given := m[o.to]; !given {
					m[o.to] = options.Default(d)
				}
			}
		}
	}
	name, err := t.ensure(c)
	if err != nil {
		return err
	}
	var reqs []control.Request
	if m := c.values[config.SectionDisk]; m != nil {
		reqs = append(reqs, control.Request{Cmd: "disk-options", Minor: c.minor, Options: m, Keep: true})
	}
	if m := c.values[config.SectionNet]; m != nil {
		reqs = append(reqs, control.Request{Cmd: "net-options", Resource: name, Minor: -1, Options: m, Keep: true})
	}
	if m := c.values[config.SectionOptions]; m != nil {
		reqs = append(reqs, control.Request{Cmd: "resource-options", Resource: name, Minor: -1, Options: m})
	}
	return t.send(c, reqs...)
}

// oldDisconnect finds the addresses; without a connection all is done.
func oldDisconnect(t *tool, c *oldCall) error {
	r, ok, err := t.resource(c)
	switch {
	case err != nil:
		return err
	case !ok:
		return c.report(control.Answer{Error: control.ErrMinorUnknown, Info: []string{"unknown minor"}})
	case r.Net == nil || r.Local == "":
		return nil
	}
	req := c.request()
	req.Minor, req.Args = -1, []string{r.Local, r.Remote}
	return t.send(c, req)
}

// oldDown: the resource is the device, as it was then.
func oldDown(t *tool, c *oldCall) error {
	r, ok, err := t.resource(c)
	if err != nil || !ok {
		return err
	}
	if n := len(r.View.Volumes); n > 1 {
		return &failure{exit: exitUsage, err: fmt.Sprintf("%s is one of %d volumes of resource %s: drbdsetup down %s\n", c.device, n, r.View.Name, r.View.Name)}
	}
	return t.send(c, control.Request{Cmd: "down", Resource: r.View.Name, Minor: -1})
}

// oldWord is state, role, cstate and dstate.
func oldWord(t *tool, c *oldCall) error {
	if !c.era07 {
		n := c.asNew()
		if c.cmd.name == "state" {
			return deprecatedState(t, n)
		}
		return word(t, n)
	}
	r, ok, err := t.resource(c)
	if err != nil {
		return err
	}
	text := status.NotConfigured
	if r, vol, _ := volume(control.Answer{Resources: []control.Resource{r}}, c.minor); ok {
		if s := status.DState(r, vol); s != status.Unconfigured {
			v := volumeView(&r, vol)
			switch c.cmd.name {
			case "cstate":
				text = status.CState07(v.Conn, v.Disk, v.Pdsk)
			case "dstate":
				text = s
			default:
				text = status.Role(r, vol)
			}
		}
	}
	t.show(func(w io.Writer) { fmt.Fprintln(w, text) })
	return nil
}

func oldGeneration(t *tool, c *oldCall) error { return generation(t, c.asNew()) }

func oldShStatus(t *tool, c *oldCall) error { return shStatus(t, c.asNew()) }

// oldStatus is the line of 8.3's XML.
func oldStatus(t *tool, c *oldCall) error {
	r, vol, err := t.askVolume(c.asNew())
	if err != nil {
		return err
	}
	t.show(func(w io.Writer) { io.WriteString(w, status.Resource83XML(r, vol)) })
	return nil
}

func oldShow(t *tool, c *oldCall) error {
	r, ok, err := t.resource(c)
	switch {
	case err != nil:
		return err
	case !ok && c.era07:
		t.show(func(w io.Writer) { fmt.Fprintln(w, status.NotConfigured) })
		return nil
	case !ok:
		return c.report(control.Answer{Error: control.ErrMinorUnknown, Info: []string{"unknown minor"}})
	}
	_, vol, _ := volume(control.Answer{Resources: []control.Resource{r}}, c.minor)
	t.show(func(w io.Writer) {
		if c.era07 {
			status.Show07(w, r, vol, deviceNumber)
		} else {
			status.Show83(w, r, vol)
		}
	})
	return nil
}

// deviceNumber is "08:01" of a block device.
func deviceNumber(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return ""
	}
	return fmt.Sprintf("%02x:%02x", unix.Major(st.Rdev), unix.Minor(st.Rdev))
}

func oldEvents(t *tool, c *oldCall) error {
	n := c.asNew()
	if c.values[none]["all"] != "" {
		n.req.Minor, n.req.All = -1, true
	}
	return events84(t, n)
}

// oldWaits: 0.7 had defaults of its own and did not compare the times.
func oldWaits(t *tool, c *oldCall) error {
	deflt := map[string]timeouts{"wait_connect": {degraded: 60}, "wait_sync": {wfc: 8, degraded: 4}}[c.cmd.name]
	w, err := waitTimeouts(c.found, deflt)
	if err != nil {
		return err
	}
	if !c.era07 {
		said := ""
		w, said = w.ordered()
		t.note(said)
	}
	return t.wait(c.asNew(), w)
}

// oldOnPrimary: 0.7 counted in its metadata why a node became Primary. Identifiers of
// generations need no such hint; that the device is there is all that is checked.
func oldOnPrimary(t *tool, c *oldCall) error {
	return t.send(c, control.Request{Cmd: "role", Minor: c.minor})
}

// report is that of 8.x, or 0.7's words for what its kernel answered (drbd-cli 4.1).
func (c *oldCall) report(a control.Answer) error {
	err := report(c.device, a)
	if err == nil || !c.era07 {
		return err
	}
	if a.State == -15 && strings.HasPrefix(c.cmd.name, "invalidate") {
		return &failure{exit: exitUsage, err: "Only in 'Connected' cstate possible.\n"}
	}
	for _, k := range kernel07 {
		if a.State == k.state && a.State != 0 || a.Error == k.code && a.Error != 0 {
			return &failure{exit: k.exit, err: "ioctl(,SET_STATE,) failed: " + errnoText(k.errno) + "\n" + k.text + "\n"}
		}
	}
	var f *failure
	if errors.As(err, &f) {
		f.exit = exitUsage
	}
	return err
}

var kernel07 = []struct {
	state, code int
	errno       syscall.Errno
	text        string
	exit        int
}{
	{-12, 0, syscall.EBUSY, "Someone has opened the device for RW access!", exitUsage},
	{-8, 0, syscall.EINPROGRESS, "Resynchronization process currently running!", exitUsage},
	{0, control.ErrMinorUnknown, syscall.ENXIO, "Device not configured", exitUsage},
	{-1, 0, syscall.EACCES, "Partner is already primary", exitUsage},
	{-2, 0, syscall.EIO, "Local replica is inconsistent (--do-what-I-say ?)", exitBadData},
}
