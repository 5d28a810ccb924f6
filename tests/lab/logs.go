package lab

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// LogLine is one datagram that a node's /dev/log received.
type LogLine struct {
	Time time.Time // of arrival, microseconds
	Pri  int       // syslog facility*8 + severity
	By   *Image    // what the node ran then
	Text string    // as sent, without the priority and the time that the sender wrote
}

// Log is all that the node logged to syslog so far, over all its boots.
func (n *Node) Log() []LogLine {
	raw, err := os.ReadFile(n.LogPath("syslog"))
	if err != nil {
		return nil
	}
	var out []LogLine
	for line := range bytes.Lines(raw) {
		if l, ok := parseLogLine(strings.TrimRight(string(line), "\n")); ok {
			l.By = n.ranAt(l.Time)
			out = append(out, l)
		}
	}
	return out
}

// ranAt is the image of the last boot before a time.
func (n *Node) ranAt(at time.Time) *Image {
	n.mu.Lock()
	defer n.mu.Unlock()
	by := n.spec.Image
	for _, b := range n.boots {
		if !b.at.After(at) {
			by = b.image
		}
	}
	return by
}

// parseLogLine reads "1795220914.123456 <134>Nov 21 00:25:43 heartbeat: [48]: info: TEXT".
func parseLogLine(s string) (LogLine, bool) {
	stamp, rest, ok := strings.Cut(s, " ")
	sec, frac, dot := strings.Cut(stamp, ".")
	if !ok || !dot {
		return LogLine{}, false
	}
	a, err1 := strconv.ParseInt(sec, 10, 64)
	b, err2 := strconv.ParseInt(frac, 10, 64)
	if err1 != nil || err2 != nil {
		return LogLine{}, false
	}
	l := LogLine{Time: time.Unix(a, b*1000), Text: rest}
	if p, t, ok := strings.Cut(strings.TrimPrefix(rest, "<"), ">"); ok && rest[0] == '<' {
		l.Pri, _ = strconv.Atoi(p)
		l.Text = t
		if _, err := time.Parse(time.Stamp, t[:min(len(t), 15)]); err == nil {
			l.Text = strings.TrimLeft(t[15:], " ")
		}
	}
	return l, true
}

// FindLog is the first line since the given time that contains text.
func (n *Node) FindLog(since time.Time, text string) (LogLine, bool) {
	for _, l := range n.Log() {
		if !l.Time.Before(since) && strings.Contains(l.Text, text) {
			return l, true
		}
	}
	return LogLine{}, false
}

// WaitLog waits for such a line.
func (n *Node) WaitLog(since time.Time, text string, limit time.Duration) (LogLine, error) {
	var found LogLine
	err := Wait(limit, n.Name()+" logs "+strconv.Quote(text), func() (ok bool) {
		found, ok = n.FindLog(since, text)
		return ok
	})
	return found, err
}
