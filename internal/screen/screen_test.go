package screen

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	// The runtime's signal loop stays once signals were asked for.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/signal.loop"))
}

func TestLines(t *testing.T) {
	l := Text("serv-a", Bold|Green).Pad(10).Add("active", Plain).Add("   ", Plain)
	for _, c := range []struct {
		width  int
		colour bool
		want   string
	}{
		{0, false, "serv-a    active"},
		{80, true, "\x1b[1;32mserv-a\x1b[0m    active"},
		{12, false, "serv-a    a~"},
		{4, true, "\x1b[1;32mser~\x1b[0m"},
		{1, false, "~"},
	} {
		if got := l.Encode(c.width, c.colour); got != c.want {
			t.Errorf("width %d colour %v: %q, want %q", c.width, c.colour, got, c.want)
		}
	}
	bar := Text("x", Reverse).Add("  ", Reverse)
	if got := bar.Encode(0, true); got != "\x1b[7mx\x1b[0m\x1b[7m  \x1b[0m" {
		t.Errorf("a bar keeps its blanks: %q", got)
	}
	if got := bar.Encode(0, false); got != "x" {
		t.Errorf("plain bar: %q", got)
	}
	if w := Text("zoë", Plain).Width(); w != 3 {
		t.Errorf("width %d, want 3 columns", w)
	}
	if got := Text("abc", Plain).Pad(2).Add("d", Plain).Encode(0, false); got != "abc d" {
		t.Errorf("Pad behind the column: %q", got)
	}
}

func TestCleanTakesTheTeethOut(t *testing.T) {
	for in, want := range map[string]string{
		"node1":                "node1",
		"zoë":                  "zoë",
		"\x1b]0;title\x07\r\n": "?]0;title???",
		"a\xffb\u202ec\u009bd": "a?b?c?d",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	for in, want := range map[string][]Key{
		"q":                 {'q'},
		"\x03\x0c":          {CtrlC, CtrlL},
		"\x1b":              {KeyEsc},
		"\x1b[A\x1bOBj":     {KeyUp, KeyDown, 'j'},
		"\x1b[5~\x1b[6~":    {KeyPageUp, KeyPageDown},
		"\x1b[1;5C\x1bxq":   {keyOther, keyOther, 'q'},
		"\x1b[":             {keyOther},
		"ë":                 {'ë'},
		"\x1b[H\x1b[4~\x1b": {KeyHome, KeyEnd, KeyEsc},
	} {
		if got := parseKeys([]byte(in)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x1b[1;5Cq\xff\x1b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(parseKeys(b)); n > len(b) {
			t.Fatalf("%d keys from %d bytes", n, len(b))
		}
	})
}

func FuzzLine(f *testing.F) {
	f.Add("a\x1b[2Jb", 3)
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = min(max(width, 0), 500)
		out := Text(s, Plain).Add(s, Plain).Encode(width, false)
		if strings.ContainsAny(out, "\x1b\r\n\a\b") {
			t.Fatalf("%q shows as %q", s, out)
		}
		if n := (Line{{out, Plain}}).Width(); width > 0 && n > width {
			t.Fatalf("%d columns, the limit is %d", n, width)
		}
	})
}

// tail collects what a terminal would show.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (x *tail) run(r io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		x.mu.Lock()
		x.b = append(x.b, buf[:n]...)
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (x *tail) wait(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		x.mu.Lock()
		ok := strings.Contains(string(x.b), text)
		x.mu.Unlock()
		if ok {
			return
		}
	}
	t.Fatalf("%q never came, got %q", text, x.b)
}

func TestTerminal(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	var out tail
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { defer wg.Done(); out.run(master) }()
	defer func() { tty.Close(); master.Close(); wg.Wait() }()

	if IsTerminal(master) != true || IsTerminal(nil) {
		t.Error("IsTerminal is wrong")
	}
	pty.Setsize(master, &pty.Winsize{Rows: 5, Cols: 20})
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	term, err := Open(tty, tty)
	if err != nil {
		t.Fatal(err)
	}
	if w, h := term.Size(); w != 20 || h != 5 {
		t.Errorf("size %dx%d, want 20x5", w, h)
	}
	var lines []Line
	for i := range 9 {
		lines = append(lines, Text(fmt.Sprintf("line %d is longer than twenty columns", i), Plain))
	}
	if err := term.Draw(lines, true); err != nil {
		t.Error(err)
	}
	out.wait(t, "\x1b[H")
	out.wait(t, "line 4 is longer th~\x1b[K\x1b[J")
	if strings.Contains(string(out.b), "line 5") {
		t.Error("more lines than the terminal has")
	}
	event := func(want Event) {
		t.Helper()
		select {
		case e := <-term.Events():
			if e != want {
				t.Errorf("event %+v, want %+v", e, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no event, want %+v", want)
		}
	}
	master.WriteString("q")
	event(Event{Key: 'q'})
	master.WriteString("\x03") // raw: a character, not a signal
	event(Event{Key: CtrlC})
	syscall.Kill(os.Getpid(), syscall.SIGWINCH)
	event(Event{Resize: true})
	if err := term.Close(); err != nil {
		t.Error(err)
	}
	out.wait(t, leave)
	after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the settings of the terminal are not as before: %+v %+v %v", before, after, err)
	}
}
