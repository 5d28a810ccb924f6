package hlog

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lockedBuffer is a standard error for tests; block makes it hang.
type lockedBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	block chan struct{}
}

func (w *lockedBuffer) Write(p []byte) (int, error) {
	if w.block != nil {
		<-w.block
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *lockedBuffer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func fixed() time.Time { return at }

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDestinationsAndDebug(t *testing.T) {
	dir := t.TempDir()
	log, dbg := filepath.Join(dir, "ha-log"), filepath.Join(dir, "ha-debug")
	var stderr lockedBuffer
	l := New(Options{Entity: "heartbeat", PID: 48, Now: fixed}, Config{Host: "node1", SyslogMsgFmt: true, LogFile: log,
		DebugFile: dbg, Facility: NoFacility, Stderr: &stderr})
	l.Debugf(1, "not yet")
	if got := l.AdjustDebug(+1); got != 1 {
		t.Errorf("USR1 from 0 gives %d, want 1", got)
	}
	l.Debugf(1, "seen %d", 1)
	l.Debugf(2, "not seen")
	l.Infof("hello")
	l.Detach()
	l.As("ipfail", 75).Warnf("after detaching")
	if got := l.AdjustDebug(-5); got != 0 {
		t.Errorf("debug went to %d, want 0", got)
	}
	l.Close()

	const p = "Nov 21 00:25:43 node1 "
	if got, want := read(t, log), p+"heartbeat: [48]: info: hello\n"+p+"ipfail: [75]: WARN: after detaching\n"; got != want {
		t.Errorf("log file:\n%s\nwant (no debug lines):\n%s", got, want)
	}
	if got, want := read(t, dbg), p+"heartbeat: [48]: debug: seen 1\n"+p+"heartbeat: [48]: info: hello\n"+p+"ipfail: [75]: WARN: after detaching\n"; got != want {
		t.Errorf("debug file:\n%s\nwant:\n%s", got, want)
	}
	if got, want := stderr.String(), p+"heartbeat: [48]: debug: seen 1\n"+p+"heartbeat: [48]: info: hello\n"; got != want {
		t.Errorf("standard error:\n%s\nwant (nothing after Detach):\n%s", got, want)
	}
}

func TestFileModeAndOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ha-log")
	l := New(Options{Entity: "heartbeat"}, Config{LogFile: path, Facility: NoFacility, Owner: "hacluster"})
	l.Infof("x")
	l.Close()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, want 0644", st.Mode())
	}
	own := lookupOwner("hacluster")
	if os.Getuid() != 0 || own.uid < 0 {
		t.Skip("needs root and the user hacluster")
	}
	if uid, gid := ownerOf(st); uid != own.uid || gid != own.gid {
		t.Errorf("file belongs to %d:%d, want hacluster's %d:%d (heartbeat-behaviour 1.1)", uid, gid, own.uid, own.gid)
	}
}

func TestFullQueueDropsAndSaysSo(t *testing.T) {
	stderr := &lockedBuffer{block: make(chan struct{})}
	l := New(Options{Entity: "heartbeat", PID: 1, Queue: 3, Now: fixed}, Config{Stderr: stderr, Facility: NoFacility})
	start := time.Now()
	for i := range 100 {
		l.Infof("line %d", i)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("logging to a hanging destination took %v: it must not block", d)
	}
	close(stderr.block)
	l.Close()
	out := stderr.String()
	var kept, dropped int
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if strings.Contains(line, "info: line") {
			kept++
		} else if _, after, ok := strings.Cut(line, "WARN: "); ok {
			var n int
			if _, err := fmt.Sscanf(after, "%d messages were dropped", &n); err != nil {
				t.Errorf("unexpected line %q", line)
			}
			dropped += n
		}
	}
	if kept+dropped != 100 || kept < 3 || kept > 7 {
		t.Errorf("kept %d, reported %d dropped; want 100 together and few kept\n%s", kept, dropped, out)
	}
}

func TestFlushBoundsItsWait(t *testing.T) {
	stderr := &lockedBuffer{block: make(chan struct{})}
	l := New(Options{Entity: "heartbeat"}, Config{Stderr: stderr, Facility: NoFacility})
	l.Infof("x")
	if l.Flush(20 * time.Millisecond) {
		t.Error("Flush says that everything is written, but the destination hangs")
	}
	close(stderr.block)
	if !l.Flush(5 * time.Second) {
		t.Error("Flush failed with a working destination")
	}
	l.Close()
	if l.Flush(time.Second) {
		t.Error("Flush succeeded after Close")
	}
	l.Infof("after Close is lost, not a panic")
}

// A log file that cannot be written is reported once, to the others, and its
// lost lines are counted when it works again.
func TestOutageOfOneSink(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	path := filepath.Join(dir, "ha-log")
	var stderr lockedBuffer
	l := New(Options{Entity: "heartbeat", PID: 1, Now: fixed}, Config{LogFile: path, Stderr: &stderr, Facility: NoFacility})
	for i := range 3 {
		l.Infof("lost %d", i)
	}
	l.Flush(5 * time.Second)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l.Infof("back")
	l.Close()
	if n := strings.Count(stderr.String(), "ERROR: Cannot write to "+path); n != 1 {
		t.Errorf("the outage was reported %d times, want once:\n%s", n, stderr.String())
	}
	const p = "heartbeat[1]: 2026/11/21_00:25:43 "
	if got, want := read(t, path), p+"info: back\n"+p+"WARN: 3 messages were dropped\n"; got != want {
		t.Errorf("file after the outage:\n%s\nwant:\n%s", got, want)
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ha-log")
	l := New(Options{Entity: "heartbeat", PID: 1, Now: fixed}, Config{LogFile: path, Facility: NoFacility})
	l.Infof("one")
	l.Flush(5 * time.Second)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	l.Infof("two")
	l.Flush(5 * time.Second)
	// logrotate's `create`: the new file exists before we write.
	if err := os.Rename(path, path+".2"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	l.Infof("three")
	l.Close()
	const p = "heartbeat[1]: 2026/11/21_00:25:43 info: "
	for name, want := range map[string]string{path + ".1": "one", path + ".2": "two", path: "three"} {
		if got := read(t, name); got != p+want+"\n" {
			t.Errorf("%s has %q, want the line %q", filepath.Base(name), got, want)
		}
	}
}

// Lines written while another process rotates again and again: none is lost,
// none is torn, and they are in order.
func TestRotationRace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ha-log")
	l := New(Options{Entity: "heartbeat", PID: 1, Now: fixed, Queue: 1 << 20}, Config{LogFile: path, Facility: NoFacility})
	stop := make(chan struct{})
	rotated := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				rotated <- n
				return
			default:
			}
			if os.Rename(path, fmt.Sprintf("%s.%06d", path, n)) == nil {
				n++
			}
			if n%3 == 0 {
				l.Reopen()
			}
		}
	}()
	const lines = 5000
	for i := range lines {
		l.Infof("%d", i)
	}
	l.Flush(20 * time.Second)
	close(stop)
	files := <-rotated
	l.Close()
	var all strings.Builder
	for i := range files {
		all.WriteString(read(t, fmt.Sprintf("%s.%06d", path, i)))
	}
	if b, err := os.ReadFile(path); err == nil {
		all.Write(b)
	}
	got := strings.Split(strings.TrimSuffix(all.String(), "\n"), "\n")
	if len(got) != lines {
		t.Fatalf("%d lines in %d files, want %d", len(got), files+1, lines)
	}
	for i, line := range got {
		if want := fmt.Sprintf("heartbeat[1]: 2026/11/21_00:25:43 info: %d", i); line != want {
			t.Fatalf("line %d is %q, want %q", i, line, want)
		}
	}
	t.Logf("%d rotations", files)
}

func TestSyslogAndItsRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	listen := func() *net.UnixConn {
		t.Helper()
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	recv := func(c *net.UnixConn) string {
		t.Helper()
		b := make([]byte, 8192)
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	srv := listen()
	l := New(Options{Entity: "heartbeat", PID: 48, Now: fixed}, Config{Facility: 128, SyslogSocket: path})
	defer l.Close()
	l.Infof("one")
	if got, want := recv(srv), "<134>Nov 21 00:25:43 heartbeat: [48]: info: one"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	l.Script("harc(default)[51]", "WARN: two")
	if got, want := recv(srv), "<132>Nov 21 00:25:43 harc(default)[51]: WARN: two"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	srv.Close()
	os.Remove(path)
	srv = listen()
	defer srv.Close()
	l.Infof("three")
	if got, want := recv(srv), "<134>Nov 21 00:25:43 heartbeat: [48]: info: three"; got != want {
		t.Errorf("first line after the restart of the syslog daemon: got %q, want %q", got, want)
	}
	long := strings.Repeat("x", 6000)
	l.Infof("%s", long)
	if got := recv(srv); len(got) < syslogMax {
		t.Errorf("long line arrived with %d bytes", len(got))
	}
}

func TestLimiter(t *testing.T) {
	now := at
	var stderr lockedBuffer
	l := New(Options{Entity: "heartbeat", PID: 1, Now: func() time.Time { return now }}, Config{Stderr: &stderr, Facility: NoFacility})
	m := NewLimiter(l, time.Minute)
	passed := 0
	for i := range 120 {
		now = at.Add(time.Duration(i) * time.Second)
		if m.Log("bad auth", Warn, "bad") {
			passed++
		}
	}
	if passed != 2 || m.Held("bad auth") != 59 {
		t.Errorf("passed %d, held %d; want 2 passed (0 s and 60 s) and 59 held", passed, m.Held("bad auth"))
	}
	m.Reset("bad auth")
	m.Once("k", Info, "said once")
	now = now.Add(time.Hour)
	m.Once("k", Info, "said once")
	for i := range 3 * maxKeys {
		m.Log(fmt.Sprint("hostile ", i), Debug, "x")
	}
	if len(m.keys) > maxKeys {
		t.Errorf("%d keys are kept, the bound is %d", len(m.keys), maxKeys)
	}
	l.Close()
	var got []string
	for _, line := range strings.Split(stderr.String(), "\n") {
		if _, text, ok := strings.Cut(line, "bad"); ok {
			got = append(got, text)
		}
	}
	if want := []string{"", " [repeated 59 times]", " [repeated 59 times]"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("lines: %q, want %q", got, want)
	}
	if n := strings.Count(stderr.String(), "said once"); n != 1 {
		t.Errorf("Once wrote %d lines", n)
	}
}

func TestConfigureKeepsTheOrder(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	l := New(Options{Entity: "heartbeat", PID: 1, Now: fixed}, Config{LogFile: a, Facility: NoFacility})
	l.Infof("first")
	l.Configure(Config{LogFile: b, DebugFile: b, Facility: NoFacility})
	l.Infof("second")
	l.Close()
	const p = "heartbeat[1]: 2026/11/21_00:25:43 info: "
	if got := read(t, a); got != p+"first\n" {
		t.Errorf("a: %q", got)
	}
	if got := read(t, b); got != p+"second\n" {
		t.Errorf("b: %q, want one line though the file is named twice", got)
	}
}

func ownerOf(st os.FileInfo) (uid, gid int) {
	s := st.Sys().(*syscall.Stat_t)
	return int(s.Uid), int(s.Gid)
}

func TestFilesAsJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ha-log")
	var stderr lockedBuffer
	l := New(Options{Entity: "heartbeat", PID: 48, Now: fixed}, Config{Host: "node1", LogFile: path, JSON: true, Stderr: &stderr, Facility: NoFacility})
	l.LogKV(Warn, "node node2: is dead", "node", "node2")
	l.Close()
	if got, want := read(t, path), `{"time":"2026-11-21T00:25:43.12Z","level":"WARN","host":"node1","entity":"heartbeat","pid":48,"text":"node node2: is dead","node":"node2"}`+"\n"; got != want {
		t.Errorf("file: %s\nwant: %s", got, want)
	}
	if got, want := stderr.String(), "heartbeat[48]: 2026/11/21_00:25:43 WARN: node node2: is dead\n"; got != want {
		t.Errorf("standard error: %q, want %q: it stays text", got, want)
	}
}
