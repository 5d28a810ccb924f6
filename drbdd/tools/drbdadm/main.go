package drbdadm

import (
	"errors"
	"fmt"
	"io"

	"classicha/drbdd/config"
	"classicha/drbdd/config/sysenv"
)

// tool is one call of drbdadm.
type tool struct {
	env      Env
	in       io.Reader
	out, err io.Writer
	argv0    string
	prog     string // its last part, as in messages

	// From the command line.
	cmd                  *command
	names                []string
	opts                 []string // for drbdsetup
	dry, stacked         bool
	verbose              int
	configFile, testFile string
	peer, style          string
	saveTo, listOf       string // split-brain

	setup, meta, proxyCtl string // programs
	conf                  *config.Config
	plan                  plan   // of up and adjust
	current               string // resource that the next call is about
}

// Main is drbdadm: it returns the exit code.
func Main(argv0 string, args []string, stdin io.Reader, stdout, stderr io.Writer, env Env) int {
	t := &tool{env: env, in: stdin, out: stdout, err: stderr, argv0: argv0, prog: progName(argv0)}
	if env.Pretending {
		fmt.Fprintf(stderr, "\n   found %s in environment\n   PRETENDING that I am >>%s<<\n\n", sysenv.NodeVariable, env.Config.Hostname)
	}
	code, err := t.main(args)
	var e exit
	if errors.As(err, &e) {
		return int(e)
	}
	return code
}

func (t *tool) main(args []string) (int, error) {
	if err := t.options(args); err != nil {
		return 0, err
	}
	if t.cmd.name == "hidden-commands" {
		t.hidden()
		return 0, nil
	}
	if t.testFile != "" && t.cmd.name != "dump" && t.cmd.name != "dump-xml" && t.cmd.name != "sh-nop" {
		fmt.Fprint(t.err, "The --config-to-test (-t) option is only allowed with the dump and sh-nop commands\n")
		return 0, exitUsage
	}
	if t.listOf != "" {
		return t.listChanges()
	}
	if err := t.findPrograms(); err != nil {
		return 0, err
	}
	if t.cmd.names == needed && len(t.names) == 0 {
		return 0, t.help(t.cmd, exitUsage, "No resource names specified")
	}
	if t.cmd.name != "proc" { // it needs none
		if err := t.load(); err != nil {
			return 0, err
		}
	}
	code, err := t.targets()
	if err != nil || t.plan.empty() {
		return code, err
	}
	return t.runPlan()
}

// targets runs the command for all that its words name.
func (t *tool) targets() (int, error) {
	switch {
	case t.cmd.names == ignored:
		if len(t.names) > 0 {
			fmt.Fprint(t.err, "This command will ignore resource names!\n")
		}
		code, err := t.cmd.all(t)
		if code != 0 {
			fmt.Fprintf(t.err, "command %s exited with code %d\n", t.cmd.name, code)
		}
		return code, err
	case len(t.names) == 0 || t.names[0] == "all":
		return t.allResources()
	}
	if len(t.conf.Resources) == 0 && t.cmd.all == nil {
		return t.noResources()
	}
	if t.cmd.single && len(t.names) > 1 {
		fmt.Fprint(t.err, "You should not use this command with multiple resources!\n")
	}
	worst := 0
	for _, name := range t.names {
		x, err := t.find(name)
		if err != nil {
			return 0, err
		}
		if bad := t.badAddresses(x.res); bad != "" {
			fmt.Fprint(t.err, bad)
			if t.cmd.all == nil { // a dump shows it all the same
				return 0, exitInvalid
			}
		}
		code, err := t.one(x)
		if worst = max(worst, code); err != nil || code >= int(exitExec) {
			return worst, err
		}
	}
	return worst, nil
}

func (t *tool) noResources() (int, error) {
	fmt.Fprint(t.err, "no resources defined!\n")
	return 0, exitUsage
}

// allResources runs the command for each resource of this host.
func (t *tool) allResources() (int, error) {
	if t.cmd.all == nil && len(t.conf.Resources) == 0 {
		return t.noResources()
	}
	here := t.here()
	if t.cmd.all == nil && len(here) == 0 {
		return t.nothingHere()
	}
	bad := ""
	for _, r := range here {
		bad += t.badAddresses(r)
	}
	if bad != "" {
		fmt.Fprint(t.err, bad)
		return 0, exitInvalid
	}
	if t.cmd.all != nil {
		return t.cmd.all(t)
	}
	worst := 0
	for _, r := range here {
		code, err := t.one(target{res: r, all: true})
		if worst = max(worst, code); err != nil || code >= int(exitExec) {
			return worst, err
		}
	}
	return worst, nil
}

// here are the resources of this host: the stacked ones with -S, else the others.
func (t *tool) here() []*config.Resource {
	var out []*config.Resource
	for _, r := range t.conf.Resources {
		if !r.Ignored && r.Stacked == t.stacked {
			out = append(out, r)
		}
	}
	return out
}

func (t *tool) nothingHere() (int, error) {
	host := t.env.Config.Hostname
	if t.stacked {
		fmt.Fprintf(t.err, "WARN: nothing stacked for this host (%s), nothing to do in stacked mode!\n", host)
		return 0, exitUsage
	}
	fmt.Fprintf(t.err, "WARN: no normal resources defined for this host (%s)!?\n", host)
	for _, r := range t.conf.Resources {
		if r.Ignored {
			fmt.Fprint(t.err, "Misspelled name of the local machine with the 'on' keyword ?\n")
			break
		}
	}
	return 0, exitUsage
}

// badAddresses complains about an address of ours that is not configured here,
// if the command needs it. Nothing is done in a dry run.
func (t *tool) badAddresses(r *config.Resource) string {
	if !t.cmd.checkIP || t.dry {
		return ""
	}
	only := config.Config{Global: t.conf.Global, Resources: []*config.Resource{r}}
	bad := ""
	for _, f := range only.CheckAddresses(t.env.Config) {
		bad += f.Original
	}
	return bad
}

// one runs the command for one target.
func (t *tool) one(x target) (int, error) {
	t.choosePeer(x.res)
	t.current = x.res.Name
	if t.cmd.scope == whole || t.cmd.scope == asGiven || x.vol != nil || x.all && t.cmd.single {
		return t.cmd.run(t, x)
	}
	worst, failed := 0, error(nil)
	for _, v := range x.res.Me.Volumes {
		code, err := t.cmd.run(t, target{res: x.res, vol: v, all: x.all})
		if (code != 0 || err != nil) && t.cmd.worse == nil {
			return code, err
		}
		if err != nil {
			code, failed = int(exitExec), err
		}
		if t.cmd.worse != nil {
			worst = t.cmd.worse(worst, code)
		}
	}
	if worst == int(exitExec) {
		return worst, failed
	}
	return worst, nil
}

// choosePeer follows --peer. A command that needs no peer does without one.
func (t *tool) choosePeer(r *config.Resource) {
	if t.peer == "" && !t.cmd.needPeer {
		return
	}
	for _, f := range r.SetPeer(t.peer) {
		if f.Level == config.Error && (t.cmd.needPeer || r.Me.Has(t.peer)) {
			fmt.Fprint(t.err, f.Original)
		}
	}
}
