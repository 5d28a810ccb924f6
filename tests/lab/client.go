package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// Shot is one request of a Client.
type Shot struct {
	Sent time.Time
	Done time.Time // answer complete, or given up
	Body string    // without the header
	Err  error
}

// OK says whether the request was answered with status 200.
func (s Shot) OK() bool { return s.Err == nil }

// Client fetches a page from a service address again and again, each time over
// a new connection, from the hub's side of the wire.
type Client struct {
	l      *Lab
	addr   string
	every  time.Duration
	limit  time.Duration
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	shots []Shot
	seen  func(Shot)
}

// Client starts one: a request to addr ("host:port") every so often, each given
// up after limit. Requests overlap, so an answer is missed by at most `every`.
// seen, if not nil, gets each result, in the order of their ends.
func (l *Lab) Client(addr string, every, limit time.Duration, seen func(Shot)) *Client {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{l: l, addr: addr, every: every, limit: limit, cancel: cancel, seen: seen}
	c.wg.Add(1)
	go c.run(ctx)
	return c
}

func (c *Client) run(ctx context.Context) {
	defer c.wg.Done()
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c.wg.Add(1)
		go func() {
			defer c.wg.Done()
			s := Shot{Sent: time.Now()}
			s.Body, s.Err = c.l.Get(ctx, c.addr, c.limit)
			s.Done = time.Now()
			if ctx.Err() != nil && s.Err != nil {
				return // cut short by Stop: says nothing
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.shots = append(c.shots, s)
			if c.seen != nil {
				c.seen(s)
			}
		}()
	}
}

// Stop ends the client and returns all its requests, in the order of their ends.
func (c *Client) Stop() []Shot {
	c.cancel()
	c.wg.Wait()
	return c.Shots()
}

// Shots are the requests that have ended so far.
func (c *Client) Shots() []Shot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Shot(nil), c.shots...)
}

// Dial opens a TCP connection from the hub's side of the wire to addr, a literal IP
// address and port.
func (l *Lab) Dial(ctx context.Context, addr string) (conn net.Conn, err error) {
	err = l.hub.do(func() (err error) {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "tcp4", addr) // one literal address: dialled on this thread
		return err
	})
	return conn, err
}

// Get fetches "/" from addr, a literal IP address and port, over a connection
// that starts in the hub.
func (l *Lab) Get(ctx context.Context, addr string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := l.Dial(ctx, addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	host, _, _ := net.SplitHostPort(addr)
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\nHost: "+host+"\r\n\r\n"); err != nil {
		return "", err
	}
	all, err := io.ReadAll(io.LimitReader(conn, 1<<20))
	if err != nil {
		return "", err
	}
	head, body, _ := strings.Cut(string(all), "\r\n\r\n")
	if status, _, _ := strings.Cut(head, "\r\n"); !strings.Contains(status, " 200") {
		return body, &statusError{status}
	}
	return body, nil
}

// statusError is an answer other than 200.
type statusError struct{ status string }

func (e *statusError) Error() string { return "answer: " + e.status }

// Outage is the time around at without a good answer: from the end of the last
// good one that was sent before at, to the end of the first good one that was
// sent after it. The second result is that first answer.
func Outage(shots []Shot, at time.Time) (time.Duration, Shot, bool) {
	var last, first Shot
	for _, s := range shots {
		switch {
		case !s.OK():
		case s.Sent.Before(at):
			if s.Done.After(last.Done) {
				last = s
			}
		case first.Done.IsZero() || s.Done.Before(first.Done):
			first = s
		}
	}
	if last.Done.IsZero() || first.Done.IsZero() {
		return 0, Shot{}, false
	}
	return first.Done.Sub(last.Done), first, true
}

// ServeName starts a tiny web server on the node that answers with the node's
// name on every address, the given port. It returns when the server listens.
func (n *Node) ServeName(port string) error {
	cmd := n.Command(context.Background(), selfPath, port)
	cmd.Env = append(cmd.Env, roleEnv+"=httpd", "GOMAXPROCS=2")
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.Stdout = w
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // ends with the node
	_ = r.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := r.Read(make([]byte, 64)); err != nil {
		return fmt.Errorf("web server of %s: %w", n.Name(), err)
	}
	return nil
}
