package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
)

// Options of Listen. Path and Name are required.
type Options struct {
	Path string      // of the socket
	Name string      // of the export: "drbd0"; clients may also ask for ""
	Mode os.FileMode // of the socket; 0600 by default

	MaxConns int // clients at a time; 8 by default, further ones are turned away
	PoolSize int // bytes of buffers of each connection, allocated by Listen; 8 MiB by default

	HandshakeTimeout time.Duration // for the whole negotiation; 10 s by default
	WriteTimeout     time.Duration // for a client that does not read its answers; 30 s by default

	Log func(format string, args ...any) // one line for each broken connection; must not block
}

// Server is a front end: see blockdev.FrontEnd.
type Server struct {
	opt     Options
	backend blockdev.Backend
	ln      *net.UnixListener
	wg      sync.WaitGroup

	mu     sync.Mutex
	pools  []*blockdev.Pool // of the free connections
	conns  map[*net.UnixConn]*client
	full   bool // a client was turned away since the last one left; said once
	closed bool
	idle   chan struct{} // closed when closed and every goroutine has ended
}

// client is what is known of a connection.
type client struct {
	pid    int
	active bool // past the negotiation: it holds the device
}

// Listen makes the socket and serves b on it. A socket file that nobody listens on is replaced.
func Listen(b blockdev.Backend, opt Options) (*Server, error) {
	if opt.Mode == 0 {
		opt.Mode = 0o600
	}
	if opt.MaxConns <= 0 {
		opt.MaxConns = 8
	}
	// Less than two of the largest buffers would make a read wait for the write before it.
	opt.PoolSize = max(opt.PoolSize, 2*blockdev.MaxBuffer)
	if opt.HandshakeTimeout <= 0 {
		opt.HandshakeTimeout = 10 * time.Second
	}
	if opt.WriteTimeout <= 0 {
		opt.WriteTimeout = 30 * time.Second
	}
	if opt.Log == nil {
		opt.Log = func(string, ...any) {}
	}
	s := &Server{opt: opt, backend: blockdev.Split(b), conns: map[*net.UnixConn]*client{}, idle: make(chan struct{})}
	for range opt.MaxConns {
		p, err := blockdev.NewPool(opt.PoolSize)
		if err != nil {
			s.freePools()
			return nil, err
		}
		s.pools = append(s.pools, p)
	}
	ln, err := listen(opt.Path, opt.Mode)
	if err != nil {
		s.freePools()
		return nil, err
	}
	s.ln = ln
	s.wg.Go(s.accept)
	return s, nil
}

// listen makes the socket beside its place and moves it there, so that it never has a wider
// mode and never is a file without a listener.
func listen(path string, mode os.FileMode) (*net.UnixListener, error) {
	if st, err := os.Lstat(path); err == nil {
		if st.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%s is in the way and is not a socket", path)
		}
		c, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			c.Close()
			return nil, fmt.Errorf("%s: another server listens there", path)
		}
	}
	tmp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d", filepath.Base(path), os.Getpid()))
	os.Remove(tmp)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: tmp, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	err = os.Chmod(tmp, mode)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		ln.Close()
		os.Remove(tmp)
		return nil, err
	}
	return ln, nil
}

func (s *Server) accept() {
	for {
		nc, err := s.ln.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors, say: it may pass, and must not become a busy loop.
			s.opt.Log("%s: accept: %v", s.opt.Path, err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		s.mu.Lock()
		if s.closed || len(s.pools) == 0 {
			say := !s.closed && !s.full
			s.full = true
			s.mu.Unlock()
			nc.Close()
			if say {
				s.opt.Log("%s: a client was turned away, %d are connected", s.opt.Path, s.opt.MaxConns)
			}
			continue
		}
		pool := s.pools[len(s.pools)-1]
		s.pools = s.pools[:len(s.pools)-1]
		cl := &client{pid: peerPID(nc)}
		s.conns[nc] = cl
		s.mu.Unlock()
		s.wg.Go(func() {
			if why := describe(s.serve(nc, cl, pool)); why != "" {
				s.opt.Log("%s: connection of process %d ended: %s", s.opt.Path, cl.pid, why)
			}
			nc.Close()
			s.mu.Lock()
			delete(s.conns, nc)
			s.pools, s.full = append(s.pools, pool), false
			s.mu.Unlock()
		})
	}
}

func (s *Server) serve(nc *net.UnixConn, cl *client, pool *blockdev.Pool) error {
	if err := nc.SetDeadline(time.Now().Add(s.opt.HandshakeTimeout)); err != nil {
		return err
	}
	br := bufio.NewReaderSize(nc, 32<<10)
	a, err := negotiate(struct {
		io.Reader
		io.Writer
	}{br, nc}, s.opt.Name, s.backend.Info, func() bool {
		// Before the client knows: a device that somebody may use is busy.
		s.mu.Lock()
		defer s.mu.Unlock()
		cl.active = !s.closed
		return cl.active
	})
	if err != nil || a.over {
		return err
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return err
	}
	c := &conn{
		nc: nc, br: br, backend: s.backend, pool: pool, structured: a.structured, limit: min(s.backend.Info().IOLimit(), blockdev.MaxBuffer),
		timeout: s.opt.WriteTimeout, slots: make(chan struct{}, maxInFlight),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	defer c.cancel()
	c.out.init()
	var writer sync.WaitGroup
	var broken error
	writer.Go(func() { broken = c.write() })
	err = c.read()
	// What is in the backend comes back first, with its buffers; then the writer may end.
	c.gate.Close()
	if e := c.gate.Drain(context.Background()); err == nil {
		err = e
	}
	c.out.close()
	writer.Wait()
	if broken != nil {
		return broken // it came first, or does not matter
	}
	return err
}

func peerPID(nc *net.UnixConn) (pid int) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) {
		if u, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(u.Pid)
		}
	})
	return pid
}

// Device is the path of the socket.
func (s *Server) Device() string { return s.opt.Path }

// Resize has nothing to do: NBD tells a size at the beginning of a connection, and requests
// are checked against the present one.
func (s *Server) Resize() error { return nil }

// Holders lists the connected clients.
func (s *Server) Holders() ([]blockdev.Holder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holders(), nil
}

func (s *Server) holders() (h []blockdev.Holder) {
	for _, c := range s.conns {
		if !c.active {
			continue
		}
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.pid))
		if err != nil {
			name = []byte("?")
		}
		h = append(h, blockdev.Holder{PID: c.pid, Name: strings.TrimSpace(string(name)), What: "connected"})
	}
	return h
}

// Close implements blockdev.FrontEnd: it is refused while a client is connected. One that
// still negotiates is cut off.
func (s *Server) Close(ctx context.Context) error { return s.stop(ctx, false) }

// Abort implements blockdev.FrontEnd: clients are cut off.
func (s *Server) Abort(ctx context.Context) error { return s.stop(ctx, true) }

func (s *Server) stop(ctx context.Context, force bool) error {
	s.mu.Lock()
	if h := s.holders(); len(h) > 0 && !force && !s.closed {
		s.mu.Unlock()
		return &blockdev.BusyError{Device: s.opt.Path, Holders: h}
	}
	first := !s.closed
	s.closed = true
	for nc := range s.conns {
		nc.Close()
	}
	s.mu.Unlock()
	if first {
		os.Remove(s.opt.Path)
		s.ln.Close()
		go func() {
			s.wg.Wait()
			s.freePools()
			close(s.idle)
		}()
	}
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) freePools() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pools {
		p.Close()
	}
	s.pools = nil
}
