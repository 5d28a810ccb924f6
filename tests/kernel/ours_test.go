package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/tests/kernel/talk"
	"classicha/tests/kernel/vm"
)

// ours is drbdd with one image file.
type ours struct {
	net  *vm.Network
	dir  string // its run directory
	past string // what daemons logged whose directory is not used any more
	fuse bool   // a device in place of an export
	at   int    // the minor that is written and read
	img  string
	cmd  *exec.Cmd
	done chan struct{}
}

func (o *ours) name() string  { return "ours" }
func (o *ours) addr() string  { return "ipv4:" + vm.Host + ":7788" }
func (o *ours) disk() string  { return o.img }
func (o *ours) image() string { return o.img }

// start starts the daemon, or its successor: it finds what the last one left.
func (o *ours) start(t *testing.T) {
	t.Helper()
	d := o.dir
	front := "export"
	if o.fuse {
		if err := os.MkdirAll(d+"/dev", 0o755); err != nil {
			t.Fatal(err)
		}
		front = "fuse"
	}
	o.cmd = exec.Command("nice", "-n", "5", lab.drbdd, "--run-dir="+d, "--socket="+d+"/ctl", "--proc-file="+d+"/proc", "--dev-dir="+d+"/dev",
		"--front-end="+front, "--helper=none", "--logfile="+d+"/log", "--mlock=no")
	o.cmd.Env = append(os.Environ(), "HA_EMERGENCY=log")
	stderr, err := os.OpenFile(filepath.Join(d, "stderr"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	o.cmd.Stderr, o.cmd.Stdout = stderr, stderr
	if err := o.net.Start(o.cmd); err != nil {
		t.Fatal(err)
	}
	cmd, done := o.cmd, make(chan struct{})
	o.done = done
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	await(t, setupLimit, func() string {
		if out, code, err := o.setup(setupLimit, "events2", "--now"); err != nil || code != 0 {
			return fmt.Sprintf("drbdd does not answer: %d %v %s", code, err, out)
		}
		return ""
	})
}

// kill is kill -9.
func (o *ours) kill() {
	if o.cmd == nil {
		return
	}
	_ = o.cmd.Process.Kill()
	<-o.done
	o.cmd = nil
}

// freeze stops the daemon where it is, or lets it go on.
func (o *ours) freeze(on bool) error {
	if on {
		return o.cmd.Process.Signal(syscall.SIGSTOP)
	}
	return o.cmd.Process.Signal(syscall.SIGCONT)
}

// powerCut kills the daemon and forgets everything that is not on its disk. The
// caller starts it again and configures it as at a boot.
func (o *ours) powerCut(t *testing.T) {
	t.Helper()
	o.kill()
	o.past = o.log()
	o.dir += "+"
	if err := os.Mkdir(o.dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

// program runs one of our commands.
func (o *ours) program(limit time.Duration, args ...string) (string, int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, lab.drbdd, args...)
	cmd.Env = append(os.Environ(), "DRBDD_SOCKET="+o.dir+"/ctl")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return out.String(), exit.ExitCode(), nil
	}
	return out.String(), 0, err
}

func (o *ours) setup(limit time.Duration, args ...string) (out string, code int, err error) {
	for range 20 {
		out, code, err = o.program(limit, append([]string{"drbdsetup"}, args...)...)
		// A client of ours that has just said goodbye may still be counted.
		if code != 11 || !strings.Contains(out, fmt.Sprintf("[%d] connected", os.Getpid())) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return out, code, err
}

// meta forces drbdmeta: a file is no block device.
func (o *ours) meta(args ...string) (string, int, error) {
	return o.program(setupLimit, append([]string{"drbdmeta", "--force", "0", "v08", o.img, "internal"}, args...)...)
}

func (o *ours) file(name string) string {
	b, _ := os.ReadFile(filepath.Join(o.dir, name))
	return string(b)
}

func (o *ours) proc() string { return o.file("proc") }
func (o *ours) log() string  { return o.past + o.file("log") }

// dial connects to the device. It takes only so many clients, and those that left a
// moment ago may still count.
func (o *ours) dial() (n *nbd, err error) {
	for range 50 {
		if n, err = dialNBD(filepath.Join(o.dir, fmt.Sprintf("drbd%d.sock", o.at))); !errors.Is(err, io.EOF) {
			return n, err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, err
}

// with gives f a connection of its own.
func (o *ours) with(f func(*nbd) error) error {
	n, err := o.dial()
	if err != nil {
		return err
	}
	defer n.Close()
	return f(n)
}

func (o *ours) write(off, n, size int64, deep int, seed uint64) error {
	clients := make([]*nbd, max(1, deep))
	for i := range clients {
		c, err := o.dial()
		if err != nil {
			return err
		}
		defer c.Close()
		clients[i] = c
	}
	return talk.Pieces(off, n, size, len(clients), func(caller int, off, n int64) error {
		b := make([]byte, n)
		talk.Fill(b, off, seed)
		return clients[caller].do(nbdWrite, 0, off, n, b)
	})
}

func (o *ours) flush() error {
	return o.with(func(n *nbd) error { return n.do(nbdFlush, 0, 0, 0, nil) })
}

func (o *ours) discard(off, length int64) error {
	return o.with(func(n *nbd) error { return n.do(nbdTrim, 0, off, length, nil) })
}

func (o *ours) zero(off, length int64, unmap bool) error {
	flags := uint16(nbdNoHole)
	if unmap {
		flags = 0
	}
	return o.with(func(n *nbd) error { return n.do(nbdZero, flags, off, length, nil) })
}

func (o *ours) hash(off, length int64) (h string, err error) {
	err = o.with(func(n *nbd) error {
		h, err = talk.Hash(n, off, length, make([]byte, 1<<20))
		return err
	})
	return h, err
}
