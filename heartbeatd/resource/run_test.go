package resource

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStartOutcomes(t *testing.T) {
	e := newEnv(t, Options{})
	e.script("fine", "exit 0")
	e.script("bad", "echo first; echo reason >&2; exit 5")
	e.script("killed", "kill -9 $$")
	e.write("resource.d/nobang", "[ $1 = start ] && exit 6\n")
	e.write("resource.d/noint", "#!/nonexistent/sh\n")
	for _, c := range []struct {
		word string
		exit int
		out  string
		fail bool
	}{
		{"fine", 0, "", false},
		{"bad", 5, "first\nreason\n", false},
		{"killed", 137, "", false},
		{"nobang", 6, "", false}, // a script without "#!" is run by the shell
		{"noint", 127, "", true},
		{"absent", 1, "", true},
	} {
		r := e.r.Start(t.Context(), ParseWord(c.word))
		if r.Exit != c.exit || r.Output != c.out || (r.Err != nil) != c.fail || r.OK() != (c.exit == 0) {
			t.Errorf("Start(%s) = %+v, want exit %d output %q", c.word, r, c.exit, c.out)
		}
	}
	if got := e.debug.String(); got != "first\nreason\n" {
		t.Errorf("debug file has %q", got)
	}
}

// A failure shows the end of what the script printed, without control characters.
func TestFailureLogsOutput(t *testing.T) {
	e := newEnv(t, Options{})
	e.script("bad", `i=0; while [ $i -lt 9 ]; do i=$((i+1)); echo "line $i"; done; printf 'esc\033[31m\n'; exit 1`)
	e.r.Start(t.Context(), ParseWord("bad"))
	e.wantLog("ResourceManager info: Running /etc/ha.d/resource.d/bad  start",
		"ResourceManager ERROR: Return code 1 from /etc/ha.d/resource.d/bad",
		"ResourceManager info: output: line 6", "ResourceManager info: output: line 7", "ResourceManager info: output: line 8",
		"ResourceManager info: output: line 9", "ResourceManager info: output: esc [31m")
}

// At the time limit the whole process group goes, also what ignores TERM.
func TestTimeLimit(t *testing.T) {
	e := newEnv(t, Options{StartTimeout: 150 * time.Millisecond, KillGrace: 150 * time.Millisecond})
	e.script("hang", `trap '' TERM; sleep 987 & echo $! >$HA_DIR/child; wait; wait; sleep 986`)
	begin := time.Now()
	r := e.r.Start(t.Context(), ParseWord("hang"))
	if !r.TimedOut || r.OK() || r.Exit != 137 {
		t.Errorf("Start = %+v, want cut off by KILL", r)
	}
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("took %s", d)
	}
	b, _ := os.ReadFile(e.dir + "/child")
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	waitGone(t, pid)
}

func waitGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
	}
	t.Errorf("process %d still runs", pid)
}

// A script that traps TERM and exits 0 was still cut off.
func TestTimeLimitIsNeverSuccess(t *testing.T) {
	e := newEnv(t, Options{StartTimeout: 100 * time.Millisecond})
	e.script("polite", `trap 'exit 0' TERM; while :; do sleep 0.01; done`)
	if r := e.r.Start(t.Context(), ParseWord("polite")); r.OK() || !r.TimedOut || r.Exit == 0 {
		t.Errorf("Start = %+v, want no success", r)
	}
}

// A service that a script leaves in the background with the script's standard
// output neither holds up the run nor dies when it prints later.
func TestBackgroundServiceSurvives(t *testing.T) {
	e := newEnv(t, Options{})
	e.script("svc", `sh -c 'trap "" TERM; echo up; until [ -e $HA_DIR/go ]; do sleep 0.02; done; echo late line && echo later && : >$HA_DIR/printed; sleep 30' &
echo $! >$HA_DIR/pid`)
	begin := time.Now()
	if r := e.r.Start(t.Context(), ParseWord("svc")); !r.OK() {
		t.Fatalf("Start = %+v", r)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("start waited %s for the background service", d)
	}
	b, _ := os.ReadFile(e.dir + "/pid")
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	defer syscall.Kill(pid, syscall.SIGKILL)
	e.touch("go")
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(e.dir + "/printed"); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the service could not print after the run")
		}
	}
	e.script("fine", "exit 0")
	if r := e.r.Start(t.Context(), ParseWord("fine")); r.Output != "" {
		t.Errorf("the service's lines %q went to another run", r.Output)
	}
	if !strings.Contains(e.debug.String(), "late line\nlater\n") {
		t.Errorf("debug file lacks the late lines: %q", e.debug.String())
	}
}

func TestOutputIsBounded(t *testing.T) {
	e := newEnv(t, Options{})
	e.script("chatty", `head -c 3000000 /dev/zero | tr '\0' x; echo; echo end; exit 1`)
	for range 2 {
		r := e.r.Start(t.Context(), ParseWord("chatty"))
		if len(r.Output) > tailMax || !strings.HasSuffix(r.Output, "x\nend\n") {
			t.Errorf("tail of %d bytes", len(r.Output))
		}
	}
	if n := e.debug.Len(); n > 3*copyMax {
		t.Errorf("debug file got %d bytes", n)
	}
	fi, err := e.r.out.f.Stat()
	if err != nil || fi.Size() > keepMax {
		t.Errorf("memory file keeps %d bytes, %v", fi.Size(), err)
	}
}

func TestPrepareSeesEveryCommand(t *testing.T) {
	n := 0
	e := newEnv(t, Options{Prepare: func(c *exec.Cmd) { n++; c.SysProcAttr = &syscall.SysProcAttr{} }})
	e.script("grp", `[ "$(ps -o pgid= -p $$ | tr -d ' ')" = $$ ] || exit 1`)
	r := e.r.Start(t.Context(), ParseWord("grp"))
	if n != 1 || !r.OK() {
		t.Errorf("Prepare called %d times, run %+v: want a process group of its own", n, r)
	}
}

func BenchmarkTakeGroup3(b *testing.B) {
	dir := b.TempDir()
	os.Mkdir(dir+"/resource.d", 0o755)
	os.WriteFile(dir+"/resource.d/r", []byte("#!/bin/sh\nexit 0\n"), 0o755)
	r, err := New(Options{HaDir: dir, Node: "n"})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for b.Loop() {
		if !r.TakeGroup(b.Context(), ParseGroup("n", "r::1", "r::2", "r::3"), GroupOptions{}).OK {
			b.Fatal("failed")
		}
	}
}
