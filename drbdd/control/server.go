package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Handler answers a request. It is called in a goroutine of the connection; ctx
// ends when the tool goes away or the server ends. It calls reply once, or with
// Follow as often as something changed; reply blocks for at most the write limit
// and fails when the tool does not read. An error of reply is for ending early, it
// needs no log. A handler that returns without a reply closes the connection.
type Handler func(ctx context.Context, req Request, reply func(Answer) error)

// Limits of the server. Followers are bounded apart, so that forgotten watchers do
// not keep commands out.
const (
	maxConns     = 256
	maxFollowers = 128
	readLimit    = 5 * time.Second
	writeLimit   = 10 * time.Second
)

// Serve answers requests until l is closed, and returns when the last handler has
// ended. Only root, and the user that the server runs as, is heard.
func Serve(l net.Listener, handle func(ctx context.Context, req Request, reply func(Answer) error)) error {
	s := &server{
		handle: handle, conns: make(chan struct{}, maxConns), followers: make(chan struct{}, maxFollowers),
		readLimit: readLimit, writeLimit: writeLimit, allowed: rootOnly,
	}
	return s.serve(l)
}

type server struct {
	handle           Handler
	conns, followers chan struct{} // one element for each under way
	readLimit        time.Duration
	writeLimit       time.Duration
	allowed          func(net.Conn) error
}

func (s *server) serve(l net.Listener) error {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			if !passes(err) {
				return fmt.Errorf("accept: %w", err)
			}
			time.Sleep(50 * time.Millisecond) // no descriptor or memory left: others will end
			continue
		}
		select {
		case s.conns <- struct{}{}:
		default:
			// Not in a goroutine: the answer fits into the socket's buffer.
			s.refuse(conn, fmt.Sprintf("drbdd is busy: %d requests are under way", cap(s.conns)))
			continue
		}
		wg.Go(func() {
			defer func() { <-s.conns }()
			s.connection(ctx, conn)
		})
	}
}

// passes tells whether Accept may work again in a moment.
func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (s *server) refuse(conn net.Conn, why string) {
	s.answer(conn, Answer{Usage: why, Last: true})
	conn.Close()
}

// answer writes one line.
func (s *server) answer(conn net.Conn, a Answer) error {
	line, err := appendLine(a)
	if err != nil {
		return err
	}
	if len(line) > maxAnswer {
		return errTooLong
	}
	conn.SetWriteDeadline(time.Now().Add(s.writeLimit))
	_, err = conn.Write(line)
	return err
}

// connection serves one request.
func (s *server) connection(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	if err := s.allowed(conn); err != nil {
		s.answer(conn, Answer{Error: ErrPermission, Last: true})
		return
	}
	conn.SetReadDeadline(time.Now().Add(s.readLimit))
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // the server ends before anything was asked
	r := bufio.NewReader(conn)
	req, err := readRequest(r)
	stop()
	switch {
	case errors.Is(err, io.EOF):
		return // somebody looked whether we are here
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.refuse(conn, "no request came in time")
		return
	case err != nil:
		s.refuse(conn, err.Error())
		return
	}
	if req.Follow {
		select {
		case s.followers <- struct{}{}:
			defer func() { <-s.followers }()
		default:
			s.refuse(conn, fmt.Sprintf("drbdd is busy: %d programs follow events", cap(s.followers)))
			return
		}
	}
	s.request(ctx, conn, r, req)
}

// request runs the handler while it watches for the tool's end.
func (s *server) request(ctx context.Context, conn net.Conn, r *bufio.Reader, req Request) {
	ctx, cancel := context.WithCancel(ctx)
	conn.SetReadDeadline(time.Time{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		// A tool sends nothing behind its request: what comes is its end.
		r.ReadByte()
		cancel()
	}()
	var mu sync.Mutex // a handler may reply from more than one goroutine
	s.handle(ctx, req, func(a Answer) error {
		mu.Lock()
		defer mu.Unlock()
		return s.answer(conn, a)
	})
	cancel()
	conn.Close()
	<-gone
}
