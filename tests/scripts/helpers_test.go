package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/resource"
)

// result of one call of a script.
type result struct {
	exit   int
	out    string // standard output
	err    string // standard error
	took   time.Duration
	called string
}

// run calls a script of /etc/ha.d/resource.d as heartbeatd would.
func run(t *testing.T, script string, args ...string) result {
	t.Helper()
	return runEnv(t, nil, script, args...)
}

func runEnv(t *testing.T, env []string, script string, args ...string) result {
	t.Helper()
	dir := t.TempDir()
	o, e := create(t, dir+"/out"), create(t, dir+"/err") // files: background programs may keep them
	defer o.Close()
	defer e.Close()
	cmd := exec.Command("/etc/ha.d/resource.d/"+script, args...)
	cmd.Env = append([]string{"PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HA_DIR=/etc/ha.d", "HA_FUNCS=/etc/ha.d/shellfuncs", "HA_CURHOST=node1",
		"HA_BIN=/run/bin", "HA_RSCTMP=/run/resource-agents", "HA_LOGFILE=/run/ha-log", "HA_DEBUGLOG=/run/ha-debug"}, env...)
	cmd.Stdout, cmd.Stderr = o, e
	begin := time.Now()
	err := cmd.Run()
	r := result{took: time.Since(begin), called: script + " " + strings.Join(args, " ")}
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		r.exit = ee.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	r.out, r.err = read(o.Name()), read(e.Name())
	return r
}

func create(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(name string) string {
	b, _ := os.ReadFile(name)
	return string(b)
}

// ok wants success.
func (r result) ok(t *testing.T) result {
	t.Helper()
	if r.exit != 0 {
		t.Errorf("%s: exit %d\n%s%s", r.called, r.exit, r.out, r.err)
	}
	return r
}

// fails wants a failure whose message has the text.
func (r result) fails(t *testing.T, text string) result {
	t.Helper()
	if r.exit == 0 || !strings.Contains(r.err+r.out, text) {
		t.Errorf("%s: exit %d\n%s%s\nwant a failure that says %q", r.called, r.exit, r.out, r.err, text)
	}
	return r
}

// status checks that a resource says it runs, or not, in words and exit status.
func status(t *testing.T, want bool, script string, args ...string) {
	t.Helper()
	r := run(t, script, append(args, "status")...)
	if resource.Running(r.out) != want || (r.exit == 0) != want {
		t.Errorf("%s: %q exit %d, want running %v", r.called, r.out, r.exit, want)
	}
}

// cycle is what every script must do: stop when stopped, start twice, stop twice.
func cycle(t *testing.T, up func() bool, script string, args ...string) {
	t.Helper()
	op := func(op string, want bool) {
		t.Helper()
		r := run(t, script, append(args, op)...).ok(t)
		t.Logf("%-40s %5.1f ms", r.called, float64(r.took.Microseconds())/1000)
		if up != nil && up() != want {
			t.Errorf("after %s it is %v, want %v\n%s%s", r.called, up(), want, r.out, r.err)
		}
		status(t, want, script, args...)
	}
	status(t, false, script, args...)
	op("stop", false)
	op("start", true)
	op("start", true)
	op("stop", false)
	op("stop", false)
}

// tool puts a stand-in program into the PATH of the scripts; it notes its calls.
func tool(t *testing.T, name, body string) {
	t.Helper()
	path := "/run/bin/" + name
	text := "#!/bin/sh\necho \"" + name + " $*\" >>" + calls + "\n" + body + "\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(path) })
	coverProgram(t, name, path)
}

// coverProgram lays a file over the real program of that name, if there is one;
// /dev/null hides it.
func coverProgram(t *testing.T, name, with string) {
	t.Helper()
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"} {
		if _, err := os.Stat(dir + "/" + name); err == nil {
			command(t, "mount", "--bind", with, dir+"/"+name)
			t.Cleanup(func() { command(t, "umount", dir+"/"+name) })
		}
	}
}

// called returns the calls of stand-ins since the last time.
func called() string {
	s := read(calls)
	os.Remove(calls)
	return s
}

func command(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timeout waiting for %s", what)
		}
	}
}

func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

// ours lists the shell files of this project, relative to its root.
func ours(t *testing.T) (executable, sourced []string) {
	t.Helper()
	for _, pat := range []string{"resource.d/*", "etc/ha.d/harc", "etc/ha.d/shellfuncs", "etc/ha.d/rc.d/*", "etc/init.d/*"} {
		files, err := filepath.Glob(filepath.Join(root, pat))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			fi, err := os.Stat(f)
			if err != nil || fi.IsDir() || strings.HasPrefix(fi.Name(), ".") {
				continue
			}
			if fi.Mode()&0o111 != 0 {
				executable = append(executable, f)
			} else {
				sourced = append(sourced, f)
			}
		}
	}
	return executable, sourced
}
