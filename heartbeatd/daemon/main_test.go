package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/heartbeatd/daemon/state"
	"classicha/heartbeatd/media/mediatest"
)

// heartbeat runs the command in a process of its own, which is this test program again.
func (n *testNode) heartbeat(args ...string) (code int, out string) {
	n.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Args[0] = "heartbeat"
	cmd.Env = append(os.Environ(), "HB_TEST_MAIN=1", "HA_EMERGENCY=log",
		"HA_CONFDIR="+n.paths.Conf, "HA_VARLIB="+n.paths.State, "HA_VARRUN="+n.paths.Run, "HA_PIDFILE="+n.paths.PID)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), b.String()
}

// freePort is an UDP port that nobody uses now.
func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// newCommandNode is a node without peers whose media are real: loopback only.
func newCommandNode(t *testing.T) *testNode {
	n := newTestNode(t, mediatest.NewHub(1), "node1", "realtime off")
	n.rewriteNow("ha.cf", func(s string) string {
		s = strings.Replace(s, "ucast lo 127.0.0.1", fmt.Sprintf("udpport %d\nucast lo 127.0.0.1", freePort(t)), 1)
		return strings.Replace(s, "node node1 node2", "node node1", 1)
	})
	n.write("haresources", "node1 Rsc::a\n", 0o644)
	t.Cleanup(func() {
		if pid, st := state.CheckPID(n.paths.PID); st == state.Running {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return n
}

func (n *testNode) rewriteNow(name string, change func(string) string) {
	n.t.Helper()
	b, err := os.ReadFile(n.paths.Conf + "/" + name)
	if err != nil {
		n.t.Fatal(err)
	}
	n.write(name, change(string(b)), 0o644)
}

func (n *testNode) want(code int, text string, args ...string) {
	n.t.Helper()
	if got, out := n.heartbeat(args...); got != code || !strings.Contains(out, text) {
		n.t.Errorf("heartbeat %s: exit code %d, want %d; output, which must have %q:\n%s", strings.Join(args, " "), got, code, text, out)
	}
}

// The life of a daemon as init scripts see it (heartbeat-config 6).
func TestCommandLife(t *testing.T) {
	n := newCommandNode(t)
	n.want(exitStopped, "heartbeat is stopped. No process\n", "-s")
	n.want(0, "INFO: Heartbeat already stopped.\n", "-k")
	n.want(0, "info: Configuration validated. Starting heartbeat 3.0.6")
	host, _ := os.Hostname()
	pid, st := state.CheckPID(n.paths.PID)
	if st != state.Running {
		t.Fatalf("pid file: %d %v, want a running daemon\n%s", pid, st, n.log())
	}
	n.want(0, fmt.Sprintf("heartbeat OK [pid %d et al] is running on %s [node1]...\n", pid, host), "-s")
	n.want(0, fmt.Sprintf("info: heartbeat: already running [pid %d].", pid))
	n.until("resources", func() bool { return n.runs("a") })
	if comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); string(comm) != "heartbeat\n" {
		t.Errorf("the process is listed as %q", comm)
	}
	if sid, _, _ := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(pid), 0, 0); int(sid) != pid {
		t.Errorf("the daemon is in session %d, want its own", sid)
	}
	n.want(0, "Signalling heartbeat pid", "-r")
	n.logged("Configuration unchanged.")
	n.rewrite("ha.cf", func(s string) string { return s + "hopfudge 2\n" })
	n.want(0, "", "-r")
	n.logged("Performing heartbeat restart exec.")
	n.logged("restarted in place, holding local resources: Rsc::a")
	if again, st := state.CheckPID(n.paths.PID); st != state.Running || again != pid {
		t.Errorf("after the restart in place: pid %d %v, want %d running", again, st, pid)
	}
	n.until("comm up after the restart", func() bool { v, err := n.tryView(); return err == nil && v.Stable && v.Status == "active" })
	if n.calls("a start") != 1 || n.calls("a stop") != 0 {
		t.Error("the restart in place touched the resource")
	}
	n.want(0, "", "-k")
	if n.runs("a") {
		t.Error("the resource runs after the stop")
	}
	n.want(exitStale, "heartbeat is stopped. No process\n", "-s")
}

func TestCommandRefusals(t *testing.T) {
	n := newCommandNode(t)
	n.want(exitUsage, "invalid option -- 'x'\n\nUsage: heartbeat [-dDkMrRsvWlVf]", "-x")
	n.want(exitUsage, "-C only valid with -R", "-C", "none")
	n.want(exitUsage, "Usage: heartbeat", "-r", "-R")
	n.want(0, "3.0.6 (node: 958e11be8686759f1b99204c17812f2c2633b169)\n", "-V")
	n.want(0, "keepalive                1000ms ", "-D")
	n.want(0, "run one of the commands by its name", "--help")
	good, _ := os.ReadFile(n.paths.Conf + "/ha.cf")

	n.write("ha.cf", string(good)+"wibble on\n", 0o644)
	n.want(exitConfig, "ERROR: Configuration error, heartbeat not started.")
	if !strings.Contains(n.log(), "ERROR: Illegal directive [wibble]") {
		t.Error("the error is not in the log file")
	}
	n.write("ha.cf", string(good)+"ucast nosuch0 127.0.0.1\n", 0o644)
	n.want(exitNoMedium, "cannot open ucast nosuch0")
	if _, st := state.CheckPID(n.paths.PID); st == state.Running {
		t.Error("a daemon runs although a medium could not be opened")
	}
	n.write("ha.cf", string(good), 0o644)
	if err := os.RemoveAll(n.paths.PID); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(n.paths.PID, 0o755); err != nil {
		t.Fatal(err)
	}
	n.want(exitNoRight, "pid file not writable")
}

// Two starts at the same moment: one daemon, both callers content.
func TestTwoStartsAtOnce(t *testing.T) {
	n := newCommandNode(t)
	codes := make(chan int, 2)
	for range 2 {
		go func() {
			code, _ := n.heartbeat()
			codes <- code
		}()
	}
	if a, b := <-codes, <-codes; a != 0 || b != 0 {
		t.Errorf("exit codes %d and %d, want 0", a, b)
	}
	n.until("resources", func() bool { return n.runs("a") })
	if c := strings.Count(n.log(), "Heartbeat generation:"); c != 1 {
		t.Errorf("%d daemons started", c)
	}
	n.want(0, "", "-k")
}

// A stop right after the start waits for the start and ends in order.
func TestStopDuringStart(t *testing.T) {
	n := newCommandNode(t)
	n.rewriteNow("ha.cf", func(s string) string { return strings.Replace(s, "node node1", "node node1 node2", 1) })
	n.want(0, "")
	begin := time.Now()
	n.want(0, "", "-k")
	n.logged("Heartbeat shutdown complete.")
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("the stop took %v", d)
	}
}

// The service manager hears when the daemon is ready, stops, and how it is.
func TestForegroundUnderServiceManager(t *testing.T) {
	n := newCommandNode(t)
	sock, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.dir + "/notify", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	t.Setenv("NOTIFY_SOCKET", n.dir+"/notify")
	type result struct {
		code int
		out  string
	}
	ended := make(chan result, 1)
	go func() {
		code, out := n.heartbeat("-f")
		ended <- result{code, out}
	}()
	heard := func(want string) {
		t.Helper()
		buf := make([]byte, 4096)
		for {
			sock.SetReadDeadline(time.Now().Add(patience))
			c, err := sock.Read(buf)
			if err != nil {
				t.Fatalf("waiting for %q: %v\n%s", want, err, n.log())
			}
			if strings.Contains(string(buf[:c]), want) {
				return
			}
		}
	}
	heard("READY=1")
	heard("STATUS=node1 is active, holds")
	n.until("resources", func() bool { return n.runs("a") })
	pid, st := state.CheckPID(n.paths.PID)
	if st != state.Running {
		t.Fatalf("pid file: %v", st)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	heard("STOPPING=1")
	r := <-ended
	if r.code != 0 || n.runs("a") {
		t.Errorf("exit code %d, resource runs: %v", r.code, n.runs("a"))
	}
	if !strings.Contains(r.out, "Configuration validated.") || strings.Contains(r.out, "Comm_now_up()") {
		t.Errorf("standard error: the start should be there, later lines only in the log:\n%s", r.out)
	}
}
