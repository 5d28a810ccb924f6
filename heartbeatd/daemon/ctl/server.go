package ctl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"classicha/heartbeatd/cluster"

	"golang.org/x/sys/unix"
)

// Bounds of what clients can make the server hold or wait for.
const (
	maxRequest = 4096             // bytes of a request line with its newline
	maxClients = 64               // connections
	idleLimit  = 30 * time.Second // between two requests
	callLimit  = 10 * time.Second // for a handler
	writeLimit = 10 * time.Second // for a reply
)

// Peer is who asks, as the kernel says.
type Peer struct{ PID, UID, GID int }

// Options belong to a Server.
type Options struct {
	Path string // of the socket; an old one is replaced
	GID  int    // group that may use it (haclient)
	// View returns the state now. It is called from several goroutines and must
	// return when ctx ends.
	View func(ctx context.Context) (cluster.View, error)
	// Handle answers all other verbs. The reply is marshalled; nil is {"ok":true}.
	// It must return when ctx ends. nil: there are no other verbs.
	Handle func(ctx context.Context, p Peer, verb string, args []string) (reply any, err error)
}

// Server listens on the control socket.
type Server struct {
	o    Options
	ln   *net.UnixListener
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup
	hub  *hub

	mu    sync.Mutex
	conns map[*net.UnixConn]bool
}

// ErrInUse means that another server answers on the socket.
var ErrInUse = errors.New("another heartbeatd answers on the control socket")

// Listen makes the socket, mode 0660 root:GID, and serves.
func Listen(o Options) (*Server, error) {
	if c, err := net.DialTimeout("unix", o.Path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s: %w", o.Path, ErrInUse)
	}
	if err := os.Remove(o.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: o.Path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		err = os.Chown(o.Path, 0, o.GID)
	}
	if err == nil {
		err = os.Chmod(o.Path, 0o660)
	}
	if err != nil {
		ln.Close()
		return nil, err
	}
	s := &Server{o: o, ln: ln, hub: newHub(), conns: make(map[*net.UnixConn]bool)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.wg.Add(2)
	go s.accept()
	go s.publish()
	return s, nil
}

// Changed says that the view is another one now. It never blocks.
func (s *Server) Changed() { s.hub.changed() }

// Close removes the socket, closes all connections and waits for the goroutines.
func (s *Server) Close() error {
	s.stop()
	err := s.ln.Close() // removes the socket too
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		c, err := s.ln.AcceptUnix()
		switch {
		case s.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if err == nil {
				c.Close()
			}
			return
		case err != nil: // out of descriptors or the like: others must go first
			if !s.pause(100 * time.Millisecond) {
				return
			}
		case !s.admit(c):
			s.reply(c, nil, errors.New("too many connections"))
			c.Close()
		default:
			s.wg.Add(1)
			go s.serve(c)
		}
	}
}

func (s *Server) admit(c *net.UnixConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= maxClients {
		return false
	}
	s.conns[c] = true
	return true
}

func (s *Server) serve(c *net.UnixConn) {
	defer s.wg.Done()
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	peer := peerOf(c)
	r := bufio.NewReaderSize(c, maxRequest)
	for s.ctx.Err() == nil {
		_ = c.SetReadDeadline(time.Now().Add(idleLimit))
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			s.reply(c, nil, fmt.Errorf("request is longer than %d bytes", maxRequest))
		}
		if err != nil {
			return
		}
		words := strings.Fields(string(line))
		if len(words) == 0 {
			continue
		}
		if words[0] == "watch" {
			s.watch(c, words[1:])
			return
		}
		v, err := s.call(peer, words[0], words[1:])
		if s.reply(c, v, err) != nil {
			return
		}
	}
}

// call returns what reply takes.
func (s *Server) call(p Peer, verb string, args []string) (reply any, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, callLimit)
	defer cancel()
	switch {
	case verb == "view" && len(args) > 0:
		return nil, errors.New("view takes no argument")
	case verb == "view":
		return s.o.View(ctx)
	case s.o.Handle == nil:
		return nil, fmt.Errorf("unknown request %q", verb)
	}
	return s.o.Handle(ctx, p, verb, args)
}

// failure is the reply to a request that failed.
type failure struct {
	Error string `json:"error"`
}

func (s *Server) reply(c net.Conn, v any, err error) error {
	if err == nil && v == nil {
		v = map[string]bool{"ok": true}
	}
	var b []byte
	if err == nil {
		b, err = json.Marshal(v)
	}
	if err != nil {
		b, _ = json.Marshal(failure{err.Error()})
	}
	_ = c.SetWriteDeadline(time.Now().Add(writeLimit))
	_, err = c.Write(append(b, '\n'))
	return err
}

// pause sleeps; false when the server ends.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func peerOf(c *net.UnixConn) Peer {
	p := Peer{PID: -1, UID: -1, GID: -1}
	raw, err := c.SyscallConn()
	if err != nil {
		return p
	}
	_ = raw.Control(func(fd uintptr) {
		if u, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p = Peer{int(u.Pid), int(u.Uid), int(u.Gid)}
		}
	})
	return p
}
