package drbdadm

import (
	"fmt"
	"strings"

	"classicha/drbdd/config"
)

// target is what a command is about: a resource, or one volume of this host.
type target struct {
	res *config.Resource
	vol *config.Volume // nil: the resource as a whole
	all bool           // the command is for all resources
}

// find looks up RES, RES/VOL, minor-N or a device, and checks that the command
// can be about it.
func (t *tool) find(name string) (target, error) {
	if name == "" {
		fmt.Fprint(t.err, "Resource name is empty.\n")
		return target{}, exitUsage
	}
	x, err := t.lookUp(name)
	if err != nil {
		return x, err
	}
	if x.res == nil {
		fmt.Fprintf(t.err, "'%s' not defined in your config (for this host).\n", name)
		return x, exitUsage
	}
	if v := x.res.Me.Volumes; x.vol != nil && t.cmd.scope == whole && len(v) == 1 && v[0].Implicit {
		x.vol = nil
	}
	if x.vol != nil && t.cmd.scope == whole {
		fmt.Fprintf(t.err, "%s operates on whole resources, but you specified a specific volume!\n", t.cmd.name)
		return x, exitUsage
	}
	if t.cmd.scope == oneVolume && x.vol == nil {
		if v := x.res.Me.Volumes; len(v) == 1 && v[0].Implicit {
			x.vol = v[0]
			return x, nil
		}
		fmt.Fprintf(t.err, "%s requires a specific volume id, but none is specified.\nTry '%s minor-<minor_number>' or '%s %s/<vnr>'\n", t.cmd.name, t.cmd.name, t.cmd.name, name)
		return x, exitUsage
	}
	return x, nil
}

// lookUp finds what a word names; a target without resource if nothing.
func (t *tool) lookUp(name string) (target, error) {
	if digits, ok := strings.CutPrefix(name, "minor-"); ok {
		n, err := t.number(digits)
		if err != nil {
			return target{}, err
		}
		return t.device(func(v *config.Volume) bool { return uint64(v.Minor) == n }), nil
	}
	if strings.HasPrefix(name, "/dev/") {
		return t.device(func(v *config.Volume) bool {
			return v.DeviceName() == name || fmt.Sprintf("/dev/drbd%d", v.Minor) == name
		}), nil
	}
	r, number, given := t.conf.Resource(name), "", false
	if r == nil {
		var res string
		res, number, given = strings.Cut(name, "/")
		r = t.conf.Resource(res)
	}
	if !given {
		if r == nil || r.Ignored {
			return target{}, nil
		}
		return target{res: r}, t.rightMode(r)
	}
	n, err := t.number(number)
	if err != nil || r == nil || r.Ignored {
		return target{}, err
	}
	if err := t.rightMode(r); err != nil {
		return target{}, err
	}
	for _, v := range r.Me.Volumes {
		if uint64(v.Number) == n {
			return target{res: r, vol: v}, nil
		}
	}
	return target{}, nil
}

func (t *tool) device(is func(*config.Volume) bool) target {
	for _, r := range t.conf.Resources {
		if r.Ignored {
			continue
		}
		for _, v := range r.Me.Volumes {
			if is(v) {
				return target{res: r, vol: v}
			}
		}
	}
	return target{}
}

func (t *tool) number(text string) (uint64, error) {
	n, err := config.ParseNumber(text, config.Plain)
	if err == nil {
		return n, nil
	}
	fmt.Fprintln(t.err, err)
	if text == "" {
		return 0, exit(config.ExitMissing)
	}
	return 0, exitExec
}

// rightMode refuses a stacked resource without -S, and the other way round.
func (t *tool) rightMode(r *config.Resource) error {
	if r.Stacked == t.stacked {
		return nil
	}
	mode := map[bool]string{false: "normal", true: "stacked"}
	fmt.Fprintf(t.err, "'%s' is a %s resource, and not available in %s mode.\n", r.Name, mode[r.Stacked], mode[t.stacked])
	return exitUsage
}
