package resource

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
)

// ErrNotFound: no script and no unit has the name.
var ErrNotFound = errors.New("cannot locate resource script")

// target is what stands behind a resource: a script, or a unit of systemd.
type target struct {
	shown string   // path as log lines show it, perhaps with a double slash
	path  string   // program to run
	pre   []string // arguments before the operation
	unit  string   // name of the unit; empty for a script
}

// Locate says what would be run for a resource: the path of a script, or
// "systemctl UNIT". The error wraps ErrNotFound.
func (r *Runner) Locate(res Resource) (string, error) {
	t, err := r.locate(res, r.o.HaDir)
	if err != nil {
		return "", err
	}
	if t.unit != "" {
		return "systemctl " + t.unit, nil
	}
	return t.path, nil
}

// locate looks into resource.d, then init.d (a regular file that may be executed,
// heartbeat-config 5), then for a unit file of systemd.
func (r *Runner) locate(res Resource, dir string) (target, error) {
	name := res.Script
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return target{}, fmt.Errorf("%w %q", ErrNotFound, name)
	}
	for _, d := range []string{dir + "/resource.d", r.o.InitDir} {
		p := d + "/" + name
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return target{shown: p, path: p, pre: res.Args}, nil
		}
	}
	if unit := r.findUnit(res); unit != "" {
		return target{shown: "systemctl " + unit, path: "systemctl", unit: unit}, nil
	}
	return target{}, fmt.Errorf("%w %s", ErrNotFound, name)
}

// findUnit looks for SCRIPT.service, or SCRIPT@.service if there is one argument,
// in the directories of unit files: a look at files needs no bus and no daemon.
func (r *Runner) findUnit(res Resource) string {
	file, unit := res.Script+".service", res.Script+".service"
	switch {
	case strings.HasSuffix(res.Script, ".service"):
		file, unit = res.Script, res.Script
	case len(res.Args) == 1:
		file, unit = res.Script+"@.service", res.Script+"@"+res.Args[0]+".service"
	case len(res.Args) > 1:
		return ""
	}
	for _, d := range r.o.UnitDirs {
		fi, err := os.Stat(path.Join(d, file))
		if err == nil && fi.Mode().IsRegular() { // a masked unit is a link to /dev/null
			return unit
		}
	}
	return ""
}
