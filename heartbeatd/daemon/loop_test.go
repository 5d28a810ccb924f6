package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/clientapi"
	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/daemon/respawn"
	"classicha/heartbeatd/message"
	"classicha/internal/hlog"
)

var loopKeys = &message.Keys{Current: 1, ByNum: map[int]message.Key{1: {Method: message.SHA1, Secret: []byte("x")}}}

// bareLoop is a Daemon with a core and a log and nothing else: its loop is not started,
// the test calls turn.
func bareLoop(t *testing.T) (*Daemon, func() string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "log")
	log := hlog.New(hlog.Options{Entity: "heartbeat"}, hlog.Config{LogFile: file, Facility: hlog.NoFacility})
	t.Cleanup(log.Close)
	d := &Daemon{log: log, inbox: make(chan cluster.Event, inboxSize), calls: make(chan func(), callsSize), done: make(chan struct{})}
	d.clients = clientapi.NewServer(clientapi.Options{Path: filepath.Join(filepath.Dir(file), "register")}, backend{d})
	d.respawn = respawn.New(respawn.Options{Log: log}, nil)
	t.Cleanup(func() { d.clients.Close(); d.respawn.Stop() })
	d.node = cluster.New(cluster.Config{Node: "node1", UUID: [16]byte{1}, Generation: 1, Nodes: []string{"node1", "node2"}, Links: []string{"eth0"},
		Keepalive: time.Hour, Deadtime: 400 * time.Millisecond, Initdead: time.Hour, Deadping: time.Hour, MaxRexmitDelay: time.Second,
		NoResources: true, Keys: loopKeys}, 1, cluster.Saved{})
	return d, func() string {
		log.Flush(time.Second)
		b, _ := os.ReadFile(file)
		return string(b)
	}
}

// fromPeer is a packet of node2, which announces a dead time of 400 ms.
func fromPeer(seq int, kv ...string) cluster.Event {
	m := message.New(kv...)
	m.Set("src", "node2")
	m.SetBin("srcuuid", []byte("0123456789abcdef"))
	for _, f := range [][2]string{{"seq", fmt.Sprintf("%x", seq)}, {"hg", "1"}, {"ts", fmt.Sprintf("%x", time.Now().Unix())}, {"ttl", "3"}} {
		m.Set(f[0], f[1])
	}
	return cluster.Packet{Link: "eth0", Frame: m.AppendText(nil, loopKeys, true)}
}

func alive(seq int) cluster.Event {
	return fromPeer(seq, "t", "status", "st", "active", "dt", "190", "protocol", "1")
}

// upAndSilent brings the core to where it watches node2, and lets the dead time pass by.
func upAndSilent(t *testing.T, d *Daemon, log func() string) {
	t.Helper()
	d.turn(nil)
	for _, a := range d.stepAt(time.Now(), alive(1)) { // the actions need nobody to carry them out
		if s, ok := a.(cluster.Send); ok && s.Type == "query-cstatus" {
			ask, _, err := message.Parse(s.Datagram, loopKeys)
			if err != nil {
				t.Fatal(err)
			}
			d.turn(fromPeer(2, "t", "respond-cstatus", "dest", "node1", "result", "OK", "cn", ask.Get("cn"), "to_id", ask.Get("from_id"), "cs", "offline"))
			break
		}
	}
	d.turn(fromPeer(3, "dest", "node1", "t", "repnodes", "nodelist", "node1 node2 ", "delnodelist", " "))
	if v := d.node.View(); !v.CommUp || v.Nodes[1].Status != "active" {
		t.Fatalf("the core is not up: %+v\n%s", v, log())
	}
	time.Sleep(450 * time.Millisecond) // 50 ms late: less than what counts as a pause of our own
}

// What waits in the queue is heard before silence is judged, also by the Steps of other
// events in it.
func TestQueuedPacketsComeFirst(t *testing.T) {
	d, log := bareLoop(t)
	upAndSilent(t, d, log)
	d.inbox <- cluster.Load{Text: "0.00"} // a Step with the deadline passed
	d.inbox <- alive(4)
	d.turn(nil)
	if text := log(); strings.Contains(text, "is dead") {
		t.Errorf("node2 was declared dead although its heartbeat was there:\n%s", text)
	}
	if len(d.inbox) != 0 {
		t.Errorf("%d events are left in the queue", len(d.inbox))
	}
}

// Without a packet the same lateness is a death, at the first turn.
func TestSilenceIsJudged(t *testing.T) {
	d, log := bareLoop(t)
	upAndSilent(t, d, log)
	d.inbox <- cluster.Load{Text: "0.00"}
	d.turn(nil)
	if text := log(); !strings.Contains(text, "node node2: is dead") && !strings.Contains(text, "stood still") {
		t.Errorf("nothing was said about the silence of node2:\n%s", text)
	}
}

// The core's time never runs backwards, whatever was stepped with an earlier stamp.
func TestTimeRunsForward(t *testing.T) {
	d, log := bareLoop(t)
	upAndSilent(t, d, log)
	var last time.Time
	for range 5 {
		d.inbox <- cluster.Load{Text: "0.00"}
		d.turn(nil)
		if d.now.Before(last) {
			t.Fatalf("stepped at %v after %v", d.now, last)
		}
		last = d.now
	}
}

// A flood fills one batch; timers get their turn after it.
func TestFloodDoesNotStarveTimers(t *testing.T) {
	d, log := bareLoop(t)
	upAndSilent(t, d, log)
	for range inboxSize {
		d.inbox <- cluster.Packet{Link: "eth0", Frame: []byte("noise")}
	}
	d.turn(nil)
	if left := len(d.inbox); left != inboxSize-maxBatch {
		t.Errorf("%d events are left, want %d: one batch was to be taken", left, inboxSize-maxBatch)
	}
	if text := log(); !strings.Contains(text, "node node2: is dead") && !strings.Contains(text, "stood still") {
		t.Errorf("the timer was not looked at:\n%s", text)
	}
}

// A core that wants to go on at once does not make the loop spin.
func TestPatience(t *testing.T) {
	d, log := bareLoop(t)
	upAndSilent(t, d, log)
	now := time.Now()
	d.dirty = false
	d.now = now // as if a Tick had just been stepped and the deadline stayed
	if got := d.patience(now); got != noProgress {
		t.Errorf("patience %v with an overdue deadline that a Step did not move, want %v", got, noProgress)
	}
	d.dirty, d.publishAt = true, now
	if got := d.patience(now); got != 0 {
		t.Errorf("patience %v with something to publish, want none", got)
	}
}
