package media_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// nullModem is a cable between two ttys, made of two pseudo-terminals whose
// master ends are joined by the test. The ttys are reached by links that lead to
// new pseudo-terminals after the cable was pulled out and put in again.
type nullModem struct {
	dir  string
	a, b string // paths of the ttys

	mu     sync.Mutex
	tamper func([]byte) []byte // what the cable does to bytes; nil: nothing
	open   []*os.File
	wg     sync.WaitGroup
}

func newNullModem(t *testing.T) *nullModem {
	t.Helper()
	dir := t.TempDir()
	n := &nullModem{dir: dir, a: filepath.Join(dir, "ttyA"), b: filepath.Join(dir, "ttyB")}
	n.plug(t)
	t.Cleanup(n.unplug)
	return n
}

// plug makes both ttys.
func (n *nullModem) plug(t *testing.T) {
	t.Helper()
	masterA, masterB := n.tty(t, n.a), n.tty(t, n.b)
	n.wg.Add(2)
	go n.pump(masterA, masterB)
	go n.pump(masterB, masterA)
}

func (n *nullModem) tty(t *testing.T, path string) (master *os.File) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skipf("skipped: no pseudo-terminals here: %v", err)
	}
	// Raw from the start: an echo would come back to the other side.
	if tio, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS); err == nil {
		tio.Lflag, tio.Iflag, tio.Oflag = 0, 0, 0
		unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, tio)
	}
	master = pollable(t, master)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = append(n.open, master, slave) // the slave keeps the tty alive between users
	os.Remove(path)
	if err := os.Symlink(slave.Name(), path); err != nil {
		t.Fatal(err)
	}
	return master
}

// pollable makes a file whose Read is released by Close; the pty package hands
// out blocking ones.
func pollable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	unix.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), "ptmx")
}

func (n *nullModem) pump(from, to *os.File) {
	defer n.wg.Done()
	b := make([]byte, 4096)
	for {
		k, err := from.Read(b)
		if err != nil {
			return
		}
		n.mu.Lock()
		data := b[:k]
		if n.tamper != nil {
			data = n.tamper(data)
		}
		n.mu.Unlock()
		if _, err := to.Write(data); err != nil {
			return
		}
	}
}

// disturb sets what the cable does to the bytes.
func (n *nullModem) disturb(f func([]byte) []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tamper = f
}

// unplug makes both ttys hang up and vanish.
func (n *nullModem) unplug() {
	n.mu.Lock()
	open := n.open
	n.open = nil
	n.mu.Unlock()
	for _, f := range open {
		f.Close()
	}
	n.wg.Wait()
	os.Remove(n.a)
	os.Remove(n.b)
}
