package clientapi

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/message"
)

// Hostile input costs a client its connection and nothing else.
func TestHostileInput(t *testing.T) {
	w := newWorld(t, everybody("anon", "foo", "bystander")...)
	bystander := w.signon("bystander")
	for name, attack := range map[string]func(r *raw){
		"bad magic":       func(r *raw) { r.Write([]byte("\x05\x00\x00\x00abcdhello")) },
		"huge":            func(r *raw) { r.Write([]byte("\xff\xff\xff\x7f\xcd\xab\x00\x00")) },
		"rubbish":         func(r *raw) { r.body("hello") },
		"malformed field": func(r *raw) { r.body("###\n3:a=1,%%%\n") },
		"deep":            func(r *raw) { r.body(strings.Repeat("###\n99:(2)a=", 5000)) },
		"no type":         func(r *raw) { r.send("x", "1") },
		"http":            func(r *raw) { r.Write([]byte("GET / HTTP/1.0\r\n\r\n")) },
	} {
		r := w.dial()
		attack(r)
		r.wantEOF("unsigned, " + name)
		r = w.signon("foo")
		attack(r)
		r.wantEOF("signed on, " + name)
	}
	for name, kv := range map[string][]string{
		"request before signon": {"t", "hbapi-req", "reqtype", "numnodes", "from_id", me()},
		"message before signon": {"t", "ask_resources"},
	} {
		r := w.dial()
		r.send(kv...)
		r.wantEOF(name)
	}
	bystander.request("bystander", "numnodes")
	if got := bystander.next(); !strings.Contains(got, "numnodes=2") {
		t.Errorf("the bystander got %s", got)
	}
	if !w.log.has("sent rubbish") || !w.log.has("ERROR: api_process_registration_msg: bad message") {
		t.Error("nothing was logged")
	}
}

// A client that does not read its messages is disconnected; Deliver does not wait.
func TestSlowClient(t *testing.T) {
	w := newWorld(t, everybody("slow", "quick")...)
	slow, quick := w.signon("slow"), w.signon("quick")
	w.wait("join slow")
	go func() {
		for {
			if _, err := quick.nextBody(); err != nil {
				return
			}
		}
	}()
	big := message.New("t", "x", "v", strings.Repeat("y", 100000), "to_id", "slow")
	small := message.New("t", "x", "to_id", "quick")
	deadline := time.Now().Add(waitTime)
	for w.s.Online("slow") {
		if time.Now().After(deadline) {
			t.Fatal("the slow client is never disconnected")
		}
		w.s.Deliver(big)
		w.s.Deliver(small)
	}
	w.wait("leave slow: sendfail")
	if !w.s.Online("quick") {
		t.Error("the quick client suffered")
	}
	for {
		if _, err := slow.nextBody(); err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				t.Error("the slow client's connection stays open")
			}
			break
		}
	}
}

// A client that asks without reading is not read from any more.
func TestPipelinedRequests(t *testing.T) {
	w := newWorld(t, everybody("anon")...)
	r := w.signon(me())
	const n = 20000
	go func() {
		for range n {
			m := message.New("t", "hbapi-req", "reqtype", "nodelist", "from_id", me())
			if _, err := r.Write(appendFrame(nil, m)); err != nil {
				return
			}
		}
	}()
	for i := range 3 * n {
		if _, err := r.nextBody(); err != nil {
			t.Fatalf("reply %d: %v", i, err)
		}
	}
}

// Somebody who signs off and on at once keeps his name.
func TestReconnectAtOnce(t *testing.T) {
	w := newWorld(t, everybody("foo")...)
	for range 300 {
		r := w.signon("foo")
		r.Close()
	}
}

func TestManyConnections(t *testing.T) {
	w := newWorld(t, everybody("foo")...)
	var held []*raw
	for len(held) < maxConns+rootConns {
		held = append(held, w.dial())
	}
	// Wait for the server to have taken them all, then one more is refused.
	deadline := time.Now().Add(waitTime)
	for w.s.conns.Load() < maxConns && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	w.dial().wantEOF("one connection too many")
	for _, r := range held {
		r.Close()
	}
	for w.s.conns.Load() > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	w.signon("foo")
}
