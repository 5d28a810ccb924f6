package drbdadm

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// The tests hold drbdadm against the real drbdadm-84 of drbd-utils 9.22. What
// that one did is recorded in testdata/real.json, so that they run anywhere;
// where it is installed, it is asked again (root only: it must not write to
// /var/run), and with -record its answers become the record.

var record = flag.Bool("record", false, "write what the real drbdadm-84 does to testdata/real.json")

const (
	realDrbdadm = "/lib/drbd/drbdadm-84"
	realRecord  = "testdata/real.json"
)

// trial is one call of drbdadm in a world of stand-ins.
type trial struct {
	name string // what it is about, if the configuration is not in a file
	conf string // file below testdata
	text string // the configuration itself, if there is no file
	host string
	args string // split at blanks; \_ is a blank
	fake string // shell text run by each stand-in; $line is its command line, rc its exit code
	show string // what "drbdsetup show" prints
}

func (c trial) String() string {
	s := c.conf
	if c.text != "" {
		s = c.name
	}
	if c.host != "alpha" {
		s += " host=" + c.host
	}
	s += " $ " + c.args
	if c.fake != "" {
		s += " | " + c.fake
	}
	return s
}

func (c trial) words() []string {
	words := strings.Fields(c.args)
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], `\_`, " ")
	}
	return words
}

// outcome is what a call did: its streams, its exit code, the calls it made.
type outcome struct {
	Out  string   `json:"out,omitempty"`
	Err  string   `json:"err,omitempty"`
	Exit int      `json:"exit,omitempty"`
	Ran  []string `json:"ran,omitempty"`
}

// world is a directory with the real drbdadm and stand-ins for what it calls.
type world struct {
	t             testing.TB
	dir, conf     string
	log, fakeFile string
}

const standIn = `#!/bin/sh
line="${0##*/} $*"
rc=0
said="${0##*/}"
for a in "$@"; do said="$said <$a>"; done
printf '%s\n' "$said" >>DIR/log
. DIR/fake
exit $rc
`

func newWorld(t testing.TB) *world {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, conf: filepath.Join(dir, "drbd.conf"), log: filepath.Join(dir, "log"), fakeFile: filepath.Join(dir, "fake")}
	for _, name := range []string{"drbdsetup-84", "drbdmeta"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(standIn, "DIR", dir)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(realDrbdadm, filepath.Join(dir, "drbdadm-84")); err != nil {
		t.Fatal(err)
	}
	for name, text := range includes {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// includes are files that some of the vectors include.
var includes = func() map[string]string {
	const res = "resource r0 {\n  on alpha {\n    device /dev/drbd0; disk /dev/sda1; address 10.0.0.1:7788; meta-disk internal;\n  }\n" +
		"  on bravo {\n    device /dev/drbd0; disk /dev/sdb1; address 10.0.0.2:7788; meta-disk internal;\n  }\n}\n"
	return map[string]string{"inc.d/a.res": res, "inc2/a.res": res, "inc.d/b.res": "skip { resource x { } }\n"}
}()

// prepare sets the stage for a trial and returns its arguments.
func (w *world) prepare(c trial) []string {
	w.t.Helper()
	text := []byte(c.text)
	if c.text == "" {
		var err error
		if text, err = os.ReadFile(filepath.Join("testdata", c.conf)); err != nil {
			w.t.Fatal(err)
		}
	}
	fake := c.fake + "\n"
	if c.show != "" {
		fake += fmt.Sprintf("case $line in 'drbdsetup-84 show '*) cat %s;; esac\n", filepath.Join(w.dir, "show"))
	}
	for name, data := range map[string][]byte{w.conf: text, w.fakeFile: []byte(fake), filepath.Join(w.dir, "show"): []byte(c.show), w.log: nil} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	return append([]string{"-c", w.conf}, c.words()...)
}

func (w *world) outcome(stdout, stderr string, exit int) outcome {
	log, err := os.ReadFile(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	o := outcome{Out: w.clean(stdout), Err: w.clean(stderr), Exit: exit}
	for line := range strings.Lines(string(log)) {
		o.Ran = append(o.Ran, w.clean(strings.TrimSuffix(line, "\n")))
	}
	if strings.Contains(string(log), "<wait-connect>") {
		slices.Sort(o.Ran) // wait-con-int makes them all at once
	}
	return o
}

var (
	randomUUID   = regexp.MustCompile(`(write-dev-uuid>? <?)[0-9A-F]{16}`)
	versionLines = regexp.MustCompile(`(?m)^Version: .*\n.*\n`)
	versionVars  = regexp.MustCompile(`(?m)^(DRBDADM_BUILDTAG|DRBD_KERNEL_VERSION_CODE|DRBDADM_VERSION_CODE|DRBDADM_VERSION|_drbd_version)=.*`)
	oursInHelp   = regexp.MustCompile(`(?s)\nCOMMANDS OF DRBDD:\n.*?\n\n`)
)

// clean takes out what differs from run to run, and who we are.
func (w *world) clean(s string) string {
	s = strings.ReplaceAll(s, w.dir, "DIR")
	s = randomUUID.ReplaceAllString(s, "${1}UUID")
	s = versionVars.ReplaceAllString(s, "$1=")
	s = oursInHelp.ReplaceAllString(s, "\n")
	s = versionLines.ReplaceAllString(s, "Version\n")
	if !utf8.ValidString(s) {
		s = strconv.QuoteToASCII(s) // the record is JSON
	}
	return s
}

// ours runs our drbdadm.
func (w *world) ours(c trial) outcome {
	w.t.Helper()
	args := w.prepare(c)
	var stdout, stderr bytes.Buffer
	code := Main(filepath.Join(w.dir, "drbdadm-84"), args, nil, &stdout, &stderr, w.env(c.host))
	return w.outcome(stdout.String(), stderr.String(), code)
}

func (w *world) env(host string) Env {
	env := System()
	env.Config.Hostname, env.Pretending = host, false
	env.Config.Terminal = false
	env.StateDir, env.ProcFile = filepath.Join(w.dir, "state"), filepath.Join(w.dir, "proc")
	env.Executable = ""
	env.Console = func() (console, error) { return os.OpenFile(os.DevNull, os.O_RDWR, 0) }
	return env
}

// real runs the real one. It may write to a /var/run of its own only.
func (w *world) real(c trial) outcome {
	w.t.Helper()
	args := append([]string{"-m", "sh", "-c", `mount -t tmpfs none /run && exec "$@"`, "sh", filepath.Join(w.dir, "drbdadm-84")}, w.prepare(c)...)
	cmd := exec.Command("unshare", args...)
	cmd.Env = []string{"__DRBD_NODE__=" + c.host, "DRBD_DONT_WARN_ON_VERSION_MISMATCH=1", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ee := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ee) {
		w.t.Fatal(err)
	}
	notice := "\n   found __DRBD_NODE__ in environment\n   PRETENDING that I am >>" + c.host + "<<\n\n"
	said := strings.Replace(stderr.String(), notice, "", 1)
	said = strings.Replace(said, "sh: 1: modinfo: not found\n", "", 1)
	return w.outcome(stdout.String(), said, cmd.ProcessState.ExitCode())
}

func realIsHere() bool {
	_, err := os.Stat(realDrbdadm)
	_, lerr := exec.LookPath("unshare")
	return err == nil && lerr == nil && os.Geteuid() == 0
}

// recorded are the outcomes of the real one, by trial.
func recorded(t testing.TB) map[string]outcome {
	t.Helper()
	m := map[string]outcome{}
	data, err := os.ReadFile(realRecord)
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil && !*record {
		t.Fatal(err)
	}
	return m
}

func writeRecord(t testing.TB, m map[string]outcome) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("{\n")
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b.WriteString(",\n")
		}
		key, _ := json.Marshal(k)
		val, _ := json.Marshal(m[k])
		fmt.Fprintf(&b, "%s: %s", key, val)
	}
	b.WriteString("\n}\n")
	if err := os.WriteFile(realRecord, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ourAdvice matches a line that the parser of package config adds: where, what,
// what instead. The original has no line of that form but its own errors.
var ourAdvice = regexp.MustCompile(`^(DIR/[^ ]*|drbdsetup show \S+):\d+: `)

// withoutAdvice leaves out lines of ours that the original does not have.
func withoutAdvice(said, original string) string {
	keep := map[string]bool{}
	for l := range strings.Lines(original) {
		keep[l] = true
	}
	var b strings.Builder
	for l := range strings.Lines(said) {
		if keep[l] || !ourAdvice.MatchString(l) {
			b.WriteString(l)
		}
	}
	return b.String()
}

func (o outcome) equal(p outcome) bool {
	return o.Out == p.Out && o.Err == p.Err && o.Exit == p.Exit && slices.Equal(o.Ran, p.Ran)
}

func (o outcome) String() string {
	return fmt.Sprintf("exit %d\n--- stdout\n%s--- stderr\n%s--- ran\n%s\n", o.Exit, o.Out, o.Err, strings.Join(o.Ran, "\n"))
}

// firstDifference shows where two outcomes part, with the lines before it.
func firstDifference(real, ours outcome) string {
	a, b := strings.Split(real.String(), "\n"), strings.Split(ours.String(), "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	part := func(l []string) string { return strings.Join(l[min(max(0, i-3), len(l)):min(i+5, len(l))], "\n") }
	return fmt.Sprintf("--- real, line %d:\n%s\n--- ours:\n%s", i, part(a), part(b))
}
