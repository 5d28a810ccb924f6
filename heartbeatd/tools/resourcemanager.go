package tools

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/config/sysenv"
	"classicha/heartbeatd/daemon/emergency"
	"classicha/heartbeatd/resource"
	"classicha/internal/hlog"
)

// ResourceManager is the original's tool for resource groups, run from the
// command line and by scripts of users (heartbeat-behaviour 3):
//
//	listkeys NODE-regex | allkeys | ourkeys | otherkeys   print keys, or whole groups
//	status RSC                                             exit 0 running, 3 not
//	takegroup KEY | givegroup KEY | statgroup KEY
//	verifyallidle                                          exit = number of running first resources
//
// It works on the scripts directly and asks no daemon. args is without the
// program's name.
func ResourceManager(args []string, stdout, stderr io.Writer) int {
	m := newManager(stdout, stderr)
	verb, arg := "", ""
	if len(args) > 0 {
		verb = args[0]
	}
	if len(args) > 1 {
		arg = args[1]
	}
	switch verb {
	case "listkeys":
		return m.listKeys(arg)
	case "allkeys":
		return m.listKeys(".*")
	case "ourkeys":
		return m.groups(true)
	case "otherkeys":
		return m.groups(false)
	case "status", "takegroup", "givegroup", "statgroup", "verifyallidle":
		return m.withRunner(func(ctx context.Context) int { return m.operate(ctx, verb, arg) })
	}
	fmt.Fprintf(stderr, "usage: %s listkeys machine | takegroup key | givegroup key|status resource\n\n", scriptName("ResourceManager"))
	return 1
}

type manager struct {
	dir            string
	node           string
	file           *config.Haresources
	ext            *config.Ext
	stdout, stderr io.Writer
	r              *resource.Runner
}

func newManager(stdout, stderr io.Writer) *manager {
	m := &manager{dir: strings.TrimRight(envOr("HA_DIR", config.HADir), "/"), stdout: stdout, stderr: stderr}
	sys := sysenv.Env(m.dir)
	m.node = strings.ToLower(envOr("HA_CURHOST", sys.Hostname))
	files := sysenv.Files(m.dir)
	// Only what is needed is asked of the system: no look-ups of hosts and users.
	env := config.Env{Hostname: m.node, Script: sys.Script, Scripts: sys.Scripts}
	var nodes []string
	if files.HA.Err == nil {
		ha, _ := config.ParseHA(files.HA.Name, files.HA.Data, env)
		nodes = ha.Nodes
	}
	if files.Haresources.Err == nil {
		m.file, _ = config.ParseHaresources(files.Haresources.Name, files.Haresources.Data, nodes, env)
	}
	if m.file == nil {
		m.file = &config.Haresources{}
	}
	m.ext = config.DefaultExt()
	if files.Ext.Err == nil {
		m.ext, _ = config.ParseExt(files.Ext.Name, files.Ext.Data)
	}
	return m
}

// listKeys prints the keys of the groups of nodes that match: a regular
// expression, letter case ignored, as in the original.
func (m *manager) listKeys(node string) int {
	re, err := regexp.Compile("(?i)^(?:" + node + ") ")
	if err != nil {
		re = regexp.MustCompile("(?i)^" + regexp.QuoteMeta(node) + " ")
	}
	for _, g := range m.file.Groups {
		if re.MatchString(g.Line() + " ") {
			fmt.Fprintln(m.stdout, g.Key)
		}
	}
	return 0
}

// groups prints whole groups, each word with a blank behind it.
func (m *manager) groups(ours bool) int {
	for _, g := range m.file.Groups {
		if (g.Home == m.node) == ours {
			_, words, _ := strings.Cut(g.Line(), " ")
			fmt.Fprintln(m.stdout, words+" ")
		}
	}
	return 0
}

// find returns the groups that have a word: the key, or any other resource. The
// original looks for a regular expression and would find 10.0.0.1 in 10.0.0.10 x.
func (m *manager) find(word string) []resource.Group {
	var out []resource.Group
	for _, g := range m.file.Groups {
		for _, r := range g.Resources {
			if r.Raw == word {
				out = append(out, resource.FromConfig(g))
				break
			}
		}
	}
	return out
}

// one finds a resource by its word: as the file has it, so that its slips are
// forgiven, or as it is written.
func (m *manager) one(word string) resource.Resource {
	for _, g := range m.file.Groups {
		for _, r := range resource.FromConfig(g).Resources {
			if r.Word == word {
				return r
			}
		}
	}
	return resource.ParseWord(word)
}

// withRunner makes a runner that logs as the shell script did and prints what
// scripts say where the daemon's environment wants it.
func (m *manager) withRunner(f func(context.Context) int) int {
	var debug io.Writer = io.Discard
	if path := os.Getenv("HA_DEBUGLOG"); path != "" && path != "/dev/null" {
		if w, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
			defer w.Close()
			debug = w
		}
	}
	retries, err := strconv.Atoi(os.Getenv("HA_STOPRETRYMAX"))
	switch {
	case err != nil:
		retries = 0 // the default
	case retries <= 0:
		retries = -1 // for ever
	}
	down := &emergency.Actor{Policy: emergency.Choose(os.Getenv("HA_EMERGENCY"), m.ext.Emergency), Log: m, Kill: killDaemon}
	r, err := resource.New(resource.Options{
		HaDir: m.dir, Node: m.node, Env: os.Environ(), Debug: debug, Log: m.line,
		StartTimeout: m.ext.StartTimeout, StopTimeout: m.ext.StopTimeout, StopRetryMax: retries,
		Emergency: down.Act,
	})
	if err != nil {
		return fail(m.stderr, "ResourceManager", err)
	}
	defer r.Close()
	m.r = r
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return f(ctx)
}

func (m *manager) line(l resource.Line) {
	if debug := os.Getenv("HA_debug"); l.Level == "debug" && (debug == "" || debug == "0") {
		return
	}
	m.log(l.String())
}

func (m *manager) log(text string) { scriptLog("ResourceManager", text, m.stderr) }

// Log makes the manager the emergency's logger.
func (m *manager) Log(level hlog.Level, text string) { m.log("CRIT: " + text) }

func (m *manager) operate(ctx context.Context, verb, arg string) int {
	switch verb {
	case "status":
		res := m.one(arg)
		running, _, err := m.r.Status(ctx, res)
		switch {
		case running:
			return 0
		case err != nil:
			if _, missing := m.r.Locate(res); missing != nil {
				m.log("ERROR: Cannot locate resource script " + res.Script)
			} else {
				m.log("ERROR: " + err.Error())
			}
		}
		return 3
	case "takegroup":
		return m.take(ctx, arg)
	case "givegroup":
		return m.give(ctx, arg)
	case "statgroup":
		state := resource.GroupNone
		if g := m.find(arg); len(g) > 0 {
			state = m.r.StatGroup(ctx, g[0])
		}
		fmt.Fprintln(m.stdout, state)
		return 0
	}
	return m.verifyAllIdle(ctx)
}

// belowHarc: scripts of rc.d hand on paths with a double slash.
func belowHarc() resource.GroupOptions {
	return resource.GroupOptions{BelowHarc: strings.Contains(os.Getenv("HA_RESOURCEDIR"), "//")}
}

// take starts the groups; the exit code is that of the start that failed.
func (m *manager) take(ctx context.Context, key string) int {
	code := 0
	for _, g := range m.find(key) {
		res := m.r.TakeGroup(ctx, g, belowHarc())
		if res.OK {
			continue
		}
		code = exitCode(res)
		if res.Err == nil {
			m.standbyLater(g)
		}
	}
	return code
}

func (m *manager) give(ctx context.Context, key string) int {
	code := 0
	for _, g := range m.find(key) {
		if res := m.r.GiveGroup(ctx, g, belowHarc()); !res.OK {
			code = exitCode(res)
		}
	}
	return code
}

func exitCode(res resource.GroupResult) int {
	if c := res.Result.Exit; c > 0 && c < 256 {
		return c
	}
	return 1
}

// standbyLater asks the other node to take the kind of groups of which one could
// not be started, half a minute later. The original means this too, but always
// says "foreign"; its own groups then run nowhere.
func (m *manager) standbyLater(g resource.Group) {
	class := "foreign"
	if g.Node == m.node {
		class = "local"
	}
	if err := startStandby(class); err != nil {
		m.log("ERROR: cannot run hb_standby " + class + ": " + err.Error())
	}
}

// startStandby leaves a process behind that outlives us; replaced in tests.
var startStandby = func(class string) error {
	cmd := exec.Command("/bin/sh", "-c", `sleep 30; exec "$0" "$1"`, scriptDir+"hb_standby", class)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// verifyAllIdle complains about every group whose first resource runs; the init
// script asks before the daemon starts.
func (m *manager) verifyAllIdle(ctx context.Context) int {
	me, n := scriptName("ResourceManager"), 0
	for _, g := range m.file.Groups {
		if len(g.Resources) == 0 {
			continue
		}
		if running, _, _ := m.r.Status(ctx, resource.FromConfig(g).Resources[0]); !running {
			continue
		}
		n++
		active := fmt.Sprintf("CRITICAL: Resource %s is active, and should not be!", g.Key)
		danger := "CRITICAL: Non-idle resources can affect data integrity!"
		help := "info: If you don't know what this means, then get help!"
		m.log(active)
		m.log(danger)
		m.log(help)
		m.log("info: Read the docs and/or source to " + me + " for more details.")
		fmt.Fprintf(m.stderr, "%s\n%s\n%s\ninfo: Read the docs and/or the source to %s for more details.\n", active, danger, help, me)
	}
	if n > 0 {
		m.log("CRITICAL: Non-idle resources will affect resource takeback!")
		m.log("CRITICAL: Non-idle resources may affect data integrity!")
	}
	return min(n, 255)
}

// killDaemon ends the daemon ungracefully: a node that cannot release its
// resources must not go on saying that it is alive.
func killDaemon() {
	b, err := os.ReadFile(config.PIDFile)
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 1 {
		return
	}
	exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); strings.Contains(exe+string(name), "heartbeat") {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}
