package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strconv"
	"time"
)

const (
	watchLimit  = time.Minute           // for a view to a watcher: a stopped terminal
	settle      = 20 * time.Millisecond // changes in a burst make one line
	leastPeriod = 100 * time.Millisecond
)

// parsePeriod reads the arguments of watch: nothing, or milliseconds.
func parsePeriod(args []string) (time.Duration, error) {
	if len(args) == 0 {
		return 0, nil
	}
	n, err := strconv.ParseUint(args[0], 10, 31)
	if err != nil || len(args) > 1 {
		return 0, errors.New("usage: watch [MILLISECONDS]")
	}
	return max(time.Duration(n)*time.Millisecond, leastPeriod), nil
}

// watch serves one watcher until it closes, sends anything, or does not read.
func (s *Server) watch(c *net.UnixConn, args []string) {
	period, err := parsePeriod(args)
	if err != nil {
		s.reply(c, nil, err)
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan struct{})
	go func() { // notices the end of the client
		defer close(ended)
		defer cancel()
		_ = c.SetReadDeadline(time.Time{})
		_, _ = c.Read(make([]byte, 1))
	}()
	defer func() {
		c.Close() // ends the reader
		<-ended
	}()

	seen := s.hub.join()
	defer s.hub.leave()
	line, err := s.fetch(ctx)
	for ctx.Err() == nil {
		if err != nil {
			s.reply(c, nil, err)
			return
		}
		_ = c.SetWriteDeadline(time.Now().Add(watchLimit))
		if _, err := c.Write(line); err != nil {
			return
		}
		line, seen, err = s.next(ctx, seen, period)
	}
}

// next waits for a newer line than seen, or for the period.
func (s *Server) next(ctx context.Context, seen uint64, period time.Duration) ([]byte, uint64, error) {
	var tick <-chan time.Time
	if period > 0 {
		t := time.NewTimer(period)
		defer t.Stop()
		tick = t.C
	}
	for {
		line, gen, newer := s.hub.newest()
		if gen != seen {
			return line, gen, nil
		}
		select {
		case <-newer:
		case <-tick:
			line, err := s.fetch(ctx)
			return line, seen, err
		case <-ctx.Done():
			return nil, seen, ctx.Err()
		}
	}
}

// fetch asks the daemon for a view and makes its line.
func (s *Server) fetch(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	v, err := s.o.View(ctx)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(v)
	return append(b, '\n'), err
}

// publish makes one line per burst of changes for all watchers.
func (s *Server) publish() {
	defer s.wg.Done()
	for {
		select {
		case <-s.hub.wake:
		case <-s.ctx.Done():
			return
		}
		if !s.pause(settle) {
			return
		}
		// Changes from here on wake again.
		select {
		case <-s.hub.wake:
		default:
		}
		if !s.hub.watched() {
			continue
		}
		if line, err := s.fetch(s.ctx); err == nil {
			s.hub.set(line)
		}
	}
}
