package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/control"
	"classicha/drbdd/replica"
)

// lending is a device that a successor can go on with, or not.
type lending struct {
	blockdev.FrontEnd
	fails error
	lent  int
}

func (l *lending) Handover(context.Context) error {
	l.lent++
	return l.fails
}

// TestHandOver: with a device that is handed over the node ends as Secondary, so that no peer
// takes it for a crashed Primary; with one that is not, as Primary. The state file
// says Primary all the same, for the successor.
func TestHandOver(t *testing.T) {
	s := testServer(t)
	disk := image(t, 4<<20)
	resourceWithMinor(t, s, "r0", 0)
	s.succeed(t, control.Request{Cmd: "attach", Args: []string{disk, disk, "internal"}})
	s.succeed(t, control.Request{Cmd: "primary", Options: map[string]string{"force": "yes"}})
	v := s.minor(0)
	logged := func(text string) bool {
		for range 100 { // lines are written beside the program
			if b, _ := os.ReadFile(filepath.Join(s.set.RunDir, "log")); strings.Contains(string(b), text) {
				return true
			}
			time.Sleep(20 * time.Millisecond)
		}
		return false
	}
	before, err := os.ReadFile(s.stateFile())
	if err != nil || !strings.Contains(string(before), "Exposed") {
		t.Fatalf("%v in %s", err, before)
	}

	s.handOver()
	if !v.primary() || v.front == nil || !logged("ends as Primary (its device cannot be handed over)") {
		t.Errorf("an export: Primary %v, front end %v", v.primary(), v.front)
	}
	front := v.front
	l := &lending{FrontEnd: front}
	v.front, l.fails = l, context.DeadlineExceeded
	s.handOver()
	if l.lent != 1 || !v.primary() || v.front == nil || !logged("ends as Primary (context deadline exceeded)") {
		t.Errorf("requests that do not end: Primary %v, front end %v", v.primary(), v.front)
	}
	l.fails = nil
	s.handOver()
	if l.lent != 2 || v.primary() || v.front != nil {
		t.Errorf("handed over %d times; Primary %v, front end %v", l.lent, v.primary(), v.front)
	}
	after, err := os.ReadFile(s.stateFile())
	if err != nil || string(after) != string(before) {
		t.Errorf("%v; the state file is now\n%s\nit was\n%s", err, after, before)
	}
	s.keepState.Store(false)
	v.front = front
}

// TestWaitingApplicationsAreNotForgotten: a successor may be killed, too, before it is Primary
// again. The state file tells the next one which data applications have seen.
func TestWaitingApplicationsAreNotForgotten(t *testing.T) {
	s := testServer(t)
	s.succeed(t, control.Request{Cmd: "new-resource", Resource: "r0", Minor: -1})
	if a := s.addMinor(t.Context(), s.resource("r0"), replica.NewMinor{Exposed: 0x1235}); a.Error != 0 || a.Usage != "" {
		t.Fatalf("new-minor: %+v", a)
	}
	s.save()
	if b, err := os.ReadFile(s.stateFile()); err != nil || !strings.Contains(string(b), `"Exposed": 4661`) {
		t.Errorf("%v; the state file is\n%s", err, b)
	}
	s.succeed(t, control.Request{Cmd: "secondary"})
	if b, err := os.ReadFile(s.stateFile()); err != nil || strings.Contains(string(b), "Exposed") {
		t.Errorf("%v; nobody waits any more, and the state file is\n%s", err, b)
	}
}
