package drbdadm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// fakes are programs that exist in the test only.
type fakes struct {
	mu   sync.Mutex
	ran  []string      // command lines
	envs [][]string    // environments, one for each
	took map[string]by // by a part of the command line
}

// by says what a program does: after a while it prints and ends.
type by struct {
	after  time.Duration
	out    string
	code   int
	signal syscall.Signal
	fails  error // it cannot be started
	deaf   bool  // it waits for a disk, and a signal does not end it
}

type fakeProcess struct {
	by
	out    interface{ Write([]byte) (int, error) }
	killed chan syscall.Signal
}

func (f *fakes) start(c Call) (Process, error) {
	line := strings.Join(c.Argv, " ")
	f.mu.Lock()
	f.ran, f.envs = append(f.ran, line), append(f.envs, c.Env)
	f.mu.Unlock()
	p := &fakeProcess{out: c.Stdout, killed: make(chan syscall.Signal, 9)}
	for part, b := range f.took {
		if strings.Contains(line, part) {
			p.by = b
		}
	}
	return p, p.fails
}

func (p *fakeProcess) Wait() Ended {
	if p.deaf {
		time.Sleep(p.after)
		fmt.Fprint(p.out, p.by.out)
		return Ended{Code: p.code}
	}
	select {
	case <-time.After(p.after):
		if p.by.out != "" {
			fmt.Fprint(p.out, p.by.out)
		}
		return Ended{Code: p.code, Signal: p.signal}
	case s := <-p.killed:
		return Ended{Signal: s}
	}
}

func (p *fakeProcess) Kill(s syscall.Signal) { p.killed <- s }

// bench is a drbdadm with fake programs.
type bench struct {
	fakes
	env      Env
	conf     string
	out, err bytes.Buffer
}

const onePair = `resource r0 {
  on alpha { device /dev/drbd0; disk /dev/sda1; meta-disk internal; address 127.0.0.1:7788; }
  on bravo { device /dev/drbd0; disk /dev/sda1; meta-disk internal; address 127.0.0.2:7788; }
}
`

func newBench(t testing.TB, conf string) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{conf: filepath.Join(dir, "drbd.conf")}
	if err := os.WriteFile(b.conf, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	b.env = System()
	b.env.Config.Hostname, b.env.Pretending = "alpha", false
	b.env.Config.LocalAddr = func(string) bool { return true }
	b.env.Config.Terminal = false
	b.env.StateDir, b.env.ProcFile = filepath.Join(dir, "state"), filepath.Join(dir, "proc")
	b.env.ConfigFiles = []string{b.conf}
	b.env.Executable = ""
	b.env.NotSetuid = nil
	b.env.LookPath = func(p string) (string, error) { return p, nil }
	b.env.Start = b.start
	b.env.Random = func() uint64 { return 0xABC }
	b.env.IsTerminal = func(any) bool { return false }
	return b
}

// do runs a command line and returns the exit code.
func (b *bench) do(line string) int {
	b.ran, b.envs = nil, nil
	b.out.Reset()
	b.err.Reset()
	return Main("drbdadm", strings.Fields(line), strings.NewReader(""), &b.out, &b.err, b.env)
}

func (b *bench) expect(t *testing.T, line string, code int, ran ...string) {
	t.Helper()
	if got := b.do(line); got != code || strings.Join(b.ran, "\n") != strings.Join(ran, "\n") {
		t.Errorf("drbdadm %s: exit %d, want %d\nran  %q\nwant %q\nstdout %s\nstderr %s", line, got, code, b.ran, ran, &b.out, &b.err)
	}
}
