package respawn

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/internal/hlog"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type lines struct {
	mu sync.Mutex
	l  []string
}

func (l *lines) Log(level hlog.Level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.l = append(l.l, level.String()+": "+text)
}

var numbers = regexp.MustCompile(`(pid[ =]|process |group )\d+`)

// all returns the lines with process numbers as N.
func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, s := range l.l {
		out = append(out, numbers.ReplaceAllString(s, "${1}N"))
	}
	return out
}

func (l *lines) has(text string) bool {
	for _, s := range l.all() {
		if strings.Contains(s, text) {
			return true
		}
	}
	return false
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func script(t *testing.T, name, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func me(command string) Client {
	return Client{User: "root", UID: os.Getuid(), GID: os.Getgid(), Command: command}
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("log:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The lines of 3.0.6 for a client that fails, is killed, asks not to be started
// again, or ends well (heartbeat-behaviour 1.2, 8).
func TestEndsAndTheirLines(t *testing.T) {
	once := filepath.Join(t.TempDir(), "once")
	for _, c := range []struct {
		name, body string
		want       func(cmd string) []string
	}{
		{"exit100", "exit 100", func(c string) []string {
			return []string{
				`info: Starting child client "` + c + `" (0,0)`,
				`info: Starting "` + c + `" as uid 0  gid 0 (pid N)`,
				"WARN: Managed " + c + " process N exited with return code 100.",
				"ERROR: Client " + c + " exited with return code 100.",
			}
		}},
		{"exit3", "[ -e " + once + " ] && exit 100; touch " + once + "; exit 3", func(c string) []string {
			return []string{
				`info: Starting child client "` + c + `" (0,0)`,
				`info: Starting "` + c + `" as uid 0  gid 0 (pid N)`,
				"WARN: Managed " + c + " process N exited with return code 3.",
				"ERROR: Client " + c + " exited with return code 3.",
				`ERROR: Respawning client "` + c + `":`,
				`info: Starting child client "` + c + `" (0,0)`,
				`info: Starting "` + c + `" as uid 0  gid 0 (pid N)`,
				"WARN: Managed " + c + " process N exited with return code 100.",
				"ERROR: Client " + c + " exited with return code 100.",
			}
		}},
		{"killed", "[ -e " + once + "k ] && exit 100; touch " + once + "k; kill -9 $$", func(c string) []string {
			return []string{
				`info: Starting child client "` + c + `" (0,0)`,
				`info: Starting "` + c + `" as uid 0  gid 0 (pid N)`,
				"WARN: Managed " + c + " process N killed by signal 9 [SIGKILL - Kill, unblockable].",
				"ERROR: Client " + c + " (pid=N) killed by signal 9.",
				`ERROR: Respawning client "` + c + `":`,
				`info: Starting child client "` + c + `" (0,0)`,
				`info: Starting "` + c + `" as uid 0  gid 0 (pid N)`,
				"WARN: Managed " + c + " process N exited with return code 100.",
				"ERROR: Client " + c + " exited with return code 100.",
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Getuid() != 0 {
				t.Skip("the expected lines name root")
			}
			var log lines
			cmd := script(t, c.name, c.body)
			s := New(Options{Log: &log, Delay: time.Millisecond}, []Client{me(cmd)})
			s.Start()
			s.wg.Wait()
			s.Stop()
			compare(t, log.all(), append(c.want(cmd), "info: client ["+cmd+"] is not running."))
		})
	}
}

func TestRespawningTooFast(t *testing.T) {
	var log lines
	s := New(Options{Log: &log, Delay: time.Millisecond}, []Client{me("/bin/false")})
	s.Start()
	s.wg.Wait()
	s.Stop()
	if n := s.States()[0].Starts; n != 11 {
		t.Errorf("started %d times, want 11: as 3.0.6 did, ten ends are forgiven", n)
	}
	if !log.has(`ERROR: Client /bin/false "respawning too fast"`) {
		t.Errorf("no line about it:\n%s", strings.Join(log.all(), "\n"))
	}
}

// Ends that came late after the start do not count.
func TestSlowEndsAreForgiven(t *testing.T) {
	var log lines
	s := New(Options{Log: &log, Delay: time.Millisecond, Fast: time.Nanosecond}, []Client{me("/bin/false")})
	s.Start()
	eventually(t, "20 starts", func() bool { return s.States()[0].Starts > 20 })
	s.Stop()
	if log.has("respawning too fast") {
		t.Error("it was given up")
	}
}

func TestChildsWorld(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	cmd := script(t, "world", `{ echo "$# $1 $2"; id -u; id -g; readlink /proc/$$/fd/0 /proc/$$/fd/2; cut -d' ' -f5 /proc/$$/stat; echo $$; echo $HA_x; pwd; tr '\0' ' ' </proc/$$/cmdline; } >`+out+`.t 2>&1; mv `+out+".t "+out+"; exit 100")
	var log lines
	cl := me(cmd + " one 'two words'")
	dir := filepath.Dir(out)
	if u, err := NewClient("nobody", cl.Command, false); err == nil && os.Getuid() == 0 {
		cl = u
		for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
			os.Chmod(d, 0o777)
		}
		for d := filepath.Dir(cmd); d != "/tmp" && d != "/"; d = filepath.Dir(d) {
			os.Chmod(d, 0o777)
		}
	}
	s := New(Options{Log: &log, Env: []string{"HA_x=y", "PATH=/usr/bin:/bin"}}, []Client{cl})
	s.Start()
	s.wg.Wait()
	s.Stop()
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(log.all(), "\n"))
	}
	f := strings.Split(strings.TrimSpace(string(b)), "\n")
	want := []string{"2 one two words", fmt.Sprint(cl.UID), fmt.Sprint(cl.GID), "/dev/null", out + ".t"}
	if fmt.Sprint(f[:5]) != fmt.Sprint(want) {
		t.Errorf("child saw %q, want %q", f[:5], want)
	}
	if f[5] != f[6] {
		t.Errorf("process group %s of process %s: it must have its own", f[5], f[6])
	}
	if f[7] != "y" || f[8] != "/" {
		t.Errorf("environment or directory: %q", f[7:])
	}
	if strings.HasPrefix(f[9], "/bin/sh -c") {
		t.Errorf("the shell stayed in between: %q, want exec", f[9])
	}
}

func TestStopInReverseOrder(t *testing.T) {
	var log lines
	dir := t.TempDir()
	polite := func(n string) string {
		return script(t, n, "trap 'sleep 0.05; exit 0' TERM; touch "+dir+"/"+n+"; while :; do sleep 0.01; done")
	}
	a, b := polite("a"), polite("b")
	deaf := script(t, "deaf", "trap '' TERM; touch "+dir+"/deaf; while :; do sleep 0.01; done")
	s := New(Options{Log: &log, KillAfter: 100 * time.Millisecond}, []Client{me(a), me(deaf), me(b)})
	s.Start()
	eventually(t, "all run", func() bool {
		for _, n := range []string{"a", "b", "deaf"} {
			if _, err := os.Stat(filepath.Join(dir, n)); err != nil {
				return false
			}
		}
		return true
	})
	s.Stop()
	s.Start() // after Stop: nothing
	var got []string
	for _, l := range log.all() {
		if strings.Contains(l, "killing") || strings.Contains(l, "Respawning") {
			got = append(got, l)
		}
	}
	compare(t, got, []string{
		"info: killing " + b + " process group N with signal 15",
		"info: killing " + deaf + " process group N with signal 15",
		"info: killing " + deaf + " process group N with signal 9",
		"info: killing " + a + " process group N with signal 15",
	})
	for _, st := range s.States() {
		if st.PID != 0 || st.Starts != 1 {
			t.Errorf("%+v after Stop", st)
		}
	}
}

func TestFailfast(t *testing.T) {
	for _, c := range []struct {
		cmd  string
		want string
	}{
		{"/bin/false", "failfast: Client /bin/false exited with return code 1."},
		{"/bin/true", "failfast: Client /bin/true exited with return code 0."},
		{"/bin/sh -c 'exit 100'", ""},
	} {
		var log lines
		reasons := make(chan string, 100)
		cl := me(c.cmd)
		cl.Failfast = true
		s := New(Options{Log: &log, Delay: time.Hour, Emergency: func(r string) { reasons <- r }}, []Client{cl})
		s.Start()
		if c.want == "" {
			s.wg.Wait()
		} else {
			select {
			case r := <-reasons:
				if r != c.want {
					t.Errorf("%s: reason %q, want %q", c.cmd, r, c.want)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: no emergency", c.cmd)
			}
		}
		s.Stop()
		if len(reasons) != 0 {
			t.Errorf("%s: emergency %q", c.cmd, <-reasons)
		}
	}
	// Being stopped is no emergency.
	var log lines
	cl := me("/bin/sleep 100")
	cl.Failfast = true
	s := New(Options{Log: &log, Emergency: func(r string) { t.Errorf("emergency %q at a graceful stop", r) }}, []Client{cl})
	s.Start()
	eventually(t, "it runs", func() bool { return s.States()[0].PID != 0 })
	s.Stop()
}

func TestStartErrorsAreBounded(t *testing.T) {
	var log lines
	n := 0
	s := New(Options{Log: &log, Delay: time.Millisecond, Start: func(*exec.Cmd) error { n++; return fmt.Errorf("no memory") }}, []Client{me("/bin/true")})
	s.Start()
	s.wg.Wait()
	s.Stop()
	if n != 11 || !log.has("ERROR: Cannot start client /bin/true: no memory") || !log.has("respawning too fast") {
		t.Errorf("%d attempts:\n%s", n, strings.Join(log.all(), "\n"))
	}
}

func TestStopWithoutStart(t *testing.T) {
	var log lines
	s := New(Options{Log: &log}, []Client{me("/bin/true")})
	s.Stop()
	if len(log.all()) != 0 {
		t.Errorf("%q", log.all())
	}
}
