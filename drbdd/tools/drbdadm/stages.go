package drbdadm

import (
	"fmt"

	"classicha/drbdd/config"
)

// stage is a part of up and adjust that all resources pass before the next one
// begins: the dependencies between resources (resync-after, stacking) need that.
type stage uint8

const (
	createRes stage = iota
	adjustRes
	prepareDisk
	adjustDisk
	prepareNet
	adjustNet
	stages
)

func (s stage) String() string {
	return [...]string{"create res", "adjust res", "prepare disk", "adjust disk", "prepare net", "adjust net"}[s]
}

// prerequisite: without it there is no sense in going on with a resource.
func (s stage) prerequisite() bool { return s == createRes || s == prepareDisk }

// step is one thing to do in a stage. run also says under which name it failed.
type step struct {
	res  *config.Resource
	name string
	run  func() (name string, code int, err error)
}

// plan is what up and adjust collect before they begin.
type plan struct {
	stages [stages][]step
	given  bool // there was something to plan, even if nothing is to be done
	failed map[*config.Resource]bool
	// progress: the calls of adjust-with-progress are running.
	progress bool
}

func (p *plan) empty() bool { return !p.given }

// later adds a step that makes one call.
func (p *plan) later(s stage, x target, name string, run func(target) (int, error)) {
	p.add(s, x, name, func() (string, int, error) {
		code, err := run(x)
		return name, code, err
	})
}

func (p *plan) add(s stage, x target, name string, run func() (string, int, error)) {
	p.stages[s] = append(p.stages[s], step{x.res, name, run})
}

// runPlan makes all calls, stage by stage. After a stage in which something
// failed it stops, but adjust-with-progress goes on with what is left: it runs at
// boot.
func (t *tool) runPlan() (int, error) {
	p := &t.plan
	p.failed = map[*config.Resource]bool{}
	show := t.cmd.name == "adjust-with-progress" && !t.dry && t.verbose == 0
	if show {
		fmt.Fprint(t.out, "[")
	}
	p.progress = show
	result := 0
	for s := range stages {
		failed, err := t.runStage(s, show)
		if err != nil {
			return 0, err
		}
		if failed {
			result = int(exitUsage)
		}
		if failed && !show {
			break
		}
	}
	p.progress = false
	if show {
		fmt.Fprint(t.out, "\n]\n")
	}
	return result, nil
}

func (t *tool) runStage(s stage, show bool) (failed bool, err error) {
	steps := t.plan.stages[s]
	if len(steps) > 0 && show {
		fmt.Fprintf(t.out, "\n%15s:", s)
	}
	var last *config.Resource
	for _, d := range steps {
		skip := t.plan.failed[d.res]
		switch {
		case show && d.res == last:
		case show && skip:
			fmt.Fprintf(t.out, " [skipped:%s]", d.res.Name)
		case show:
			fmt.Fprintf(t.out, " %s", d.res.Name)
		case skip:
			fmt.Fprintf(t.err, "%s: %s %s: skipped due to earlier error\n", t.prog, d.name, d.res.Name)
		}
		last = d.res
		if skip {
			continue
		}
		t.current = d.res.Name
		name, code, err := d.run()
		if err != nil {
			return true, err
		}
		if code == 0 {
			continue
		}
		failed = true
		if s.prerequisite() {
			t.plan.failed[d.res] = true
		}
		if show {
			fmt.Fprintf(t.out, ":failed(%s:%d)", name, code)
		}
	}
	return failed, nil
}

// up plans what makes a resource, or one volume of it, work.
func (t *tool) up(x target) (int, error) {
	t.plan.given = true
	volumes := x.res.Me.Volumes
	if x.vol != nil {
		volumes = []*config.Volume{x.vol}
	}
	if err := t.checkDisks(x.res, volumes); err != nil {
		return 0, err
	}
	t.plan.later(createRes, x, "new-resource", t.newResource)
	for _, v := range volumes {
		t.plan.later(createRes, target{res: x.res, vol: v}, "new-minor", t.newMinor)
	}
	for _, v := range volumes {
		t.planAttach(target{res: x.res, vol: v})
	}
	t.plan.later(adjustNet, x, "connect", t.connect)
	return 0, nil
}

// checkDisks looks for disk options that cannot be passed on, before anything is
// done.
func (t *tool) checkDisks(r *config.Resource, vs []*config.Volume) error {
	for _, v := range vs {
		if _, err := t.diskArgs(r, v); err != nil {
			return err
		}
	}
	return nil
}

func (t *tool) planAttach(x target) {
	t.plan.add(adjustDisk, x, "attach", func() (string, int, error) { return t.attachSteps(x) })
}
