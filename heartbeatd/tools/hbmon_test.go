package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/daemon/ctl"
	"classicha/heartbeatd/tools/hbmonview"
	"classicha/internal/screen"

	"github.com/creack/pty"
)

// hbmonDaemon is a control socket whose view says how often it changed.
type hbmonDaemon struct {
	path string
	n    atomic.Int64
	srv  *ctl.Server
}

func (d *hbmonDaemon) view(context.Context) (cluster.View, error) {
	n := d.n.Load()
	return cluster.View{Node: "serv-a", Generation: uint64(n), Status: "active", Stable: true, Holds: "local", ResState: "stable",
		Now:      time.Date(2026, 11, 21, 0, 25, 43, 0, time.UTC),
		Nodes:    []cluster.NodeView{{Name: "serv-a", Status: "active"}},
		Groups:   []cluster.GroupView{{Key: "web", Home: "serv-a", Owner: "serv-a", State: "running"}},
		Counters: map[string]int64{"malformed": n + 1}}, nil
}

func (d *hbmonDaemon) start(t *testing.T) {
	t.Helper()
	srv, err := ctl.Listen(ctl.Options{Path: d.path, View: d.view})
	if err != nil {
		t.Fatal(err)
	}
	d.srv = srv
}

func (d *hbmonDaemon) change() { d.n.Add(1); d.srv.Changed() }

func hbmonFake(t *testing.T) *hbmonDaemon {
	t.Helper()
	d := &hbmonDaemon{path: filepath.Join(t.TempDir(), "ctl")}
	d.start(t)
	t.Cleanup(func() { d.srv.Close() })
	return d
}

func TestHbMonOnceAndJSON(t *testing.T) {
	d := hbmonFake(t)
	t.Setenv("COLUMNS", "70")
	var out, errs bytes.Buffer
	if code := HbMon([]string{"--socket", d.path, "-1"}, nil, &out, &errs); code != 0 {
		t.Errorf("-1: exit %d, %s", code, errs.String())
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	if want := "OK: 1 of 1 node active, 1 of 1 group running"; first != want {
		t.Errorf("first line %q, want the summary %q", first, want)
	}
	if strings.Contains(out.String(), "\x1b") || strings.Contains(out.String(), "Counters") {
		t.Errorf("colours in a pipe, or counters unasked:\n%s", out.String())
	}
	out.Reset()
	if code := HbMon([]string{"--sock=" + d.path, "--once", "-c", "--colour=always"}, nil, &out, &errs); code != 0 ||
		!strings.Contains(out.String(), "\x1b[1;32mOK:") || !strings.Contains(out.String(), "malformed") {
		t.Errorf("--colour=always -c: exit %d\n%s", code, out.String())
	}
	out.Reset()
	if code := HbMon([]string{"--socket", d.path, "-j"}, nil, &out, &errs); code != 0 {
		t.Errorf("-j: exit %d", code)
	}
	var v cluster.View
	if err := json.Unmarshal(out.Bytes(), &v); err != nil || v.Node != "serv-a" || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("-j: %v %q, want one line of JSON", err, out.String())
	}
	// Without a terminal, live is once.
	out.Reset()
	if code := HbMon([]string{"--socket", d.path}, nil, &out, &errs); code != 0 || !strings.HasPrefix(out.String(), "OK:") {
		t.Errorf("no terminal: exit %d %q", code, out.String())
	}
}

func TestHbMonWatchesJSON(t *testing.T) {
	d := hbmonFake(t)
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() { code <- HbMon([]string{"--socket", d.path, "-jw"}, nil, w, io.Discard) }()
	dec := json.NewDecoder(r)
	for want := range uint64(4) {
		var v cluster.View
		if err := dec.Decode(&v); err != nil || v.Generation != want {
			t.Fatalf("line %d: generation %d %v", want, v.Generation, err)
		}
		d.change()
	}
	r.Close()
	d.change()
	if c := <-code; c != 0 {
		t.Errorf("exit %d after the reader left, want 0", c)
	}
}

func TestHbMonNotRunning(t *testing.T) {
	for _, mode := range []string{"-1", "-j", "-jw"} {
		var out, errs bytes.Buffer
		code := HbMon([]string{"--socket", filepath.Join(t.TempDir(), "ctl"), mode}, nil, &out, &errs)
		if want := "hb_mon: heartbeat is not running on this machine\n"; code != 1 || out.Len() != 0 || errs.String() != want {
			t.Errorf("%s: exit %d, %q %q, want 1 and %q", mode, code, out.String(), errs.String(), want)
		}
	}
}

func TestHbMonUsage(t *testing.T) {
	for _, args := range [][]string{{"-Z"}, {"-1", "-j"}, {"-w"}, {"-i"}, {"-i", "x"}, {"-i", "0"}, {"-i", "NaN"}, {"-C", "blue"}, {"serv-a"}} {
		var out, errs bytes.Buffer
		if code := HbMon(args, nil, &out, &errs); code != 2 || out.Len() != 0 || !strings.HasPrefix(errs.String(), "hb_mon: ") {
			t.Errorf("%q: exit %d, %q %q, want 2 and a complaint", args, code, out.String(), errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := HbMon([]string{"-h"}, nil, &out, &errs); code != 0 || !strings.HasPrefix(out.String(), "usage: hb_mon") || errs.Len() != 0 {
		t.Errorf("-h: exit %d %q", code, errs.String())
	}
}

// shown collects what a terminal gets.
type shown struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shown) from(r io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		s.mu.Lock()
		s.b.Write(buf[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// next waits for text and forgets everything up to its end.
func (s *shown) next(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		s.mu.Lock()
		i := strings.Index(s.b.String(), text)
		if i >= 0 {
			s.b.Next(i + len(text))
		}
		s.mu.Unlock()
		if i >= 0 {
			return
		}
	}
	t.Fatalf("%q was not shown; rest: %q", text, s.b.String())
}

func TestHbMonLive(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	master, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 80})
	var out shown
	var wg sync.WaitGroup
	wg.Add(1)
	go func() { defer wg.Done(); out.from(master) }()
	defer func() { tty.Close(); master.Close(); wg.Wait() }()

	d := hbmonFake(t)
	d.srv.Close() // the daemon is not yet there
	code := make(chan int, 1)
	go func() { code <- HbMon([]string{"--socket", d.path, "-i", "60"}, tty, tty, io.Discard) }()
	out.next(t, "\x1b[?1049h")
	out.next(t, "heartbeat is not running on this machine")
	d.start(t)
	out.next(t, "\x1b[1;32mOK:")
	out.next(t, "Generation\x1b[0m   0")
	d.change()
	out.next(t, "Generation\x1b[0m   1")
	master.WriteString("c")
	out.next(t, "malformed  2")
	d.srv.Close()
	out.next(t, "heartbeat is not running on this machine")
	d.start(t)
	out.next(t, "Generation\x1b[0m   1")
	master.WriteString("q")
	out.next(t, "\x1b[?1049l")
	if c := <-code; c != 0 {
		t.Errorf("exit %d after q, want 0", c)
	}
}

func TestHbMonFrames(t *testing.T) {
	v := cluster.View{Node: "serv-a", Stable: true, Counters: map[string]int64{}}
	for i := range 40 {
		v.Groups = append(v.Groups, cluster.GroupView{Key: "group-" + string(rune('A'+i)), Home: "serv-a", Owner: "serv-a", State: "running"})
	}
	s := hbmonScreen{last: hbmonUpdate{view: v}, seen: true}
	const w, h = 80, 12
	show := func() string { return screen.Encode(s.frame(w, h), w, false) }
	press := func(k screen.Key) { s.handle(screen.Event{Key: k}, h) }
	total := len(hbmonview.Render(v, hbmonview.Options{Width: w}))

	if f := show(); strings.Count(f, "\n") != h || !strings.HasPrefix(f, "OK:") || !strings.Contains(f, "more below") {
		t.Errorf("first frame:\n%s", f)
	}
	press(screen.KeyUp)
	if f := show(); !strings.HasPrefix(f, "OK:") {
		t.Errorf("scrolled above the top:\n%s", f)
	}
	press(screen.KeyEnd)
	if f := show(); !strings.Contains(f, v.Groups[39].Key) || !strings.Contains(f, " above") || s.offset != total-(h-1) {
		t.Errorf("end, offset %d:\n%s", s.offset, f)
	}
	press(screen.KeyPageUp)
	show()
	press(screen.KeyHome)
	if f := show(); !strings.HasPrefix(f, "OK:") {
		t.Errorf("home:\n%s", f)
	}
	for height := range 6 { // absurd sizes do not panic
		s.frame(1, height)
	}
	if s.handle(screen.Event{Key: screen.CtrlC}, h) || s.handle(screen.Event{End: true}, h) || !s.handle(screen.Event{Resize: true}, h) {
		t.Error("Ctrl-C and the end leave, a new size does not")
	}
}
