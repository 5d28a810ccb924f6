package resource

import (
	"context"
	"fmt"
)

const entityRM = "ResourceManager"

// Start runs the start operation of one resource and logs it as ResourceManager
// does. It does not ask for status first.
func (r *Runner) Start(ctx context.Context, res Resource) Result {
	return r.operate(ctx, res, "start", r.o.HaDir, nil)
}

// Stop runs the stop operation of one resource, once.
func (r *Runner) Stop(ctx context.Context, res Resource) Result {
	return r.operate(ctx, res, "stop", r.o.HaDir, nil)
}

func (r *Runner) operate(ctx context.Context, res Resource, op, dir string, extra []string) Result {
	t, err := r.locate(res, dir)
	if err != nil {
		r.log(entityRM, "ERROR", "Cannot locate resource script "+res.Script)
		return Result{Path: res.Script, Args: withOp(res.Args, op), Exit: 1, Err: err}
	}
	return r.doScript(ctx, t, op, r.env(dir, extra))
}

// doScript is one run of start or stop with the lines around it. The blank after
// the path stays when there are no arguments, as in the original.
func (r *Runner) doScript(ctx context.Context, t target, op string, env []string) Result {
	p := program{path: t.path, env: env, limit: r.o.StartTimeout}
	if op == "stop" {
		p.limit = r.o.StopTimeout
	}
	call := fmt.Sprintf("%s %s %s", t.shown, Resource{Args: t.pre}.argText(), op)
	if t.unit != "" {
		p.args = []string{op, t.unit}
		call = "systemctl " + op + " " + t.unit
	} else {
		p.args = withOp(t.pre, op)
	}
	r.log(entityRM, "info", "Running "+call)
	r.log(entityRM, "debug", "Starting "+call)
	res := r.run(ctx, p)
	r.log(entityRM, "debug", fmt.Sprintf("%s done. RC=%d", call, res.Exit))
	if res.Err != nil {
		r.log(entityRM, "ERROR", fmt.Sprintf("%s: %v", call, res.Err))
	}
	if !res.OK() {
		r.log(entityRM, "ERROR", fmt.Sprintf("Return code %d from %s", res.Exit, t.shown))
		for _, l := range Lines(res.Output, 5) {
			r.log(entityRM, "info", "output: "+l)
		}
	}
	return res
}
