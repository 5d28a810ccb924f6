package drbdadm

import (
	"context"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// knows makes the daemon answer with these volumes.
func (b *bench) knows(vs ...replica.VolumeView) {
	b.env.Status = func(context.Context) ([]control.Resource, error) {
		return []control.Resource{{View: replica.View{Name: "r0", Volumes: vs}}}, nil
	}
}

// TestLimitOf: which timeout applies, and how long it is (drbd-cli 3.3).
func TestLimitOf(t *testing.T) {
	there, alone := replica.VolumeView{}, replica.VolumeView{Degraded: true}
	outdated := replica.VolumeView{Degraded: true, PeerWasOutdated: true}
	for _, c := range []struct {
		args    string
		v       replica.VolumeView
		seconds int
		option  string
	}{
		{"", there, 0, "wfc-timeout"}, {"", alone, 0, "degr-wfc-timeout"}, {"", outdated, 0, "outdated-wfc-timeout"},
		{"--wfc-timeout=240 --degr-wfc-timeout=120", there, 240, "wfc-timeout"},
		{"--wfc-timeout=240 --degr-wfc-timeout=120", alone, 120, "degr-wfc-timeout"},
		{"--wfc-timeout=240 --degr-wfc-timeout=120", outdated, 120, "outdated-wfc-timeout"},
		{"--wfc-timeout=60 --degr-wfc-timeout=120", alone, 60, "degr-wfc-timeout"},
		{"--wfc-timeout=60", alone, 60, "degr-wfc-timeout"},
		{"--degr-wfc-timeout=120 --outdated-wfc-timeout=5", outdated, 5, "outdated-wfc-timeout"},
		{"--wfc-timeout 20", there, 20, "wfc-timeout"},
		{"--degr-wfc-timeout=120", replica.VolumeView{Pdsk: wire.Outdated}, 120, "outdated-wfc-timeout"},
	} {
		if l := limitOf(strings.Fields(c.args), c.v); l.seconds != c.seconds || l.option != c.option || l.why == "" {
			t.Errorf("%q, alone %v, outdated %v: %+v, want %d s by %s", c.args, c.v.Degraded, c.v.PeerWasOutdated, l, c.seconds, c.option)
		}
	}
}

// TestWaitConnectCountsDown: on a terminal, a line a second; elsewhere nothing; and
// drbdsetup's exit code.
func TestWaitConnectCountsDown(t *testing.T) {
	const call = "drbdsetup-84 wait-connect 0 --degr-wfc-timeout=10 --wfc-timeout=20"
	for _, c := range []struct {
		name     string
		terminal bool
		v        replica.VolumeView
		wait     by
		code     int
		first    string // the first line drawn
		last     string
	}{
		{"the peer was there", true, replica.VolumeView{Conn: wire.WFConnection}, by{after: 3500 * time.Millisecond}, 0,
			"r0/0: waiting for the peer, 19 s left of 20 [wfc-timeout]: the peer was there when this node went down, and may have newer data; ctrl-c ends it",
			"r0/0: waiting for the peer, 17 s left of 20 [wfc-timeout]: the peer was there when this node went down, and may have newer data; ctrl-c ends it"},
		{"alone before", true, replica.VolumeView{Conn: wire.WFConnection, Degraded: true}, by{after: 9500 * time.Millisecond, code: 5}, 5,
			"r0/0: waiting for the peer, 9 s left of 10 [degr-wfc-timeout]: this node was Primary without its peer when it went down; ctrl-c ends it",
			"r0/0: waiting for the peer, 1 s left of 10 [degr-wfc-timeout]: this node was Primary without its peer when it went down; ctrl-c ends it"},
		{"there already", true, replica.VolumeView{Conn: wire.Connected}, by{after: 100 * time.Millisecond}, 0, "", ""},
		{"interrupted", true, replica.VolumeView{Conn: wire.WFConnection}, by{after: 1500 * time.Millisecond, signal: syscall.SIGINT}, 20,
			"r0/0: waiting for the peer, 19 s left of 20", "r0/0: waiting for the peer, 19 s left of 20"},
		{"no terminal", false, replica.VolumeView{Conn: wire.WFConnection}, by{after: 3 * time.Second}, 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, dialogConf)
			b.took = map[string]by{"wait-connect": c.wait}
			b.env.IsTerminal = func(any) bool { return c.terminal }
			b.env.Width = func(any) int { return 200 }
			b.knows(c.v)
			synctest.Test(t, func(t *testing.T) {
				b.expect(t, "wait-connect r0", c.code, call)
			})
			lines := strings.Split(b.out.String(), "\r")
			if c.first == "" {
				if b.out.Len() != 0 {
					t.Errorf("printed %q, want nothing", &b.out)
				}
				return
			}
			if !strings.HasPrefix(lines[1], c.first) || !strings.HasPrefix(lines[len(lines)-1], c.last) || !strings.HasSuffix(lines[len(lines)-1], "\x1b[K\n") {
				t.Errorf("drawn\n%q\nwant %q\n...  %q", lines, c.first, c.last)
			}
		})
	}
	// For ever, on a narrow screen, and a daemon that does not answer at first.
	b := newBench(t, onePair)
	b.took = map[string]by{"wait-connect": {after: 3500 * time.Millisecond}}
	b.env.IsTerminal = func(any) bool { return true }
	b.env.Width = func(any) int { return 40 }
	asked := 0
	b.env.Status = func(context.Context) ([]control.Resource, error) {
		if asked++; asked < 2 {
			return nil, control.ErrNoReply
		}
		return []control.Resource{{View: replica.View{Volumes: []replica.VolumeView{{Conn: wire.WFConnection}}}}}, nil
	}
	synctest.Test(t, func(t *testing.T) {
		if code := b.do("wait-connect r0"); code != 0 {
			t.Errorf("exit %d", code)
		}
	})
	if want := "\rr0/0: waiting for the peer, 2 s, for ev\x1b[K\rr0/0: waiting for the peer, 3 s, for ev\x1b[K\n"; b.out.String() != want {
		t.Errorf("narrow: %q, want %q", &b.out, want)
	}
}

// TestDialogReasons: with a daemon that answers, the classic text is followed by what
// each resource waits for; resources that are connected are not mentioned.
func TestDialogReasons(t *testing.T) {
	for _, c := range []struct {
		name string
		v    replica.VolumeView
		want string
	}{
		{"alone before", replica.VolumeView{Conn: wire.WFConnection, Degraded: true}, " - r0: 0 of 10 seconds are left [degr-wfc-timeout]:\n   this node was Primary without its peer when it went down\n"},
		{"the peer was there", replica.VolumeView{Conn: wire.WFConnection}, " - r0: 10 of 20 seconds are left [wfc-timeout]:\n   the peer was there when this node went down, and may have newer data\n"},
		{"connected", replica.VolumeView{Conn: wire.Connected}, ""},
	} {
		b := newBench(t, dialogConf)
		b.took = map[string]by{"wait-connect": {after: 11 * time.Second}}
		b.knows(c.v)
		synctest.Test(t, func(t *testing.T) {
			r, w := io.Pipe()
			defer w.Close()
			s := &screen{Reader: r}
			b.env.Console = func() (console, error) { return s, nil }
			if code := b.do("wait-con-int"); code != 0 {
				t.Errorf("exit %d", code)
			}
			const prompt = " To abort waiting enter 'yes' [ -- ]: "
			want := strings.Replace(dialogText, prompt, c.want+prompt, 1) + counters(10) + "\n"
			if got := strings.TrimPrefix(s.buf.String(), "WARN: stdin/stdout is not a TTY; using /dev/console"); got != want {
				t.Errorf("%s: on the screen\n%q, want\n%q", c.name, got, want)
			}
		})
	}
}
