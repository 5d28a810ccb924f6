package kernel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev/fuse/keeper"
	"classicha/tests/kernel/talk"
)

// A device that applications have open outlives the daemon: kill -9 of drbdd while a
// program writes to it is a pause for the program, and for the kernel a Primary that
// was away.
func TestKilledDaemonWithADevice(t *testing.T) {
	for _, f := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(f); err != nil {
			t.Skipf("no %s", f)
		}
	}
	w := newWorld(t)
	p := w.bare(t, options{})
	p.o.kill()
	p.o.fuse = true
	p.o.start(t)
	t.Cleanup(func() { p.endDevice() })
	for i, s := range p.sides() {
		fillImage(t, s.image(), uint64(1001+i))
		mustMeta(t, s, "create-md", "--force")
		p.attach(s)
	}
	p.fullSync(p.o)
	p.noteKeeper()
	f, err := os.OpenFile(filepath.Join(p.o.dir, "dev", "drbd0"), os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := unix.Mmap(-1, 0, 65536, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)

	stop, done := make(chan struct{}), make(chan error, 1)
	count := 0
	go func() {
		done <- func() error {
			for {
				select {
				case <-stop:
					return f.Sync()
				default:
				}
				p.seed++
				off := int64(p.seed*2654435761%128) * 65536
				talk.Fill(b, off, p.seed)
				if _, err := f.WriteAt(b, off); err != nil {
					return err
				}
				talk.Fill(p.want[off:off+65536], off, p.seed)
				count++
			}
		}()
	}()
	for i := range 4 {
		time.Sleep(700 * time.Millisecond)
		p.o.kill()
		if i%2 == 1 {
			time.Sleep(3 * time.Second) // the kernel has noticed
		}
		p.o.start(t)
		state(t, p.o, stateLimit, "", "Primary/Secondary", "")
		p.synced()
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatalf("the program got an error: %v", err)
	}
	t.Logf("%d writes of 64 KiB", count)
	if count < 20 {
		t.Errorf("only %d writes: the program stood still", count)
	}
	for off := int64(0); off < int64(len(p.want)); off += int64(len(b)) {
		n, err := f.ReadAt(b[:min(int64(len(b)), int64(len(p.want))-off)], off)
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		differ(t, "what the device reads and what was written", b[:n], p.want[off:off+int64(n)], nil)
	}
	f.Close()
	must(t, p.o, "secondary", "0")
	p.finish()
}

// noteKeeper tells the clean-up which process is drbdd's keeper.
func (p *pair) noteKeeper() {
	p.t.Helper()
	k, err := keeper.Connect(filepath.Join(p.o.dir, "keeper"), func(*os.File) error { return errors.New("there is no keeper") })
	if err != nil {
		p.t.Fatal(err)
	}
	defer k.Close()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", k.PID()))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	if f := strings.Fields(rest); len(f) > 19 {
		err = os.WriteFile(filepath.Join(lab.dir, "keepers"), fmt.Appendf(nil, "%d %s\n", k.PID(), f[19]), 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// endDevice takes the device away if a failed test left it.
func (p *pair) endDevice() {
	if _, err := os.Stat(filepath.Join(p.o.dir, "keeper")); err != nil {
		return
	}
	if p.o.cmd == nil {
		p.o.start(p.t)
	}
	_, _, _ = p.o.setup(setupLimit, "secondary", "0")
	_, _, _ = p.o.setup(setupLimit, "down", "r0")
}
