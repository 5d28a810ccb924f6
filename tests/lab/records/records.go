// Package records is the client of a database on a cluster: it writes numbered records through
// the service address and remembers what was acknowledged.
package records

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"classicha/tests/lab"
)

// Writer writes numbered records into the database through the service address, one
// after the other, and keeps what was acknowledged. A record without an acknowledgement is
// written again over a new connection: the database may have it or not.
type Writer struct {
	Lab    *lab.Lab
	Addr   string                        // literal IP address and port of a Redis
	Every  time.Duration                 // Pause between two records
	Served func(at time.Time, by string) // told who answers on a new connection; "" for nobody. May be nil
	// Patience is for a connection and for an acknowledgement; 0 is 300 ms.
	Patience time.Duration

	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu   sync.Mutex
	acks []time.Time // of record i+1
}

// Conf is the configuration of a Redis that answers after its data are on the disk, in a
// directory, and that gives its machine's name to whoever asks.
func Conf(dir, machine string) string {
	return "bind 0.0.0.0\nprotected-mode no\ndaemonize yes\npidfile /run/redis/redis-server.pid\nlogfile \"\"\n" +
		"dir " + dir + "\nappendonly yes\nappendfsync always\nsave \"\"\nsyslog-ident " + machine + "\n"
}

func (r *Writer) patience() time.Duration {
	if r.Patience != 0 {
		return r.Patience
	}
	return 300 * time.Millisecond
}

// payload is what record n says.
func payload(n int) string {
	return fmt.Sprintf("record %d %s", n, strings.Repeat(strconv.Itoa(n%10), 500))
}

// Start begins.
func (r *Writer) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.ended.Go(func() {
		for ctx.Err() == nil {
			if err := r.session(ctx); err != nil && ctx.Err() == nil {
				r.tell(time.Now(), "")
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
}

// Stop ends it; what was acknowledged can still be asked for.
func (r *Writer) Stop() {
	r.cancel()
	r.ended.Wait()
}

func (r *Writer) tell(at time.Time, by string) {
	if r.Served != nil {
		r.Served(at, by)
	}
}

// session writes over one connection until something fails.
func (r *Writer) session(ctx context.Context) error {
	c, err := connect(ctx, r.Lab, r.Addr, r.patience())
	if err != nil {
		return err
	}
	defer c.Close()
	by, err := c.who()
	if err != nil {
		return err
	}
	r.tell(time.Now(), by)
	for ctx.Err() == nil {
		n := r.Count() + 1
		if reply, err := c.do("SET", "record:"+strconv.Itoa(n), payload(n)); err != nil || reply != "OK" {
			return fmt.Errorf("record %d: %q %v", n, reply, err)
		}
		r.mu.Lock()
		r.acks = append(r.acks, time.Now())
		r.mu.Unlock()
		time.Sleep(r.Every)
	}
	return nil
}

// Count is how many records were acknowledged: those from 1 to it.
func (r *Writer) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.acks)
}

// Pause is the longest time without an acknowledgement that ended after a time, and when it ended.
func (r *Writer) Pause(since time.Time) (longest time.Duration, end time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := 1; i < len(r.acks); i++ {
		if d := r.acks[i].Sub(r.acks[i-1]); r.acks[i].After(since) && d > longest {
			longest, end = d, r.acks[i]
		}
	}
	return longest, end
}

// Missing reads all acknowledged records back and lists those that are not there as written.
func (r *Writer) Missing(ctx context.Context) (read int, lost []int, err error) {
	n := r.Count()
	c, err := connect(ctx, r.Lab, r.Addr, r.patience())
	if err != nil {
		return 0, nil, err
	}
	defer c.Close()
	c.patience = 10 * time.Second
	for i := 1; i <= n; i++ {
		got, err := c.do("GET", "record:"+strconv.Itoa(i))
		if err != nil {
			return i, lost, err
		}
		if got != payload(i) {
			lost = append(lost, i)
		}
	}
	return n, lost, nil
}

// client speaks the protocol of Redis.
type client struct {
	net.Conn
	r        *bufio.Reader
	patience time.Duration
}

func connect(ctx context.Context, l *lab.Lab, addr string, patience time.Duration) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := l.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &client{c, bufio.NewReader(c), patience}, nil
}

// who is the machine's word for itself, from its configuration of the database.
func (c *client) who() (string, error) { return c.do("CONFIG", "GET", "syslog-ident") }

// do sends a command and returns the reply, of an array its last element.
func (c *client) do(words ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if err := c.SetDeadline(time.Now().Add(c.patience)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, b.String()); err != nil {
		return "", err
	}
	return c.reply()
}

func (c *client) reply() (string, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", fmt.Errorf("empty reply")
	}
	n, _ := strconv.Atoi(line[1:])
	switch line[0] {
	case '+', ':':
		return line[1:], nil
	case '$':
		if n < 0 {
			return "", nil
		}
		p := make([]byte, n+2)
		_, err := io.ReadFull(c.r, p)
		return string(p[:max(0, len(p)-2)]), err
	case '*':
		last := ""
		for range n {
			if last, err = c.reply(); err != nil {
				return "", err
			}
		}
		return last, nil
	}
	return "", fmt.Errorf("the database says %q", line)
}
