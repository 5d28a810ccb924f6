package crash

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"classicha/tests/drbd/rig"
)

// roleEnv makes this program the application of a test, inside a machine.
const roleEnv = "DRBD_CRASH_ROLE"

// files is how many files the application has; version v is in file v % files.
const files = 200

// The application writes a version of a file under another name, syncs it, renames
// it, syncs the directory, and only then says so: what it has said must be there
// after any crash, in this version or a later one, and no file may be torn.
func play(role string, args []string) int {
	dir := args[0]
	switch role {
	case "write":
		noise, err := newNoise(dir)
		if err != nil {
			fmt.Println("error:", err)
			return 1
		}
		for v := must(strconv.Atoi(args[1])); ; v++ {
			if err := noise.write(v); err != nil {
				fmt.Println("error:", err)
				return 1
			}
			if err := writeVersion(dir, v); err != nil {
				fmt.Println("error:", err)
				return 1
			}
			fmt.Println(v)
		}
	case "check":
		bad := 0
		for f := range files {
			v, err := readVersion(dir, f)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				fmt.Println("error:", err)
				bad++
				continue
			}
			fmt.Println(v)
		}
		return min(bad, 1)
	}
	return 2
}

// text is version v of its file: its number and so many bytes of a generator.
func text(v int) []byte {
	rnd := rand.NewChaCha8([32]byte{byte(v), byte(v >> 8), byte(v >> 16), 77})
	p := make([]byte, 8+rnd.Uint64()%(40<<10))
	rnd.Read(p)
	binary.BigEndian.PutUint64(p, uint64(v))
	return p
}

func name(dir string, f int) string { return filepath.Join(dir, fmt.Sprintf("f%03d", f)) }

func writeVersion(dir string, v int) error {
	tmp := filepath.Join(dir, "new")
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(text(v))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(tmp, name(dir, v%files))
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// noise is a file that is written past the page cache and never synced: blocks that
// a power cut may take from one disk and not from the other.
type noise struct {
	f *os.File
	p []byte
}

const noiseBlocks = 1024

func newNoise(dir string) (*noise, error) {
	path := filepath.Join(dir, "noise")
	if _, err := os.Stat(path); err != nil {
		if err := os.WriteFile(path, make([]byte, noiseBlocks<<12), 0o600); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return nil, err
	}
	p, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	return &noise{f, p}, err
}

func (n *noise) write(v int) error {
	rnd := rand.New(rand.NewPCG(uint64(v), 9))
	count := rnd.IntN(8)
	if v%8 == 0 {
		count = 200
	}
	for range count {
		binary.BigEndian.PutUint64(n.p, rnd.Uint64())
		if _, err := n.f.WriteAt(n.p, int64(rnd.IntN(noiseBlocks))<<12); err != nil {
			return err
		}
	}
	return nil
}

func readVersion(dir string, f int) (int, error) {
	p, err := os.ReadFile(name(dir, f))
	if err != nil {
		return 0, err
	}
	if len(p) < 8 {
		return 0, fmt.Errorf("file %d has %d bytes", f, len(p))
	}
	v := int(binary.BigEndian.Uint64(p))
	if v%files != f || v > 1<<24 || !bytes.Equal(p, text(v)) {
		return 0, fmt.Errorf("file %d is torn: it says it is version %d", f, v)
	}
	return v, nil
}

// writer is the application at work on a machine.
type writer struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	latest int // version said to be safe
	fault  string
}

// write starts the application after the last version.
func write(r *rig.Rig, n *rig.Node, dir string, after int) *writer {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &writer{cancel: cancel, ended: make(chan struct{}), latest: after}
	w.cmd = n.Command(ctx, roleEnv+"=write", must(os.Executable()), dir, fmt.Sprint(after+1))
	out := must(w.cmd.StdoutPipe())
	if err := w.cmd.Start(); err != nil {
		r.Fatalf("%v", err)
	}
	go func() {
		defer close(w.ended)
		for in := bufio.NewScanner(out); in.Scan(); {
			v, err := strconv.Atoi(in.Text())
			w.mu.Lock()
			if err == nil {
				w.latest = v
			} else {
				w.fault = in.Text()
			}
			w.mu.Unlock()
		}
		_ = w.cmd.Wait()
	}()
	return w
}

// now is the last version that is safe, and what went wrong.
func (w *writer) now() (int, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest, w.fault
}

// stop ends the application, if the machine did not; the last version said.
func (w *writer) stop(r *rig.Rig, n *rig.Node) (int, string) {
	r.Helper()
	if n.Up() {
		for _, p := range n.Processes() {
			if p.Exe == filepath.Base(must(os.Executable())) {
				_ = syscall.Kill(p.Pid, syscall.SIGKILL)
			}
		}
	}
	select {
	case <-w.ended:
	case <-time.After(soon):
		r.Fatalf("the application on %s does not end", n.Name())
	}
	w.cancel()
	return w.now()
}

// check reads all files on a machine and fails if one is torn or older than it may
// be, said being the last version that was safe.
func check(r *rig.Rig, n *rig.Node, dir string, said int) {
	r.Helper()
	out := n.Do("/usr/bin/env", roleEnv+"=check", must(os.Executable()), dir)
	have := map[int]int{}
	for line := range bytes.Lines([]byte(out)) {
		if v, err := strconv.Atoi(string(bytes.TrimSpace(line))); err == nil {
			have[v%files] = v
		}
	}
	for v := max(0, said-files+1); v <= said; v++ {
		if got, ok := have[v%files]; !ok || got < v {
			r.Errorf("version %d of file %d was synced; on %s it is %d (there: %v)", v, v%files, n.Name(), got, ok)
		}
	}
}
