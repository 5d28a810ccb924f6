package resource

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Running judges the printed text of a status run by the patterns of the original
// (heartbeat-behaviour 3), in their order: "not", a blank and somewhere after it
// "running" means stopped; "running" or "OK" means running; all else is stopped.
// Only the first letter of running may be either case, and each letter of not.
func Running(text string) bool {
	if notRunning(text) {
		return false
	}
	return strings.Contains(text, "running") || strings.Contains(text, "Running") || strings.Contains(text, "OK")
}

func notRunning(text string) bool {
	last := max(strings.LastIndex(text, "running"), strings.LastIndex(text, "Running"))
	for i := 0; i+4 <= last; i++ {
		if strings.EqualFold(text[i:i+3], "not") && text[i+3] == ' ' {
			return true
		}
	}
	return false
}

// Status asks a resource whether it runs here. out is what it printed on standard
// output. The exit status is ignored as in the original; err says that there was
// no answer: script missing, could not be started, time limit, cancelled. Then
// running is false and means "unknown".
func (r *Runner) Status(ctx context.Context, res Resource) (running bool, out string, err error) {
	t, err := r.locate(res, r.o.HaDir)
	if err != nil {
		return false, "", err
	}
	st, out, err := r.status(ctx, t, r.env(r.o.HaDir, nil))
	return st == up, out, err
}

// state is the answer of a status run. Scripts know up and down; a unit may also
// be on its way, which is neither a reason to skip its start nor safely stopped.
type state int

const (
	down state = iota
	moving
	up
	unknown
)

func (r *Runner) status(ctx context.Context, t target, env []string) (state, string, error) {
	own, err := memfile("status-output")
	if err != nil {
		return unknown, "", err
	}
	defer own.Close()
	p := program{path: t.path, env: env, own: own, limit: r.o.StatusTimeout}
	if t.unit != "" {
		p.args = []string{"is-active", t.unit}
	} else {
		p.args = withOp(t.pre, "status")
	}
	res := r.run(ctx, p)
	out := readAll(own, statusMax)
	if res.Err != nil {
		return unknown, out, fmt.Errorf("%s %s: %w", t.shown, strings.Join(p.args, " "), res.Err)
	}
	if t.unit != "" {
		st, err := unitState(out)
		return st, out, err
	}
	if Running(out) {
		return up, out, nil
	}
	return down, out, nil
}

// unitState reads the answer of "systemctl is-active".
func unitState(out string) (state, error) {
	word, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
	switch word {
	case "active", "reloading", "refreshing":
		return up, nil
	case "activating", "deactivating", "maintenance":
		return moving, nil
	case "inactive", "failed", "unknown":
		return down, nil
	}
	return unknown, errors.New("systemctl is-active: no answer: is systemd running?")
}

func withOp(args []string, op string) []string {
	return append(append(make([]string, 0, len(args)+1), args...), op)
}

func (r *Runner) env(dir string, extra []string) []string {
	return scriptEnv(r.o.Env, &r.o, dir, extra)
}
