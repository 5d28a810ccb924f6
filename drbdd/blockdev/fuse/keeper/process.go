package keeper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listenFD is where a keeper process finds its socket.
const listenFD = 3

// stageEnv tells the second process from the first: the first only starts the second and
// ends, so that the keeper is nobody's child and never a zombie of the daemon.
const stageEnv = "DRBDD_KEEPER_STAGE"

// Start returns a spawn function for Connect: it runs this program again as argv (argv[0]
// included), which must call Main.
func Start(argv ...string) func(ln *os.File) error {
	return func(ln *os.File) error {
		cmd := self(argv, ln)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w %s", err, out)
		}
		return nil
	}
}

func self(argv []string, ln *os.File) *exec.Cmd {
	return &exec.Cmd{Path: "/proc/self/exe", Args: argv, Env: os.Environ(), Dir: "/", ExtraFiles: []*os.File{ln}}
}

// Main is the keeper process. It returns the exit code.
func Main(argv []string, stderr io.Writer) int {
	f := os.NewFile(listenFD, "keeper socket")
	if os.Getenv(stageEnv) == "" {
		cmd := self(argv, f)
		cmd.Env = append(cmd.Env, stageEnv+"=2")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(stderr, "drbdd keeper:", err)
			return 1
		}
		return 0
	}
	l, err := net.FileListener(f)
	f.Close()
	if err != nil {
		return 1 // nobody listens to us any more
	}
	ln, ok := l.(*net.UnixListener)
	if !ok {
		return 1
	}
	settle()
	if err := Serve(ln, 5*time.Second); err != nil && !errors.Is(err, net.ErrClosed) {
		return 1
	}
	return 0
}

// settle makes the process small and hard to kill by accident: the end of the keeper and of
// the daemon together is an I/O error for applications.
func settle() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(50)
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2)
	// Each of these is an improvement only; without the rights for it the keeper does its work all the same.
	os.WriteFile("/proc/self/comm", []byte("drbdd-keeper"), 0)
	os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0)
	unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
}
