package media_test

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/heartbeatd/media"
	"classicha/internal/hlog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logBook keeps what a medium logs.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBook) log(level hlog.Level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level.String()+": "+text)
}

func (l *logBook) count(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

func (l *logBook) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// inbox keeps what a medium received.
type inbox struct {
	mu     sync.Mutex
	frames [][]byte
}

func (b *inbox) recv(p media.Packet) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.frames = append(b.frames, p.Frame)
}

func (b *inbox) has(frame string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.frames, func(f []byte) bool { return bytes.Equal(f, []byte(frame)) })
}

func (b *inbox) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.frames)
}

// start makes and opens a medium that is closed with the test.
func start(t *testing.T, s media.Spec) (media.Medium, *inbox, *logBook) {
	t.Helper()
	book, in := &logBook{}, &inbox{}
	s.Log = book.log
	m, err := media.New(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Open(in.recv); err != nil {
		t.Fatalf("open %s: %v", s.Kind, err)
	}
	t.Cleanup(func() { m.Close() })
	return m, in, book
}

// within waits for a condition.
func within(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// keepSending sends a frame every 20 ms until the other side has it.
func keepSending(t *testing.T, from media.Medium, to *inbox, frame string) {
	t.Helper()
	within(t, 10*time.Second, "frame "+frame+" arrives", func() bool {
		from.Send([]byte(frame))
		return to.has(frame)
	})
}
