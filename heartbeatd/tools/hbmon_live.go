package tools

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/daemon/ctl"
	"classicha/heartbeatd/tools/hbmonview"
	"classicha/internal/screen"
)

// hbmonRetry is how often the live display looks for a daemon that is away.
const hbmonRetry = time.Second

// hbmonUpdate is what the feed tells the display: a view, or why there is none.
type hbmonUpdate struct {
	view cluster.View
	err  error
}

// hbmonScreen is the state of the live display. It belongs to one goroutine.
type hbmonScreen struct {
	o      hbmonOptions
	colour bool
	last   hbmonUpdate
	seen   bool // last has a view or an error
	offset int  // lines scrolled up
}

func hbmonLive(o hbmonOptions, colour bool, stdin, stdout *os.File, stderr io.Writer) int {
	term, err := screen.Open(stdin, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "hb_mon: %v\n", err)
		return hbmonNotRunning
	}
	defer term.Close()
	ctx, cancel := context.WithCancel(context.Background())
	updates := make(chan hbmonUpdate)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		hbmonFeed(ctx, o, updates)
	}()
	defer func() { cancel(); <-ended }()

	s := hbmonScreen{o: o, colour: colour}
	for {
		w, h := term.Size()
		if term.Draw(s.frame(w, h), colour) != nil {
			return hbmonFine // the terminal is gone
		}
		select {
		case s.last = <-updates:
			s.seen = true
		case ev := <-term.Events():
			if !s.handle(ev, h) {
				return hbmonFine
			}
		}
	}
}

// hbmonFeed sends views as long as there is a daemon, and looks for it else.
func hbmonFeed(ctx context.Context, o hbmonOptions, updates chan<- hbmonUpdate) {
	send := func(u hbmonUpdate) error {
		select {
		case updates <- u:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for ctx.Err() == nil {
		c, err := ctl.Dial(ctx, o.socket)
		if err == nil {
			err = c.Watch(ctx, o.interval, func(_ []byte, v cluster.View) error { return send(hbmonUpdate{view: v}) })
			c.Close()
		}
		if send(hbmonUpdate{err: err}) != nil {
			return
		}
		select {
		case <-time.After(hbmonRetry):
		case <-ctx.Done():
		}
	}
}

// frame is the whole screen: the view, scrolled, and a line of help at the bottom.
func (s *hbmonScreen) frame(width, height int) []screen.Line {
	var lines []screen.Line
	switch {
	case !s.seen:
		lines = []screen.Line{screen.Text("asking heartbeat ...", screen.Dim)}
	case s.last.err != nil:
		lines = []screen.Line{
			screen.Text(hbmonSentence(s.o, s.last.err), screen.Yellow|screen.Bold),
			screen.Text("trying again every second", screen.Dim)}
	default:
		lines = hbmonview.Render(s.last.view, hbmonview.Options{Width: width, Counters: s.o.counters, Zone: time.Local})
	}
	room := max(height-1, 1)
	s.offset = max(min(s.offset, len(lines)-room), 0)
	more := len(lines) - room - s.offset
	lines = lines[s.offset:]
	if len(lines) > room {
		lines = lines[:room]
	}
	if height < 2 {
		return lines
	}
	out := append([]screen.Line(nil), lines...)
	for len(out) < room {
		out = append(out, nil)
	}
	help := screen.Text(" q", screen.Bold).Add(" quit  ", screen.Dim).Add("c", screen.Bold).Add(" counters", screen.Dim)
	switch {
	case more > 0:
		help = help.Add(fmt.Sprintf("  %d more below", more), screen.Cyan)
	case s.offset > 0:
		help = help.Add(fmt.Sprintf("  %d above", s.offset), screen.Cyan)
	}
	return append(out, help)
}

// handle returns false when the display shall end.
func (s *hbmonScreen) handle(ev screen.Event, height int) bool {
	if ev.End {
		return false
	}
	page := max(height-2, 1)
	switch ev.Key {
	case 'q', 'Q', screen.CtrlC:
		return false
	case 'c', 'C':
		s.o.counters = !s.o.counters
	case screen.KeyUp, 'k':
		s.offset--
	case screen.KeyDown, 'j':
		s.offset++
	case screen.KeyPageUp, 'b':
		s.offset -= page
	case screen.KeyPageDown, ' ':
		s.offset += page
	case screen.KeyHome, 'g':
		s.offset = 0
	case screen.KeyEnd, 'G':
		s.offset = 1 << 30
	}
	return true // anything else, Ctrl-L and a new size too, draws again
}
