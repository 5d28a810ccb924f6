// Package dopd is what package outdate decides, made real: the socket on which
// drbd-peer-outdater asks, and the command drbdadm outdate. The daemon gives it the
// messages of the cluster.
//
// One goroutine owns the Machine. Each connection has a reader that turns one request
// into an event and then waits for the end of the connection; each command has a
// goroutine that waits for it. Deliver never blocks.
package dopd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"classicha/heartbeatd/clientapi"
	"classicha/heartbeatd/message"
	"classicha/heartbeatd/outdate"
	"classicha/internal/hlog"
)

// Cluster is heartbeat as dopd needs it. The methods may wait a moment; Joined and Left
// bracket the others.
type Cluster interface {
	Joined()
	Left()
	Send(*message.Message)
	// Node is what is known of a node; the zero value if nothing.
	Node(name string) Node
	// Reset has a dead node reset; Server.Reset reports it.
	Reset(name string)
}

// Node is what heartbeat knows of a node.
type Node struct {
	Type   string // normal, ping
	Status string
	Left   bool // it stopped gracefully
	Reset  bool // it is dead and was reset since
}

// Options belong to a Server.
type Options struct {
	Path    string // of the socket
	Node    string // our name
	Cluster Cluster
	Log     func(level hlog.Level, text string)
	// Fencing: heartbeat has a STONITH device.
	Fencing bool
	// Env is the environment of drbdadm; its PATH says where that is looked for.
	Env   []string
	Start func(*exec.Cmd) error // nil is cmd.Start
	// Limit is how long drbdadm may take; 0 is a minute, as long as the outdater waits.
	Limit time.Duration
	// Patience is how long a drbdadm that fails is repeated; 0 is outdate.Patience.
	Patience time.Duration
}

const (
	requestTime = 10 * time.Second // for the request of a connection
	replyTime   = 5 * time.Second
	inboxSize   = 128
	// Connections: the handlers of drbd run as root, and no other user keeps them out.
	maxClients  = 64
	maxOthers   = 32              // of all users but root
	maxOfOne    = 16              // of one user that is not root
	roleTime    = 2 * time.Second // for drbdadm role
	killedAfter = time.Second     // how long a command may take to end that was killed
)

// Server is dopd.
type Server struct {
	o      Options
	ln     *net.UnixListener
	inbox  chan outdate.Event
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	clients map[uint64]client
	last    uint64
}

type client struct {
	*net.UnixConn
	uid uint32
}

// Listen starts dopd.
func Listen(o Options) (*Server, error) {
	if o.Limit == 0 {
		o.Limit = time.Minute
	}
	if o.Start == nil {
		o.Start = (*exec.Cmd).Start
	}
	s := &Server{o: o, inbox: make(chan outdate.Event, inboxSize), clients: map[uint64]client{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	// A socket there is that of a dead run, or of a dopd that ours replaces.
	if st, err := os.Lstat(o.Path); err == nil && st.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(o.Path)
	}
	var err error
	if s.ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: o.Path, Net: "unix"}); err != nil {
		return nil, fmt.Errorf("dopd: %w", err)
	}
	if err := os.Chmod(o.Path, 0o777); err != nil { // the directory decides who comes
		s.ln.Close()
		return nil, fmt.Errorf("dopd: %w", err)
	}
	s.wg.Go(s.loop)
	s.wg.Go(s.accept)
	return s, nil
}

// Close ends dopd: the socket, the connections, the commands.
func (s *Server) Close() {
	s.cancel()
	s.ln.Close()
	s.mu.Lock()
	for _, c := range s.clients {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// wanted are the fields of messages that the Machine looks at.
var wanted = []string{"t", "src", "dest", "dop_res", "dop_value", "st", "from_id", outdate.IDField}

// Deliver hands over a message of the cluster. It neither waits nor keeps it.
func (s *Server) Deliver(m *message.Message) {
	switch m.Get("t") {
	case "start_outdate", "outdate_rc":
	case "status":
		if st := m.Get("st"); st != "dead" && st != "active" {
			return
		}
	case "hbapi-clstat":
		if m.Get("from_id") != outdate.Client {
			return
		}
	default:
		return
	}
	c := message.New()
	for _, f := range wanted {
		if v, ok := m.Lookup(f); ok {
			c.Add(f, v)
		}
	}
	select {
	case s.inbox <- outdate.Heard{Msg: c}:
	default:
		s.log(hlog.Warn, "too much to do: a message of type "+m.Get("t")+" was dropped")
	}
}

// Reset reports that a dead node was reset. It does not wait.
func (s *Server) Reset(node string) {
	select {
	case s.inbox <- outdate.Reset{Node: node}:
	default:
		s.log(hlog.Warn, "too much to do: the reset of "+node+" was not noticed")
	}
}

func (s *Server) post(ev outdate.Event) {
	select {
	case s.inbox <- ev:
	case <-s.ctx.Done():
	}
}

func (s *Server) log(level hlog.Level, text string) { s.o.Log(level, text) }

// loop owns the Machine.
func (s *Server) loop() {
	s.o.Cluster.Joined()
	defer s.o.Cluster.Left()
	m := outdate.New(s.o.Node)
	m.Fencing = s.o.Fencing
	if s.o.Patience != 0 {
		m.Patience = s.o.Patience
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := time.Hour
		if next := m.Next(); !next.IsZero() {
			wait = max(time.Until(next), 0)
		}
		timer.Reset(wait)
		var ev outdate.Event = outdate.Tick{}
		select {
		case ev = <-s.inbox:
		case <-timer.C:
		case <-s.ctx.Done():
			return
		}
		for _, a := range m.Step(time.Now(), ev) {
			s.perform(a)
		}
	}
}

func (s *Server) perform(a outdate.Action) {
	switch a := a.(type) {
	case outdate.Log:
		level := hlog.Info
		if a.Warn {
			level = hlog.Warn
		}
		s.log(level, a.Text)
	case outdate.Send:
		s.o.Cluster.Send(a.Msg)
	case outdate.Demand:
		s.o.Cluster.Reset(a.Node)
	case outdate.Reply:
		s.reply(a.Client, a.Value)
	case outdate.Run:
		s.wg.Go(func() { s.run(a.Resource) })
	}
}

func (s *Server) accept() {
	for {
		c, err := s.ln.AcceptUnix()
		if err != nil {
			if s.ctx.Err() != nil {
				return
			}
			s.log(hlog.Warn, "accept: "+err.Error())
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond): // out of descriptors, most likely
			}
			continue
		}
		uid := uidOf(c)
		s.mu.Lock()
		if s.full(uid) || s.ctx.Err() != nil {
			s.mu.Unlock()
			c.Close()
			continue
		}
		s.last++
		id := s.last
		s.clients[id] = client{c, uid}
		s.mu.Unlock()
		s.wg.Go(func() { s.serve(id, c) })
	}
}

// full: there is no room for one more connection of a user.
func (s *Server) full(uid uint32) bool {
	others, same := 0, 0
	for _, c := range s.clients {
		if c.uid != 0 {
			others++
		}
		if c.uid == uid {
			same++
		}
	}
	return len(s.clients) >= maxClients || uid != 0 && (others >= maxOthers || same >= maxOfOne)
}

// uidOf is the user at the other end; nobody if the system does not say.
func uidOf(c *net.UnixConn) uint32 {
	const nobody = 65534
	raw, err := c.SyscallConn()
	if err != nil {
		return nobody
	}
	var cred *syscall.Ucred
	if raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}) != nil || err != nil {
		return nobody
	}
	return cred.Uid
}

// serve reads the one request of a connection and waits for its end.
func (s *Server) serve(id uint64, c *net.UnixConn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.clients, id)
		s.mu.Unlock()
	}()
	_ = c.SetReadDeadline(time.Now().Add(requestTime))
	m, err := clientapi.ReadFrame(c)
	var r outdate.Request
	if err == nil {
		r, err = outdate.ParseRequest(m)
	}
	if err != nil {
		if s.ctx.Err() == nil {
			s.log(hlog.Warn, "request of "+outdate.Outdater+" refused: "+err.Error())
		}
		return
	}
	if s.o.Fencing && outdate.WantsHello(m) {
		_ = c.SetWriteDeadline(time.Now().Add(replyTime))
		if _, err := c.Write(clientapi.AppendFrame(nil, outdate.Hello(s.o.Node))); err != nil {
			return
		}
	}
	n := s.o.Cluster.Node(r.Peer)
	ev := outdate.Asked{Client: id, Request: r, Type: n.Type, Status: n.Status, Left: n.Left, Reset: n.Reset}
	ev.Promotes = s.o.Fencing && n.Left && s.secondary(r.Resource)
	s.post(ev)
	_ = c.SetReadDeadline(time.Time{})
	var b [1]byte
	_, _ = c.Read(b[:]) // nothing more is expected: its end
	s.post(outdate.Gone{Client: id})
}

// reply answers a program; it then hangs up.
func (s *Server) reply(id uint64, value int) {
	s.mu.Lock()
	c, ok := s.clients[id]
	s.mu.Unlock()
	if !ok {
		return
	}
	_ = c.SetWriteDeadline(time.Now().Add(replyTime))
	if _, err := c.Write(clientapi.AppendFrame(nil, outdate.Answer(s.o.Node, value))); err != nil {
		s.log(hlog.Warn, "Could not send message to the client: "+err.Error())
	}
	_ = c.CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(replyTime)) // whoever stays is shown out
}

// run runs drbdadm outdate. No shell is between.
func (s *Server) run(resource string) {
	code, err := s.drbdadm(resource)
	end := outdate.Ended{Resource: resource, Code: code}
	if err != nil {
		end.Err = err.Error()
	}
	s.post(end)
}

func (s *Server) drbdadm(resource string) (int, error) {
	out, err := s.command(s.o.Limit, "outdate", resource)
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" {
			s.log(hlog.Info, "drbdadm outdate "+resource+": "+line)
		}
	}
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return 0, nil
	case !errors.As(err, &exit):
		return 0, err
	case exit.ExitCode() < 0:
		return 0, errors.New(exit.String())
	}
	return exit.ExitCode(), nil
}

// secondary: all volumes of a resource are Secondary here, as far as can be found out.
func (s *Server) secondary(resource string) bool {
	out, err := s.command(roleTime, "role", resource)
	lines := strings.Fields(out)
	for _, l := range lines {
		if !strings.HasPrefix(l, "Secondary/") {
			return false
		}
	}
	return err == nil && len(lines) > 0
}

// command runs drbdadm and returns what it printed. One that does not end in its time is
// killed with all that it started, and left behind if not even that ends it: it may wait for a
// disk.
func (s *Server) command(limit time.Duration, args ...string) (string, error) {
	prog, err := lookPath("drbdadm", s.o.Env)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(s.ctx, limit)
	defer cancel()
	cmd := exec.Command(prog, args...)
	cmd.Args[0] = "drbdadm"
	cmd.Env, cmd.Dir = s.o.Env, "/"
	var out limited
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = killedAfter
	if err := s.o.Start(cmd); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
		return out.b.String(), err
	case <-ctx.Done():
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	select {
	case <-ended:
	case <-time.After(killedAfter):
	}
	return "", fmt.Errorf("killed after %v", limit)
}

// limited keeps the beginning of what a program prints.
type limited struct{ b bytes.Buffer }

const maxOutput = 4096

func (l *limited) Write(p []byte) (int, error) {
	l.b.Write(p[:max(0, min(len(p), maxOutput-l.b.Len()))])
	return len(p), nil
}

// lookPath looks for a program in the PATH of an environment, and then where the
// administrator's programs are.
func lookPath(name string, env []string) (string, error) {
	path := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	for _, dir := range append(filepath.SplitList(path), "/usr/sbin", "/sbin", "/usr/local/sbin") {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, name)
		if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}
