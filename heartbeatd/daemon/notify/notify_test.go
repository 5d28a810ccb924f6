package notify

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	srv, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "2000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	expect := func(want string) {
		t.Helper()
		b := make([]byte, 500)
		srv.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := srv.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("got %q %v, want %q", b[:n], err, want)
		}
	}
	var m Manager
	m.Ready()
	expect("READY=1")
	m.Status("node1 active\nholds local")
	m.Status("node1 active\nholds local")
	expect("STATUS=node1 active holds local")
	m.Extend(1500 * time.Millisecond)
	expect("EXTEND_TIMEOUT_USEC=1500000")
	now := time.Unix(1000, 0)
	for i := range 21 { // 2 s in steps of 0.1 s: at 0, 1 and 2 s
		m.Alive(now.Add(time.Duration(i) * 100 * time.Millisecond))
	}
	for range 3 {
		expect("WATCHDOG=1")
	}
	if m.WatchdogInterval() != time.Second {
		t.Errorf("interval %v, want half of 2 s", m.WatchdogInterval())
	}
	m.Reloading()
	expect("RELOADING=1")
	m.Stopping()
	expect("STOPPING=1")
}

func TestWithoutServiceManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	var m Manager
	m.Ready()
	m.Status("x")
	m.Alive(time.Unix(1, 0))
	if m.WatchdogInterval() != 0 {
		t.Errorf("interval %v without a service manager", m.WatchdogInterval())
	}
}
