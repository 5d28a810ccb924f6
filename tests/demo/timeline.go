//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"classicha/tests/lab"
)

// timeline prints what happens, with the time since the beginning.
type timeline struct {
	mu     sync.Mutex
	w      io.Writer
	start  time.Time
	colour bool
}

func newTimeline(f *os.File) *timeline {
	return &timeline{w: f, start: time.Now(), colour: term.IsTerminal(int(f.Fd()))}
}

// styles of the second column
const (
	plain  = ""
	bold   = "1"
	red    = "1;31"
	green  = "32"
	yellow = "33"
	dim    = "2"
)

func (t *timeline) paint(style, s string) string {
	if !t.colour || style == plain {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// event prints a line of the timeline.
func (t *timeline) event(at time.Time, who, style, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%8.2fs  %-7s %s\n", at.Sub(t.start).Seconds(), who, t.paint(style, fmt.Sprintf(format, args...)))
}

// text prints something outside the timeline.
func (t *timeline) text(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, format+"\n", args...)
}

// heading begins a chapter.
func (t *timeline) heading(s string) { t.text("\n%s", t.paint(bold, s)) }

// told are the log lines worth reading in the demo; a line is shown from the
// text on.
var told = []struct{ text, style string }{
	{"Configuration validated", dim},
	{"Local status now set to: 'active'", dim},
	{"Link serv-", dim},
	{": is dead", red},
	{"No STONITH device configured", dim},
	{"Resources being acquired from", plain},
	{"Heartbeat restart on node", plain},
	{"Acquiring resource group:", plain},
	{"Releasing resource group:", plain},
	{"takeover complete.", green},
	{"can take our", plain},
	{"Standby resource acquisition done", green},
	{"Other node completed standby takeover", green},
	{"returning after partition", red},
}

// follow prints the interesting log lines of the nodes until stop closes.
// Scripts' starts and stops are shown too.
func (t *timeline) follow(nodes []*lab.Node, stop <-chan struct{}) {
	shown := make([]int, len(nodes))
	for last := false; !last; {
		select {
		case <-stop:
			last = true
		case <-time.After(20 * time.Millisecond):
		}
		type line struct {
			lab.LogLine
			who, style string
		}
		var fresh []line
		for i, n := range nodes {
			all := n.Log()
			for _, l := range all[shown[i]:] {
				if text, style, ok := tell(l.Text); ok {
					l.Text = text
					fresh = append(fresh, line{l, n.Name(), style})
				}
			}
			shown[i] = len(all)
		}
		sort.SliceStable(fresh, func(a, b int) bool { return fresh[a].Time.Before(fresh[b].Time) })
		for _, l := range fresh {
			t.event(l.Time, l.who, l.style, "%s", l.Text)
		}
	}
}

// tell picks and trims a log line.
func tell(text string) (string, string, bool) {
	_, msg, ok := strings.Cut(text, "]: ")
	if !ok {
		msg = text
	}
	if strings.Contains(msg, "Running /etc/") && (strings.HasSuffix(msg, " start") || strings.HasSuffix(msg, " stop")) {
		return msg, plain, true
	}
	for _, w := range told {
		if strings.Contains(msg, w.text) {
			return msg, w.style, true
		}
	}
	return "", "", false
}
