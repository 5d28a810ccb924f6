package clientapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"classicha/heartbeatd/message"
)

// Options of a Server.
type Options struct {
	Path        string // of the socket; DefaultPath if empty
	Rules       []Rule // the first rule of a name counts
	LogFacility int    // number told to clients at signon: facility << 3, local0 is 128
	// Log takes a line and its level word (ERROR, WARN, info). It must not block.
	Log func(level, text string)
}

// Bounds on connections.
const (
	maxConns      = 256
	rootConns     = 32               // more, for root alone: users cannot lock it out
	signonTimeout = 30 * time.Second // to the first message
	drainTimeout  = 2 * time.Second  // for last replies before a close
	writeTimeout  = 60 * time.Second // a client that reads nothing for so long is gone
	handOverTime  = 200 * time.Millisecond
	queryTimeout  = 10 * time.Second // answer of another node to clientstatus
	maxQueries    = 16               // waiting for such answers, a client
)

// Server is the daemon's end of the client API.
type Server struct {
	opt     Options
	backend Backend
	ln      *net.UnixListener
	ctx     context.Context // ends when Close begins
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	conns   atomic.Int64

	mu      sync.Mutex
	all     map[*conn]bool   // every connection
	clients map[string]*conn // signed on, by name; casual ones by their pid
}

// NewServer makes a Server; Listen starts it.
func NewServer(opt Options, backend Backend) *Server {
	if opt.Path == "" {
		opt.Path = DefaultPath
	}
	if opt.Log == nil {
		opt.Log = func(string, string) {}
	}
	s := &Server{opt: opt, backend: backend, all: map[*conn]bool{}, clients: map[string]*conn{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Listen makes the socket, mode 0777 (its directory decides who reaches it),
// and starts serving. A socket left behind by a dead daemon is replaced.
func (s *Server) Listen() error {
	if err := removeStale(s.opt.Path); err != nil {
		return err
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.opt.Path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("client API: %w", err)
	}
	if err := os.Chmod(s.opt.Path, 0o777); err != nil {
		ln.Close()
		return fmt.Errorf("client API: %w", err)
	}
	s.ln = ln
	s.wg.Add(1)
	go s.accept()
	return nil
}

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	fi, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("client API: %w", err)
	}
	if fi.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("client API: %s exists and is no socket", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return fmt.Errorf("client API: another daemon serves %s", filepath.Clean(path))
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("client API: %w", err)
	}
	return nil
}

// Close ends all connections, removes the socket and waits for the Server's
// goroutines. No Backend method is called once Close has begun, but one may be
// under way: do not call it from what they wait for.
func (s *Server) Close() error {
	s.cancel()
	var err error
	if s.ln != nil {
		err = s.ln.Close()
	}
	s.mu.Lock()
	for c := range s.all {
		c.drop("shutdown")
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		uc, err := s.ln.AcceptUnix()
		if err != nil {
			if s.ctx.Err() != nil {
				return
			}
			// Out of descriptors, most likely: do not spin.
			s.opt.Log("WARN", "client API: accept: "+err.Error())
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		s.start(uc)
	}
}

func (s *Server) start(uc *net.UnixConn) {
	cred, err := peerCred(uc)
	if err != nil {
		uc.Close()
		return
	}
	limit := int64(maxConns)
	if cred.Uid == 0 {
		limit += rootConns
	}
	if s.conns.Load() >= limit {
		s.opt.Log("WARN", fmt.Sprintf("client API: %d connections are open; one of uid %d refused", limit, cred.Uid))
		uc.Close()
		return
	}
	c := &conn{s: s, uc: uc, cred: cred, q: newQueue(), filter: FilterKeep, gone: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		uc.Close()
		return
	}
	s.all[c] = true
	s.conns.Add(1)
	s.wg.Add(2)
	go c.read()
	go c.write()
}

// Deliver queues a message of the cluster for every client that wants it. With
// a to_id field it goes to that client alone. It does not block and does not
// keep m.
func (s *Server) Deliver(m *message.Message) { s.DeliverAs(FilterKeep, m) }

// DeliverAs is Deliver for a message of another class than FilterKeep, for
// clients that asked for more by setfilter.
func (s *Server) DeliverAs(class uint32, m *message.Message) {
	to, addressed := m.Lookup("to_id")
	var frame []byte
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, c := range s.clients {
		if addressed && name != to || !c.wants(class) {
			continue
		}
		if frame == nil {
			frame = appendFrame(nil, m)
		}
		if !c.q.put(frame, false) {
			s.opt.Log("WARN", fmt.Sprintf("client [%s] pid %d does not read its messages; disconnected", name, c.cred.Pid))
			c.drop("sendfail")
		}
	}
}

// Wants tells whether any client asked for a class of messages, so that the
// daemon can spare making them.
func (s *Server) Wants(class uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		if c.wants(class) {
			return true
		}
	}
	return false
}

// Online tells whether a client of that name is signed on.
func (s *Server) Online(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clients[name] != nil
}

// rule finds the rule of a client: its own or that of "default".
func (s *Server) rule(name string) (Rule, bool) {
	for _, want := range []string{name, "default"} {
		for _, r := range s.opt.Rules {
			if r.Client == want {
				return r, true
			}
		}
	}
	return Rule{}, false
}

func (r Rule) allows(uid, gid uint32) bool {
	for _, u := range r.UIDs {
		if u == int(uid) {
			return true
		}
	}
	for _, g := range r.GIDs {
		if g == int(gid) {
			return true
		}
	}
	return false
}

// register enters a client under its name, unless that is taken. A client that
// comes back at once may find its own last connection still being closed: that
// one gets a moment to go.
func (s *Server) register(name string, c *conn) bool {
	moment := time.NewTimer(handOverTime)
	defer moment.Stop()
	for {
		s.mu.Lock()
		old := s.clients[name]
		if old == nil {
			s.clients[name] = c
		}
		s.mu.Unlock()
		if old == nil {
			return true
		}
		select {
		case <-old.gone:
		case <-moment.C:
			return false
		case <-s.ctx.Done():
			return false
		}
	}
}

// forget removes a connection that has ended.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, c)
	if c.name != "" && s.clients[c.name] == c {
		delete(s.clients, c.name)
	}
	s.conns.Add(-1)
	close(c.gone)
}

// pidName is the name of a casual client.
func pidName(pid int32) string { return strconv.Itoa(int(pid)) }
