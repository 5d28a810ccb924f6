package rt

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// envMark is set in the environment of the second execution only. Its value is
// the policy that was asked for, so that a refusal cannot loop.
const envMark = "HEARTBEATD_RT"

// Status tells what became of the request.
type Status struct {
	Realtime bool   // all threads run under SCHED_RR
	Priority int    // then 1 to 99
	Warning  string // to log at WARN; "" is fine
}

// Realtime puts the process under SCHED_RR with priority prio (1 to 99), or
// back under the normal policy with 0 (`realtime off`, option -l).
//
// A policy belongs to a thread and new threads inherit it, so it must be set
// before the Go runtime starts its threads: this function sets it for the
// calling thread and executes the program again, with the same arguments,
// environment and process number. In that second execution it finds the policy
// in place and returns. Call it before descriptors without close-on-exec, locks
// or goroutines matter.
func Realtime(prio int) Status {
	return realtime(prio, unix.Exec)
}

func realtime(prio int, execve func(string, []string, []string) error) Status {
	want := "other"
	if prio > 0 {
		want = "rr:" + strconv.Itoa(prio)
	}
	mark, marked := os.LookupEnv(envMark)
	os.Unsetenv(envMark) // children must not see it

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cur, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return Status{Warning: fmt.Sprintf("Cannot read the scheduling policy: %v", err)}
	}
	if matches(cur, prio) {
		return Status{Realtime: prio > 0, Priority: prio}
	}
	if marked && mark == want {
		return Status{Warning: "Real-time scheduling did not survive the restart of the program; continuing with normal priority"}
	}
	if err := setPolicy(prio); err != nil {
		if prio <= 0 {
			return Status{Warning: fmt.Sprintf("Cannot return to normal scheduling: %v", err)}
		}
		return Status{Warning: fmt.Sprintf("Real-time priority %d is not available (%v)%s; continuing with normal priority", prio, err, hint(err))}
	}
	env := append(os.Environ(), envMark+"="+want)
	err = execve("/proc/self/exe", os.Args, env)
	// Still here: back to what we were, a single real-time thread helps nobody.
	_ = unix.SchedSetAttr(0, cur, 0)
	return Status{Warning: fmt.Sprintf("Cannot execute the program again for real-time scheduling: %v; continuing with normal priority", err)}
}

// hint says what usually is behind a refusal.
func hint(err error) string {
	if errors.Is(err, unix.EPERM) && os.Geteuid() == 0 {
		return "; the control group may have no cpu.rt_runtime_us, or the capability CAP_SYS_NICE is missing"
	}
	return ""
}

func matches(a *unix.SchedAttr, prio int) bool {
	if prio <= 0 {
		return a.Policy == unix.SCHED_NORMAL
	}
	return a.Policy == unix.SCHED_RR && int(a.Priority) == prio
}

func setPolicy(prio int) error {
	a := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}
	if prio > 0 {
		a.Policy, a.Priority = unix.SCHED_RR, uint32(prio)
	}
	return unix.SchedSetAttr(0, a, 0)
}

// Starter starts programs. The zero value is ready.
type Starter struct {
	// ResetOOM gives children the normal out-of-memory score: set it after
	// ProtectFromOOM succeeded.
	ResetOOM bool
}

// Start is cmd.Start outside of our real-time class and our protection from the
// out-of-memory killer: a script must not compete with the daemon, and what it
// leaves behind (a web server) lives for long. Any goroutine may call it.
//
// The class is taken from the child when it has executed its program, not at the fork
// (SCHED_RESET_ON_FORK): until the exec our thread waits for the child, and on a machine
// under load a child of normal priority kept it, and with it the whole daemon, waiting for
// 850 ms. What the program may have forked in the microseconds between is reset too.
func (s Starter) Start(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	if cur, err := unix.SchedGetAttr(0, 0); err == nil && (cur.Policy == unix.SCHED_RR || cur.Policy == unix.SCHED_FIFO) {
		toNormal(cmd.Process.Pid)
	}
	if s.ResetOOM {
		// The value is inherited and belongs to the process. The program has
		// just been executed; its own children come later.
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid), []byte("0\n"), 0)
	}
	return nil
}

// toNormal gives a process and its children the normal class.
func toNormal(pid int) {
	normal := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}
	_ = unix.SchedSetAttr(pid, normal, 0) // it may have ended already
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, c := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(c); err == nil {
			_ = unix.SchedSetAttr(n, normal, 0)
		}
	}
}

// Threads counts the threads of this process by policy name, for the start's
// debug line and for tests: map[RR:7].
func Threads() (map[string]int, error) {
	ents, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	names := map[int]string{unix.SCHED_NORMAL: "OTHER", unix.SCHED_FIFO: "FIFO", unix.SCHED_RR: "RR",
		unix.SCHED_BATCH: "BATCH", unix.SCHED_IDLE: "IDLE", unix.SCHED_DEADLINE: "DEADLINE"}
	count := make(map[string]int)
	for _, e := range ents {
		tid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		var a unix.SchedAttr
		if _, _, errno := unix.Syscall6(unix.SYS_SCHED_GETATTR, uintptr(tid), uintptr(unsafe.Pointer(&a)), unix.SizeofSchedAttr, 0, 0, 0); errno != 0 {
			continue // it ended
		}
		name, ok := names[int(a.Policy)]
		if !ok {
			name = "policy " + strconv.Itoa(int(a.Policy))
		}
		count[name]++
	}
	return count, nil
}

// statusLine returns a field of /proc/self/status in KiB.
func statusLine(name string) (kb int64, ok bool) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	for _, line := range strings.Split(string(b), "\n") {
		if rest, found := strings.CutPrefix(line, name+":"); found {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
