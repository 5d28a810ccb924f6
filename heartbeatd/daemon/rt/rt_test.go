package rt

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// report is what the child process of a test found out about itself.
type report struct {
	Status   Status
	Threads  map[string]int
	Children []string // policy of each child, "0" is normal
	OOM      []string // out-of-memory score of each child
	After    map[string]int
	Env      string // what a child sees of our mark
	Locked   []string
	RSS      int64
	Args     []string
}

func TestMain(m *testing.M) {
	if os.Getenv("RT_TEST_CHILD") != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

// child does what the daemon does at its start, and prints a report.
func child() {
	var r report
	r.Status = Realtime(3)
	r.Args = os.Args[1:]
	LimitGC()
	r.Locked = LockMemory(6500)
	st := Starter{ResetOOM: ProtectFromOOM() == ""}

	// Many goroutines in system calls make the runtime start threads.
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			ts := unix.NsecToTimespec(int64(100 * time.Millisecond))
			unix.Nanosleep(&ts, nil)
			for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
				runtime.Gosched()
			}
		}()
	}
	time.Sleep(50 * time.Millisecond)
	r.Threads, _ = Threads()
	for range 4 {
		cmd := exec.Command("/bin/sh", "-c", `sleep 0.05; cut -d' ' -f41 /proc/$$/stat; cat /proc/$$/oom_score_adj; echo "<$HEARTBEATD_RT>"`)
		var out strings.Builder
		cmd.Stdout = &out
		if err := st.Start(cmd); err != nil {
			out.WriteString(err.Error())
		} else {
			cmd.Wait()
		}
		f := strings.Fields(out.String())
		r.Children, r.OOM, r.Env = append(r.Children, f[0]), append(r.OOM, f[1]), f[2]
	}
	wg.Wait()
	for range 8 { // threads made after children were started
		wg.Add(1)
		go func() { defer wg.Done(); ts := unix.NsecToTimespec(2e7); unix.Nanosleep(&ts, nil) }()
	}
	wg.Wait()
	r.After, _ = Threads()
	runtime.GC()
	r.RSS = Resident()
	json.NewEncoder(os.Stdout).Encode(r)
}

func TestRealtimeLockedAndChildrenNormal(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-x", "two words")
	cmd.Env = append(os.Environ(), "RT_TEST_CHILD=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	t.Logf("%+v", r)
	if fmt.Sprint(r.Args) != "[-x two words]" {
		t.Errorf("arguments after the second execution: %q", r.Args)
	}
	if r.Env != "<>" {
		t.Errorf("children see our mark: %s", r.Env)
	}
	for _, c := range r.Children {
		if c != "0" {
			t.Errorf("a child runs under policy %s, want 0: it must not compete with the daemon", c)
		}
	}
	if !r.Status.Realtime {
		if r.Status.Warning == "" {
			t.Error("no real-time and no warning")
		}
		t.Skipf("not permitted here: %s", r.Status.Warning)
	}
	for _, th := range []map[string]int{r.Threads, r.After} {
		if len(th) != 1 || th["RR"] == 0 {
			t.Errorf("threads: %v, want all RR", th)
		}
	}
	for _, o := range r.OOM {
		if o != "0" {
			t.Errorf("a child has the out-of-memory score %s, want 0", o)
		}
	}
	if len(r.Locked) == 0 && !raceDetector && r.RSS > 20<<10 {
		t.Errorf("%d KiB resident with locked memory, the target is 20 MiB", r.RSS)
	}
}

func TestRefusalsAreWarnings(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	execs := 0
	failing := func(string, []string, []string) error { execs++; return errors.New("no such program") }
	st := realtime(2, failing)
	if st.Realtime || st.Warning == "" {
		t.Errorf("%+v, want a warning", st)
	}
	if a, err := unix.SchedGetAttr(0, 0); err != nil || a.Policy != unix.SCHED_NORMAL {
		t.Errorf("policy %+v %v after a failed execution, want normal", a, err)
	}
	t.Setenv(envMark, "rr:2")
	n := execs
	st = realtime(2, failing)
	if execs != n || st.Realtime || st.Warning == "" {
		t.Errorf("second execution without the policy: %+v, executed again: %v; want a warning and no loop", st, execs != n)
	}
	if _, ok := os.LookupEnv(envMark); ok {
		t.Error("the mark stays in the environment")
	}
	if st := realtime(0, failing); st != (Status{}) {
		t.Errorf("realtime off under the normal policy: %+v, want nothing to do", st)
	}
	if st := realtime(100, failing); st.Realtime || !strings.Contains(st.Warning, "priority 100") {
		t.Errorf("priority 100: %+v", st)
	}
}

func TestStarterReportsErrors(t *testing.T) {
	if err := (Starter{}).Start(exec.Command("/nonexistent/x")); err == nil {
		t.Error("no error for a missing program")
	}
}

func TestPauseMeter(t *testing.T) {
	var slept time.Duration
	m := PauseMeter{Slack: 100 * time.Millisecond, Suspended: func() time.Duration { return slept }}
	t0 := time.Unix(1000, 0)
	ms := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Millisecond) }
	for _, c := range []struct {
		what                string
		wait, planned, woke int
		sleep               time.Duration
		busy, pause         time.Duration
	}{
		{"in time", 0, 1000, 1005, 0, 0, 0},
		{"early, an event", 1010, 2000, 1500, 0, 0, 0},
		{"a stalled machine", 1510, 2000, 7000, 0, 0, 5000 * time.Millisecond},
		{"a slow step of our own", 9000, 9500, 9501, 0, 2000 * time.Millisecond, 0},
		{"already overdue: lateness counts from the wait", 9510, 9000, 9550, 0, 0, 0},
		{"overdue and stopped", 9560, 9000, 12560, 0, 0, 3000 * time.Millisecond},
		{"suspended, monotonic clock stood still", 12570, 13000, 12999, time.Hour, 0, time.Hour},
		{"nothing planned", 13000, 0, 60000, 0, 0, 0},
	} {
		planned := ms(c.planned)
		if c.planned == 0 {
			planned = time.Time{}
		}
		if busy := m.Wait(ms(c.wait), planned); busy.Round(time.Second) != c.busy.Round(time.Second) {
			t.Errorf("%s: busy %v, want about %v", c.what, busy, c.busy)
		}
		slept += c.sleep
		if pause := m.Woke(ms(c.woke)); pause != c.pause {
			t.Errorf("%s: pause %v, want %v", c.what, pause, c.pause)
		}
	}
}

func TestParseMapping(t *testing.T) {
	m, ok := parseMapping("00400000-007a5000 r-xp 00000000 fd:00 1234    /usr/sbin/heart beatd")
	if !ok || m.start != 0x400000 || m.end != 0x7a5000 || m.perms != "r-xp" || m.path != "/usr/sbin/heart beatd" {
		t.Errorf("%+v %v", m, ok)
	}
	for _, bad := range []string{"", "x", "1-2 r-xp 0 0 0", "2-1 r-xp 0 0 0 /x", "z-1 r-xp 0 0 0 /x", "0-1 r 0 0 0 /x"} {
		if m, ok := parseMapping(bad); ok {
			t.Errorf("%q gave %+v", bad, m)
		}
	}
}

// The kernel's own clocks: whatever they say, it does not run backwards.
func TestSuspendedIsNotNegative(t *testing.T) {
	if d := suspended(); d < -time.Second {
		t.Errorf("suspended for %v", d)
	}
}
