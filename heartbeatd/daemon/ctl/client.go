package ctl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"classicha/heartbeatd/cluster"
)

// ErrNotRunning means that no daemon answers on the socket.
var ErrNotRunning = errors.New("heartbeat is not running on this machine")

// maxReply bounds a reply line.
const maxReply = 16 << 20

// Client is a connection to the daemon, for one goroutine.
type Client struct {
	c net.Conn
	r *bufio.Reader
}

// Dial connects. Errors wrap ErrNotRunning or fs.ErrPermission where they apply.
func Dial(ctx context.Context, path string) (*Client, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	c, err := d.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return &Client{c: c, r: bufio.NewReader(c)}, nil
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w (%s)", ErrNotRunning, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: %s is for root and members of the group haclient", fs.ErrPermission, path)
	}
	return nil, err
}

// Close ends the connection.
func (c *Client) Close() error { return c.c.Close() }

// Call sends a request and decodes the reply into out (nil: ignored). The error
// is the server's sentence if it refused. Words must have no blanks.
func (c *Client) Call(ctx context.Context, out any, verb string, args ...string) error {
	stop := c.bound(ctx, callLimit+5*time.Second)
	defer stop()
	if err := c.send(verb, args); err != nil {
		return c.explain(ctx, err)
	}
	line, err := c.line()
	if err != nil {
		return c.explain(ctx, err)
	}
	return decode(line, out)
}

// Watch asks for views and calls f with each until f or the connection fails.
// period > 0 asks for one at least so often.
func (c *Client) Watch(ctx context.Context, period time.Duration, f func(line []byte, v cluster.View) error) error {
	var args []string
	if period > 0 {
		args = []string{fmt.Sprint(period.Milliseconds())}
	}
	stop := c.bound(ctx, 0)
	defer stop()
	if err := c.send("watch", args); err != nil {
		return c.explain(ctx, err)
	}
	for {
		line, err := c.line()
		if err != nil {
			return c.explain(ctx, err)
		}
		var v cluster.View
		if err := decode(line, &v); err != nil {
			return err
		}
		if err := f(line, v); err != nil {
			return err
		}
	}
}

func (c *Client) send(verb string, args []string) error {
	words := append([]string{verb}, args...)
	for _, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\r\n\v\f") {
			return fmt.Errorf("%q cannot be part of a request", w)
		}
	}
	line := strings.Join(words, " ") + "\n"
	if len(line) > maxRequest {
		return fmt.Errorf("request is longer than %d bytes", maxRequest)
	}
	_, err := c.c.Write([]byte(line))
	return err
}

func (c *Client) line() ([]byte, error) {
	var out []byte
	for {
		part, err := c.r.ReadSlice('\n')
		out = append(out, part...)
		if err == nil {
			return out, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(out) > maxReply {
			return nil, fmt.Errorf("reply is longer than %d bytes", maxReply)
		}
	}
}

// bound ends the connection's waits with ctx, or after limit (0: never).
func (c *Client) bound(ctx context.Context, limit time.Duration) (stop func() bool) {
	end := time.Time{}
	if limit > 0 {
		end = time.Now().Add(limit)
	}
	_ = c.c.SetDeadline(end)
	return context.AfterFunc(ctx, func() { _ = c.c.SetDeadline(time.Unix(1, 0)) })
}

// explain prefers the reason of the caller, and turns an end of the connection
// into what it means.
func (c *Client) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("control socket: %w", err)
}

func decode(line []byte, out any) error {
	var f failure
	if err := json.Unmarshal(line, &f); err == nil && f.Error != "" {
		return errors.New(f.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(line, out); err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// View asks the daemon at path for its view, once.
func View(ctx context.Context, path string) (v cluster.View, err error) {
	c, err := Dial(ctx, path)
	if err != nil {
		return v, err
	}
	defer c.Close()
	err = c.Call(ctx, &v, "view")
	return v, err
}

// Do sends one request to the daemon at path.
func Do(ctx context.Context, path string, out any, verb string, args ...string) error {
	c, err := Dial(ctx, path)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Call(ctx, out, verb, args...)
}
