package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"classicha/tests/kernel/talk"
)

// piece is the most that one read or write call moves.
const piece = 1 << 20

// held are the devices that OpHold opened.
var held struct {
	sync.Mutex
	files map[string]*os.File
}

func carryOut(q talk.Request) talk.Reply {
	r, err := operation(q)
	if err != nil {
		r.Err = err.Error()
	}
	return r
}

func operation(q talk.Request) (r talk.Reply, err error) {
	switch q.Op {
	case talk.OpPing:
		return r, nil
	case talk.OpRun:
		return run(q)
	case talk.OpCat:
		b, err := os.ReadFile(q.Path)
		return talk.Reply{Out: string(b)}, err
	case talk.OpPut:
		return r, os.WriteFile(q.Path, []byte(q.Args[0]), 0o644)
	case talk.OpHelpers:
		return helpers()
	case talk.OpDrop:
		held.Lock()
		defer held.Unlock()
		if f := held.files[q.Path]; f != nil {
			delete(held.files, q.Path)
			return r, f.Close()
		}
		return r, fmt.Errorf("%s is not held", q.Path)
	case talk.OpHold:
		f, err := os.OpenFile(q.Path, os.O_RDWR, 0)
		if err != nil {
			return r, err
		}
		held.Lock()
		defer held.Unlock()
		if held.files == nil {
			held.files = map[string]*os.File{}
		}
		held.files[q.Path] = f
		return r, nil
	}
	return device(q)
}

// device does what needs an open device.
func device(q talk.Request) (r talk.Reply, err error) {
	mode := os.O_RDWR | unix.O_DIRECT
	if q.Op == talk.OpHash {
		mode = os.O_RDONLY | unix.O_DIRECT
	}
	f, err := os.OpenFile(q.Path, mode, 0)
	if err != nil {
		return r, err
	}
	defer f.Close()
	end := time.Now().Add(time.Duration(q.MS) * time.Millisecond)
	switch q.Op {
	case talk.OpWrite:
		return r, write(f, q, end)
	case talk.OpSync:
		return r, f.Sync()
	case talk.OpDiscard:
		span := [2]uint64{uint64(q.Off), uint64(q.Len)}
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKDISCARD, uintptr(unsafe.Pointer(&span))); e != 0 {
			return r, fmt.Errorf("BLKDISCARD: %w", e)
		}
		return r, nil
	case talk.OpHash:
		b, err := aligned()
		if err != nil {
			return r, err
		}
		defer unix.Munmap(b)
		r.Out, err = talk.Hash(f, q.Off, q.Len, b)
		return r, err
	}
	return r, fmt.Errorf("operation %q is not known", q.Op)
}

// aligned is a buffer that direct I/O takes.
func aligned() ([]byte, error) {
	return unix.Mmap(-1, 0, piece, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func write(f *os.File, q talk.Request, end time.Time) error {
	deep := max(1, q.Deep)
	bufs := make([][]byte, deep)
	for i := range bufs {
		b, err := aligned()
		if err != nil {
			return err
		}
		defer unix.Munmap(b)
		bufs[i] = b
	}
	size := int64(q.Size)
	if size <= 0 || size > piece {
		size = piece
	}
	return talk.Pieces(q.Off, q.Len, size, deep, func(caller int, off, n int64) error {
		if time.Now().After(end) {
			return fmt.Errorf("write stopped at %d: time is up", off)
		}
		b := bufs[caller][:n]
		talk.Fill(b, off, q.Seed)
		_, err := f.WriteAt(b, off)
		return err
	})
}

func run(q talk.Request) (talk.Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(q.MS)*time.Millisecond)
	defer cancel()
	cmd := exec.CommandContext(ctx, q.Args[0], q.Args[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	cmd.Env = []string{"PATH=/sbin", "DRBD_DONT_WARN_ON_VERSION_MISMATCH=1"}
	err := cmd.Run()
	r := talk.Reply{Out: out.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		r.Code = exit.ExitCode()
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			r.Code = 128 + int(ws.Signal())
		}
		return r, nil
	}
	return r, err
}

const helperDir = "/run/helpers"

// helper is the user-mode helper of the module: it leaves a note, and exits with
// what /run/exit.NAME says, else 0.
func helper(args []string) int {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	note := strings.Join(args, " ")
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "DRBD_") {
			note += " " + e
		}
	}
	file := fmt.Sprintf("%s/%019d.%d", helperDir, time.Now().UnixNano(), os.Getpid())
	if err := os.WriteFile(file, []byte(note+"\n"), 0o644); err != nil {
		return 1
	}
	code := 0
	if b, err := os.ReadFile("/run/exit." + name); err == nil {
		fmt.Sscan(string(b), &code)
	}
	return code
}

func helpers() (r talk.Reply, err error) {
	names, err := filepath.Glob(helperDir + "/*")
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			return r, err
		}
		r.Out += string(b)
	}
	return r, err
}
