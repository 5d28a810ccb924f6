package tools

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/clientapi"
	"classicha/heartbeatd/message"
	"classicha/heartbeatd/outdate"
)

// runOutdater is a run against a socket in dir.
func runOutdater(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("HA_VARRUN", dir)
	if os.Getenv("HA_DIR") == "" {
		t.Setenv("HA_DIR", dir)
	}
	var out, errs bytes.Buffer
	code = PeerOutdater(args, &out, &errs)
	return code, out.String(), errs.String()
}

// fakeDopd answers each connection in its turn.
func fakeDopd(t *testing.T, dir string, answers ...func(net.Conn)) {
	t.Helper()
	path := filepath.Join(dir, "dopd", "outdater")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for _, a := range answers {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			a(c)
			c.Close()
		}
	}()
}

func gives(m *message.Message) func(net.Conn) {
	return func(c net.Conn) {
		if r, err := clientapi.ReadFrame(c); err == nil && r.Get("outdater_peer") == "serv-b" && r.Get("outdater_res") == "r0" {
			_, _ = c.Write(clientapi.AppendFrame(nil, m))
		}
	}
}

func TestPeerOutdaterUsage(t *testing.T) {
	t.Setenv("DRBD_PEER", "")
	t.Setenv("DRBD_RESOURCE", "")
	for args, want := range map[string]int{
		"": 1, "-h": 0, "-p serv-b": 1, "-r r0": 1, "-x": 1, "-t": 1, "-p serv-b -r r0 -t x": 1, "-p serv-b -r r0 -t -1": 1, "-p serv-b -r all": 1, "-p serv-b -r a/0": 1,
	} {
		code, stdout, stderr := runOutdater(t, t.TempDir(), strings.Fields(args)...)
		text := stderr
		if want == 0 {
			text = stdout
		}
		if code != want || !strings.Contains(text, "usage: drbd-peer-outdater -r <string> -p <string> [-t <int>]\n") {
			t.Errorf("%q: exit code %d, want %d\n%s%s", args, code, want, stdout, stderr)
		}
	}
}

func TestPeerOutdaterAnswers(t *testing.T) {
	t.Setenv("DRBD_PEER", "Serv-B")
	t.Setenv("DRBD_RESOURCE", "r0")
	for value, want := range map[int]int{3: 3, 4: 4, 5: 5, 6: 6, 20: 20, 21: 21} {
		dir := t.TempDir()
		fakeDopd(t, dir, gives(outdate.Answer("serv-a", value)))
		if code, _, stderr := runOutdater(t, dir, "-t", "1"); code != want || !strings.Contains(stderr, outdate.Meaning(value)) {
			t.Errorf("answer %d: exit code %d\n%s", value, code, stderr)
		}
	}
	dir := t.TempDir()
	fakeDopd(t, dir, gives(message.New("t", "outdater_rc", "dop_value", "four")))
	if code, _, _ := runOutdater(t, dir); code != 20 {
		t.Errorf("rubbish: exit code %d, want 20", code)
	}
}

// The command line wins over the environment.
func TestPeerOutdaterOptions(t *testing.T) {
	t.Setenv("DRBD_PEER", "x")
	t.Setenv("DRBD_RESOURCE", "y")
	dir := t.TempDir()
	fakeDopd(t, dir, gives(outdate.Answer("serv-a", 4)))
	if code, _, stderr := runOutdater(t, dir, "-V", "-p", "SERV-B", "-r", "r0", "-t5"); code != 4 {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// Nobody there: the peer counts as unreachable, after a moment in which heartbeat may
// come back.
func TestPeerOutdaterWithoutDopd(t *testing.T) {
	for _, c := range []struct {
		timeout  string
		min, max time.Duration
	}{{"0", 0, time.Second}, {"1", 500 * time.Millisecond, 3 * time.Second}} {
		begin := time.Now()
		code, _, stderr := runOutdater(t, t.TempDir(), "-p", "a", "-r", "r0", "-t", c.timeout)
		if d := time.Since(begin); code != 5 || d < c.min || d > c.max {
			t.Errorf("-t %s: exit code %d after %v\n%s", c.timeout, code, d, stderr)
		}
	}
}

// A dopd that ends with its question, and comes back (as that of 3.0.6 does after each
// question), is asked again.
func TestPeerOutdaterAsksAgain(t *testing.T) {
	dir := t.TempDir()
	hangUp := func(c net.Conn) { _, _ = clientapi.ReadFrame(c) }
	fakeDopd(t, dir, hangUp, hangUp, gives(outdate.Answer("serv-a", 4)))
	if code, _, stderr := runOutdater(t, dir, "-p", "serv-b", "-r", "r0"); code != 4 {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// A dopd that does not answer: the peer counts as unreachable when the time is over.
func TestPeerOutdaterTimeout(t *testing.T) {
	dir := t.TempDir()
	fakeDopd(t, dir, func(c net.Conn) { _, _ = clientapi.ReadFrame(c); _, _ = clientapi.ReadFrame(c) })
	begin := time.Now()
	code, _, stderr := runOutdater(t, dir, "-p", "serv-b", "-r", "r0", "-t", "1")
	if d := time.Since(begin); code != 5 || d < 900*time.Millisecond || d > 5*time.Second || !strings.Contains(stderr, "no answer within 1s") {
		t.Errorf("exit code %d after %v\n%s", code, d, stderr)
	}
}

// A peer that refuses is asked again while there is time; it is alive, so it never counts as
// unreachable.
func TestPeerOutdaterRefused(t *testing.T) {
	failed := gives(outdate.Answer("serv-a", outdate.Failed))
	dir := t.TempDir()
	fakeDopd(t, dir, failed, failed, gives(outdate.Answer("serv-a", 4)))
	if code, _, stderr := runOutdater(t, dir, "-p", "serv-b", "-r", "r0", "-t", "10"); code != 4 || strings.Count(stderr, "\n") != 2 {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	for _, then := range []func(net.Conn){
		failed,
		func(c net.Conn) { _, _ = clientapi.ReadFrame(c); _, _ = clientapi.ReadFrame(c) }, // silence
		func(c net.Conn) {}, // dopd ends
	} {
		dir := t.TempDir()
		fakeDopd(t, dir, failed, then)
		if code, _, stderr := runOutdater(t, dir, "-p", "serv-b", "-r", "r0", "-t", "2"); code != outdate.Failed {
			t.Errorf("exit code %d\n%s", code, stderr)
		}
	}
}

// TestPeerOutdaterIgnorance: where heartbeat has a STONITH device, a peer of which nothing is
// heard is not called unreachable.
func TestPeerOutdaterIgnorance(t *testing.T) {
	silent := func(c net.Conn) { _, _ = clientapi.ReadFrame(c); _, _ = clientapi.ReadFrame(c) }
	hello := func(then func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Write(clientapi.AppendFrame(nil, outdate.Hello("serv-a")))
			then(c)
		}
	}
	for _, c := range []struct {
		name  string
		conf  string
		dopd  []func(net.Conn)
		value int
	}{
		{"nobody there", "node serv-a serv-b\nstonith_host * meatware serv-b\n", nil, 20},
		{"nobody there, and no device", "node serv-a serv-b\n# stonith x\n", nil, 5},
		{"dopd is wedged", "stonith null /etc/x\n", []func(net.Conn){func(c net.Conn) { time.Sleep(3 * time.Second) }}, 20},
		{"dopd says it", "", []func(net.Conn){hello(silent)}, 20},
		{"dopd said it, and went", "", []func(net.Conn){hello(func(net.Conn) {})}, 20},
		{"dopd says it and answers", "", []func(net.Conn){hello(gives(outdate.Answer("serv-a", 7)))}, 7},
		{"no device", "", []func(net.Conn){silent}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("HA_DIR", dir)
			if err := os.WriteFile(filepath.Join(dir, "ha.cf"), []byte(c.conf), 0o644); err != nil {
				t.Fatal(err)
			}
			if len(c.dopd) > 0 {
				fakeDopd(t, dir, c.dopd...)
			}
			if code, _, stderr := runOutdater(t, dir, "-p", "serv-b", "-r", "r0", "-t", "1"); code != c.value {
				t.Errorf("exit code %d, want %d\n%s", code, c.value, stderr)
			}
		})
	}
}
