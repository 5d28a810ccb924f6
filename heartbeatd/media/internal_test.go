package media

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"classicha/internal/hlog"
)

func TestQueueGivesUpTheOldest(t *testing.T) {
	q := newQueue(3, 100)
	for i := range 5 {
		if got, want := q.put([]byte{byte(i)}), max(0, min(1, i-2)); got != want {
			t.Errorf("frame %d: %d given up, want %d", i, got, want)
		}
	}
	if got := q.put(make([]byte, 99)); got != 2 {
		t.Errorf("a frame of 99 bytes beside three of 1: %d given up, want 2", got)
	}
	if got := q.put(make([]byte, 5000)); got != 2 {
		t.Errorf("a frame larger than all room: %d given up, want 2 (and it is taken)", got)
	}
	if f, ok := q.next(); !ok || len(f) != 5000 {
		t.Errorf("next: %d bytes, %v; want the large frame", len(f), ok)
	}
	q.put([]byte("x"))
	q.close()
	if _, ok := q.next(); ok {
		t.Error("next after close: want false")
	}
	if q.put(nil) != 1 {
		t.Error("put after close: want it counted as dropped")
	}
}

func TestQueueWakesItsReader(t *testing.T) {
	q := newQueue(10, 1000)
	got := make(chan []byte)
	go func() {
		for {
			f, ok := q.next()
			if !ok {
				close(got)
				return
			}
			got <- f
		}
	}()
	for _, want := range []string{"a", "b"} {
		q.put([]byte(want))
		if f := <-got; string(f) != want {
			t.Errorf("got %q, want %q", f, want)
		}
	}
	q.close()
	if _, ok := <-got; ok {
		t.Error("the reader went on after close")
	}
}

func TestTroubleLogsChangesOnly(t *testing.T) {
	var lines []string
	tr := trouble{name: "bcast eth0: sending", log: func(l hlog.Level, s string) { lines = append(lines, l.String()+": "+s) }}
	now := time.Unix(1000, 0)
	tr.worked(now)
	for i := range 100 { // fails for 100 s, now and then for another reason, with a success in between
		now = now.Add(time.Second)
		reason := "network is down"
		if i%10 == 5 {
			reason = "no buffer space available"
		}
		tr.failed(now, hlog.Error, reason, "failed: "+reason)
		tr.worked(now.Add(time.Second / 2))
	}
	tr.worked(now.Add(3 * time.Second))
	tr.worked(now.Add(4 * time.Second))
	tr.failed(now.Add(5*time.Second), hlog.Error, "network is down", "failed: network is down")
	want := []string{
		"ERROR: failed: network is down", "ERROR: failed: no buffer space available",
		"info: bcast eth0: sending works again (100 failures)", "ERROR: failed: network is down",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q\nwant %q", lines, want)
	}
}

// reply wraps an echo request that was turned into a reply in an IPv4 header, as a
// raw socket delivers it.
func reply(e echo, six bool) []byte {
	b := e.appendRequest(nil, six)
	if six {
		b[0] = icmp6EchoReply
		return b
	}
	b[0], b[2], b[3] = icmpEchoReply, 0, 0
	sum := checksum(b)
	b[2], b[3] = byte(sum>>8), byte(sum)
	total := len(b) + 20
	ip := []byte{0x45, 0, byte(total >> 8), byte(total), 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1}
	return append(ip, b...)
}

func TestParseReply(t *testing.T) {
	for _, payload := range []string{"", "x", "even", "a frame\x00\xff"} {
		for _, six := range []bool{false, true} {
			want := echo{id: 0x2345, seq: 0xfffe, payload: []byte(payload)}
			got, err := parseReply(reply(want, six), six)
			if err != nil || got.id != want.id || got.seq != want.seq || !bytes.Equal(got.payload, want.payload) {
				t.Errorf("six %v: got %+v, %v; want %+v", six, got, err, want)
			}
		}
	}
	good := reply(echo{id: 1, seq: 2, payload: []byte("payload")}, false)
	change := func(i int, v byte) []byte { b := bytes.Clone(good); b[i] = v; return b }
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":                     {nil, errShort},
		"half an IP header":           {good[:10], errShort},
		"no ICMP":                     {reply(echo{}, false)[:20], errNotIPv4},
		"cut off":                     {good[:len(good)-1], errNotIPv4},
		"IPv6":                        {change(0, 0x65), errNotIPv4},
		"header shorter than minimum": {change(0, 0x44), errNotIPv4},
		"header longer than packet":   {change(0, 0x4f), errNotIPv4},
		"a request":                   {change(20, icmpEchoRequest), errNotReply},
		"unreachable":                 {change(20, 3), errNotReply},
		"a code":                      {change(21, 1), errNotReply},
		"spoiled":                     {change(30, 'X'), errChecksum},
		"short ICMP":                  {append([]byte{0x45, 0, 0, 25}, make([]byte, 21)...), errShort},
	} {
		if _, err := parseReply(c.b, false); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	// Ethernet pads short packets; what follows the IP length is not ours.
	if e, err := parseReply(append(bytes.Clone(good), "padding"...), false); err != nil || string(e.payload) != "payload" {
		t.Errorf("padded packet: %q, %v", e.payload, err)
	}
}

func FuzzParseReply(f *testing.F) {
	for _, payload := range []string{"", "x", "###\n10:(0)t=NS_st,%%%\n"} {
		f.Add(reply(echo{id: 7, seq: 9, payload: []byte(payload)}, false), false)
		f.Add(reply(echo{id: 7, seq: 9, payload: []byte(payload)}, true), true)
	}
	f.Add([]byte{0x4f, 0, 0, 60}, false)
	f.Fuzz(func(t *testing.T, b []byte, six bool) {
		before := bytes.Clone(b)
		e, err := parseReply(b, six)
		if !bytes.Equal(b, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			return
		}
		if len(e.payload) > len(b)-icmpHeader {
			t.Fatalf("payload of %d bytes from %d", len(e.payload), len(b))
		}
		again, err := parseReply(reply(e, six), six)
		if err != nil || again.id != e.id || again.seq != e.seq || !bytes.Equal(again.payload, e.payload) {
			t.Fatalf("written and read again: %+v, %v; want %+v", again, err, e)
		}
	})
}

// A lock file that nobody finished is stale after a moment, also when the clock was set back since.
func TestUnfinishedLock(t *testing.T) {
	path := t.TempDir() + "/LCK..ttyS0"
	if err := writeFile(path, nil); err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]bool{0: false, time.Second: false, time.Minute: true, -time.Hour: true, -20 * 365 * 24 * time.Hour: true} {
		if _, stale := lockHolder(path, time.Now().Add(after)); stale != want {
			t.Errorf("%v after it was made it counts as stale: %v, want %v", after, stale, want)
		}
	}
}

func FuzzLockHolder(f *testing.F) {
	dir := f.TempDir()
	for _, s := range []string{"", "         1\n", "99999999999999999999\n", "\x01\x00\x00\x00", "-1\n", "0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := dir + "/LCK..fuzz"
		if err := writeFile(path, b); err != nil {
			t.Fatal(err)
		}
		// Made this moment: only a lock that names a dead process is stale.
		if holder, stale := lockHolder(path, time.Now()); stale && holder == "(unreadable)" {
			t.Errorf("%q, just written, counts as stale", b)
		}
	})
}

func writeFile(path string, b []byte) error { return os.WriteFile(path, b, 0o644) }
