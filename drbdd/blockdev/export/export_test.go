package export

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/blockdev/blocktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logbook collects the lines of a server.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *logbook) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func serve(t testing.TB, b blockdev.Backend, opt Options) (*Server, *logbook) {
	t.Helper()
	// A socket's path has at most 107 bytes, fewer than some test names.
	dir, err := os.MkdirTemp("", "nbd")
	if err != nil {
		t.Fatal(err)
	}
	log := &logbook{}
	opt.Path, opt.Name, opt.Log = filepath.Join(dir, "s"), "drbd0", log.add
	s, err := Listen(b, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Abort(ctx); err != nil {
			t.Errorf("abort at the end of the test: %v", err)
		}
		os.RemoveAll(dir)
	})
	return s, log
}

func TestFrontEnd(t *testing.T) {
	for _, structured := range []bool{false, true} {
		t.Run(fmt.Sprintf("structured %v", structured), func(t *testing.T) {
			blocktest.TestFrontEnd(t, func(t *testing.T, b blockdev.Backend) blocktest.Opened {
				s, _ := serve(t, b, Options{})
				return blocktest.Opened{FrontEnd: s, Open: func(t *testing.T) (blocktest.Device, func()) {
					c := dial(t, s.Device(), structured)
					return c, sync.OnceFunc(c.close)
				}}
			})
		})
	}
}

func TestReadOnlyAndErrors(t *testing.T) {
	m := blocktest.NewMem(1 << 20)
	defer m.Close()
	m.SetInfo(func(i *blockdev.Info) { i.ReadOnly, i.Discard = true, false })
	s, _ := serve(t, m, Options{})
	c := dial(t, s.Device(), true)
	defer c.close()
	if i := c.Info(); !i.ReadOnly || i.Discard {
		t.Errorf("a device for reading without discard is described as %+v", i)
	}
	b := make([]byte, 4096)
	for _, e := range []struct {
		what string
		got  error
		want syscall.Errno
	}{
		{"write", c.do(0, cmdWrite, 0, 4096, b, nil), syscall.EPERM},
		{"half a block", c.do(0, cmdRead, 100, 512, nil, b[:512]), syscall.EINVAL},
		{"empty read", c.do(0, cmdRead, 0, 0, nil, b[:0]), syscall.EINVAL},
		{"over the end", c.do(0, cmdRead, 1<<20-512, 1024, nil, b[:1024]), syscall.EINVAL},
		{"offset beyond int64", c.do(0, cmdRead, -512, 512, nil, b[:512]), syscall.EINVAL},
		{"unknown command", c.do(0, 77, 0, 512, nil, nil), syscall.EINVAL},
		{"unknown flag", c.do(1<<15, cmdFlush, 0, 0, nil, nil), syscall.EINVAL},
		{"more than 32 MiB", c.do(0, cmdRead, 0, 33<<20, nil, b), syscall.EOVERFLOW},
	} {
		if !errors.Is(e.got, e.want) {
			t.Errorf("%s: got %v, want %v", e.what, e.got, e.want)
		}
	}
	if _, err := c.ReadAt(b, 0); err != nil {
		t.Errorf("read after refused requests: %v", err)
	}
	m.SetInfo(func(i *blockdev.Info) { i.ReadOnly = false })
	if err := c.do(0, cmdWrite, 1<<20, 4096, b, nil); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write behind the end: got %v, want ENOSPC", err)
	}
	if err := c.do(cmdFlagFUA, cmdWrite, 0, 4096, b, nil); err != nil {
		t.Errorf("write with FUA: %v", err)
	}
	if l := m.Log(); l[len(l)-1].Flags&blockdev.FUA == 0 {
		t.Errorf("FUA did not reach the backend: %+v", l[len(l)-1])
	}
}

// TestErrorInALongRead: the parts before the bad one may be told or not, the end must be an error,
// or the end of the connection where the answer had begun (simple replies).
func TestErrorInALongRead(t *testing.T) {
	for _, structured := range []bool{false, true} {
		m := blocktest.NewMem(8 << 20)
		m.FailWith(func(r *blockdev.Request) error {
			if r.Off >= 3<<20 {
				return syscall.EIO
			}
			return nil
		})
		s, _ := serve(t, m, Options{})
		c := dial(t, s.Device(), structured)
		_, err := c.ReadAt(make([]byte, 6<<20), 0)
		if err == nil || structured && !errors.Is(err, syscall.EIO) {
			t.Errorf("structured %v: a read over a bad part: %v", structured, err)
		}
		if _, err := c.ReadAt(make([]byte, 4096), 0); structured && err != nil {
			t.Errorf("the connection did not outlive an error: %v", err)
		}
		c.close()
		s.Abort(context.Background())
		m.Close()
	}
}

// raw connects and sends bytes as they are, then reads until the server hangs up.
func raw(t *testing.T, s *Server, b []byte) []byte {
	t.Helper()
	nc, err := net.Dial("unix", s.Device())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	nc.Write(b)
	got, err := io.ReadAll(nc)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server did not hang up")
	}
	return got
}

func hello(flags uint32) []byte { return binary.BigEndian.AppendUint32(nil, flags) }

func TestHostileClients(t *testing.T) {
	m := blocktest.NewMem(4 << 20)
	defer m.Close()
	s, log := serve(t, m, Options{HandshakeTimeout: 300 * time.Millisecond, WriteTimeout: 300 * time.Millisecond, MaxConns: 3})
	good := dial(t, s.Device(), true)
	defer good.close()

	begun := appendOption(hello(3), optGo, make([]byte, 6))
	for what, b := range map[string][]byte{
		"nothing":               nil,
		"unknown flags":         hello(0xffffffff),
		"oldstyle flags":        hello(0),
		"garbage for an option": append(hello(3), make([]byte, 16)...),
		"a huge option":         binary.BigEndian.AppendUint32(appendOption(hello(3), optGo, nil)[:16], 1<<31),
		"unknown export":        appendOption(hello(3), optExportName, []byte("other")),
		"garbage for a request": append(begun[:len(begun):len(begun)], make([]byte, 28)...),
		"a huge write":          appendCommand(begun[:len(begun):len(begun)], 0, cmdWrite, 1, 0, 1<<31),
		"endless options": func() []byte {
			b := hello(3)
			for range 100 {
				b = appendOption(b, optList, nil)
			}
			return b
		}(),
	} {
		t.Run(what, func(t *testing.T) {
			raw(t, s, b)
			if _, err := good.ReadAt(make([]byte, 4096), 0); err != nil {
				t.Errorf("another client's read: %v", err)
			}
		})
	}
	t.Run("never reads its answers", func(t *testing.T) {
		nc, err := net.Dial("unix", s.Device())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		b := appendOption(hello(3), optGo, make([]byte, 6))
		for i := range uint64(100) {
			b = appendCommand(b, 0, cmdRead, i, 0, 1<<20)
		}
		nc.Write(b)
		for range 20 {
			if _, err := good.ReadAt(make([]byte, 4096), 0); err != nil {
				t.Fatalf("another client's read: %v", err)
			}
		}
		wait(t, "the stuck client is cut off", func() bool { return strings.Contains(log.all(), "timeout") })
	})
	t.Run("stops within a payload", func(t *testing.T) {
		nc, err := net.Dial("unix", s.Device())
		if err != nil {
			t.Fatal(err)
		}
		nc.Write(append(appendCommand(appendOption(hello(3), optGo, make([]byte, 6)), 0, cmdWrite, 1, 0, 65536), make([]byte, 1000)...))
		mem := m.Bytes()
		if _, err := good.ReadAt(make([]byte, 4096), 0); err != nil {
			t.Errorf("another client's read: %v", err)
		}
		nc.Close()
		if string(m.Bytes()) != string(mem) {
			t.Error("a half write changed the device")
		}
	})
	t.Run("too many", func(t *testing.T) {
		wait(t, "the others are gone", func() bool { h, _ := s.Holders(); return len(h) == 1 })
		a, b := dial(t, s.Device(), false), dial(t, s.Device(), false)
		defer a.close()
		defer b.close()
		if got := raw(t, s, nil); len(got) != 0 {
			t.Errorf("a client beyond the limit got %d bytes", len(got))
		}
	})
	wait(t, "every connection's end was told", func() bool { return strings.Contains(log.all(), "turned away") })
	t.Logf("log:\n%s", log.all())
}

func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for range 500 {
		if cond() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain until %s", what)
}

func TestSocketPlace(t *testing.T) {
	m := blocktest.NewMem(1 << 20)
	defer m.Close()
	s, _ := serve(t, m, Options{})
	if st, err := os.Stat(s.Device()); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v, want mode 0600", st.Mode(), err)
	}
	if _, err := Listen(m, Options{Path: s.Device()}); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("second server at the same place: %v", err)
	}
	// A server that was killed leaves its socket; the next takes the place.
	stale := s.Device() + "2"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	s2, err := Listen(m, Options{Path: stale, Name: "x"})
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	if err := s2.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
	file := s.Device() + "3"
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(m, Options{Path: file}); err == nil {
		t.Error("a file was replaced by a socket")
	}
}
