package resource

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Device is a STONITH device as ha.cf names it: "stonith TYPE FILE" or
// "stonith_host HOST TYPE PARAMS".
type Device struct {
	Type   string   // null, ssh, meatware, suicide, external/ssh, ...; fence_* names an agent
	Params []string // words after the type
	File   string   // or a file that holds them
}

// FenceBadHost is the exit status of the stonith program for a host that the
// device does not control (S_BADHOST of cluster-glue).
const FenceBadHost = 4

const (
	stonithProgram = "stonith"
	externalDir    = "/usr/lib/stonith/plugins/external"
	entityHB       = "heartbeat"
)

// describe gives the name in "[...]" of the log lines: what the plugins of
// cluster-glue call themselves.
func (d Device) describe() string {
	switch d.Type {
	case "null":
		return "NULL STONITH device"
	case "ssh":
		return "SSH STONITH device"
	case "meatware":
		return "Meatware STONITH device"
	case "suicide":
		return "Suicide STONITH device"
	}
	return d.Type
}

// String is describe, for the daemon's own lines.
func (d Device) String() string { return d.describe() }

// Fence resets a node and returns when the device says so (heartbeat-behaviour 9).
// Only Result.OK means that the node is down: a missing program, a time limit or a
// doubtful answer is a failure. The meatware device waits for a person, without
// limit; end it with ctx.
func (r *Runner) Fence(ctx context.Context, d Device, node string) Result {
	r.log(entityHB, "info", fmt.Sprintf("Resetting node %s with [%s]", node, d.describe()))
	res := r.fenceRun(ctx, d, "reset", node)
	r.logOutput(d, res)
	switch {
	case res.OK():
		r.log(entityHB, "info", fmt.Sprintf("node %s now reset.", node))
	case res.Err == nil && res.Exit == FenceBadHost && !isAgent(d.Type):
		r.log(entityHB, "ERROR", fmt.Sprintf("Device %s cannot reset host %s.", d.describe(), node))
	default:
		r.log(entityHB, "ERROR", fmt.Sprintf("Host %s not reset!", node))
	}
	return res
}

// FenceStatus asks the device whether it works: at start and once an hour.
func (r *Runner) FenceStatus(ctx context.Context, d Device) Result {
	r.log(entityHB, "info", fmt.Sprintf("Checking status of STONITH device [%s]", d.describe()))
	res := r.fenceRun(ctx, d, "status", "")
	if !res.OK() {
		r.logOutput(d, res)
		r.log(entityHB, "WARN", fmt.Sprintf("STONITH device %s not operational!", d.describe()))
	}
	return res
}

func (r *Runner) logOutput(d Device, res Result) {
	for _, l := range Lines(res.Output, 10) {
		r.log(entityHB, "info", fmt.Sprintf("[%s] %s", d.Type, l))
	}
	if res.Err != nil {
		r.log(entityHB, "ERROR", fmt.Sprintf("[%s] %v", d.Type, res.Err))
	}
}

func isAgent(typ string) bool { return strings.HasPrefix(typ, "fence_") }

// fenceRun builds and runs the program for op, "reset" or "status".
func (r *Runner) fenceRun(ctx context.Context, d Device, op, node string) Result {
	own, err := memfile("fence-output")
	if err != nil {
		return Result{Path: d.Type, Exit: 1, Err: err}
	}
	defer own.Close()
	p, closeIn, err := r.fenceProgram(d, op, node)
	if err != nil {
		return Result{Path: d.Type, Args: []string{op, node}, Exit: 1, Err: err}
	}
	defer closeIn()
	p.own, p.both, p.limit = own, true, r.o.FenceTimeout
	if d.Type == "meatware" && op == "reset" {
		p.limit = 0
	}
	var res Result
	if p.path == "" { // the null device without cluster-glue: says yes to everything
		res = Result{Path: "null", Args: []string{op, node}}
	} else {
		res = r.run(ctx, p)
	}
	res.Output = readAll(own, tailMax)
	return res
}

// fenceProgram chooses the program: an agent for fence_*, cluster-glue's stonith
// for the rest; where that is not installed, the external plugins are run by
// their own protocol and null needs no program.
func (r *Runner) fenceProgram(d Device, op, node string) (program, func(), error) {
	nothing := func() {}
	env := scriptEnv(r.o.Env, &r.o, r.o.HaDir, nil)
	if strings.ContainsAny(node, "\n\x00") || strings.HasPrefix(node, "-") {
		return program{}, nothing, fmt.Errorf("impossible node name %q", node)
	}
	if isAgent(d.Type) {
		return agentProgram(d, op, node, env)
	}
	if p, err := findProgram(stonithProgram); err == nil {
		return program{path: p, args: d.stonithArgs(op, node), env: env}, nothing, nil
	}
	name, external := strings.CutPrefix(d.Type, "external/")
	switch {
	case external && name != "" && !strings.Contains(name, "/"):
		params, err := d.words()
		if err != nil {
			return program{}, nothing, err
		}
		for _, kv := range params {
			if k, _, ok := strings.Cut(kv, "="); !ok || !shellName(k) {
				return program{}, nothing, fmt.Errorf("parameter %q of %s is not name=value", kv, d.Type)
			}
			env = append(env, kv)
		}
		args := []string{op}
		if node != "" {
			args = append(args, node)
		}
		return program{path: externalDir + "/" + name, args: args, env: env}, nothing, nil
	case d.Type == "null":
		return program{}, nothing, nil
	}
	return program{}, nothing, fmt.Errorf("the program %q is not installed (package cluster-glue): %s cannot be used", stonithProgram, d.Type)
}

// stonithArgs is the command line of cluster-glue's stonith.
func (d Device) stonithArgs(op, node string) []string {
	args := []string{"-t", d.Type}
	named := len(d.Params) > 0
	for _, p := range d.Params {
		if k, _, ok := strings.Cut(p, "="); !ok || !shellName(k) {
			named = false
		}
	}
	switch {
	case d.File != "":
		args = append(args, "-F", d.File)
	case named:
		args = append(args, d.Params...)
	case len(d.Params) > 0:
		args = append(args, "-p", strings.Join(d.Params, " "))
	}
	if op == "status" {
		return append(args, "-S")
	}
	return append(args, "-T", "reset", node)
}

// words returns the parameters, from the file if there is one.
func (d Device) words() ([]string, error) {
	if d.File == "" {
		return d.Params, nil
	}
	data, err := os.ReadFile(d.File)
	if err != nil {
		return nil, fmt.Errorf("parameters of %s: %w", d.Type, err)
	}
	var words []string
	for l := range strings.SplitSeq(string(data), "\n") {
		if !strings.HasPrefix(l, "#") {
			words = append(words, strings.Fields(l)...)
		}
	}
	return words, nil
}

// agentProgram runs a fence_* agent with its parameters on standard input.
func agentProgram(d Device, op, node string, env []string) (program, func(), error) {
	nothing := func() {}
	path, err := findProgram(d.Type)
	if err != nil {
		return program{}, nothing, fmt.Errorf("fence agent: %w", err)
	}
	in, err := agentInput(d, op, node)
	if err != nil {
		return program{}, nothing, err
	}
	stdin, err := memfile("fence-input")
	if err != nil {
		return program{}, nothing, err
	}
	if _, err = stdin.WriteString(in); err == nil {
		_, err = stdin.Seek(0, 0)
	}
	return program{path: path, env: env, stdin: stdin}, func() { stdin.Close() }, err
}

// agentInput is what an agent reads: name=value lines. The node goes in as
// "nodename", and as "port" unless the configuration names a plug itself.
func agentInput(d Device, op, node string) (string, error) {
	params, err := d.words()
	if err != nil {
		return "", err
	}
	var in strings.Builder
	plug, action := false, "reboot"
	if op == "status" {
		action = "monitor"
	}
	for _, kv := range params {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return "", fmt.Errorf("parameter %q of %s is not name=value", kv, d.Type)
		}
		switch k {
		case "plug", "port", "nodename":
			plug = true
		case "action": // how to reset: off instead of reboot
			if v != "reboot" && v != "off" {
				return "", fmt.Errorf("action=%s of %s would not stop the node: reboot or off", v, d.Type)
			}
			if op == "reset" {
				action = v
			}
			continue
		}
		in.WriteString(kv + "\n")
	}
	in.WriteString("action=" + action + "\n")
	if node != "" {
		in.WriteString("nodename=" + node + "\n")
		if !plug {
			in.WriteString("port=" + node + "\n")
		}
	}
	return in.String(), nil
}

// findProgram looks in the directories of system programs: the daemon's own PATH
// may lack them, and a relative hit must not count.
func findProgram(name string) (string, error) {
	if strings.Contains(name, "/") {
		return "", fmt.Errorf("%q: not a program name", name)
	}
	for d := range strings.SplitSeq(systemPath, ":") {
		if p, err := exec.LookPath(d + "/" + name); err == nil {
			return p, nil
		} else if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, exec.ErrNotFound) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}
