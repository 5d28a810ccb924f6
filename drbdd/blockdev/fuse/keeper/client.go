package keeper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Client is a connection to the keeper. It is the ownership of what was put or taken by
// it: it stays open as long as the process serves devices.
type Client struct {
	mu   sync.Mutex // one request at a time
	conn *net.UnixConn
	pid  int
}

// Connect connects to the keeper that listens at path. When there is none it makes the socket
// and calls spawn with it, which starts a keeper; see Start.
func Connect(path string, spawn func(ln *os.File) error) (*Client, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	for range 3 { // an idle keeper may end between our connection and its answer
		var c *Client
		if c, err = connect(path, spawn); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("keeper at %s: %w", path, err)
}

func connect(path string, spawn func(ln *os.File) error) (*Client, error) {
	addr := &net.UnixAddr{Name: path, Net: "unixpacket"}
	conn, err := net.DialUnix("unixpacket", nil, addr)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
		if err := begin(addr, spawn); err != nil {
			return nil, fmt.Errorf("start it: %w", err)
		}
		conn, err = net.DialUnix("unixpacket", nil, addr)
	}
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn}
	r, _, err := c.call(request{Op: "hello"}, nil, 10*time.Second)
	if err == nil && r.Version != version {
		err = fmt.Errorf("it speaks version %d, not %d", r.Version, version)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.pid = r.PID
	return c, nil
}

// begin listens and starts the keeper. The socket works from the first moment: who connects early
// waits in its queue.
func begin(addr *net.UnixAddr, spawn func(*os.File) error) error {
	if spawn == nil {
		return errors.New("there is none, and nobody to start one")
	}
	os.Remove(addr.Name)
	ln, err := net.ListenUnix("unixpacket", addr)
	if err != nil {
		return err
	}
	ln.SetUnlinkOnClose(false)
	defer ln.Close()
	if err := os.Chmod(addr.Name, 0o600); err != nil {
		return err
	}
	f, err := ln.File()
	if err != nil {
		return err
	}
	defer f.Close()
	return spawn(f)
}

// call sends a request and waits for its answer. After a failure the connection is of no use.
func (c *Client) call(q request, files []*os.File, limit time.Duration) (reply, []int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fds := make([]int, 0, len(files))
	for _, f := range files {
		// Not f.Fd(): that would make the descriptor blocking, for its other owners too.
		raw, err := f.SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) {
				if n, e := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3); e == nil {
					fds = append(fds, n)
				}
			})
		}
		if err != nil {
			closeAll(fds)
			return reply{}, nil, err
		}
	}
	defer closeAll(fds)
	if len(fds) != len(files) {
		return reply{}, nil, syscall.EMFILE
	}
	if err := send(c.conn, q, fds); err != nil {
		c.conn.Close()
		return reply{}, nil, err
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return reply{}, nil, err
	}
	var r reply
	got, err := receive(c.conn, &r)
	if err != nil {
		c.conn.Close() // an answer that came later would be taken for that of another request
	} else {
		err = r.err()
	}
	if err != nil {
		closeAll(got)
		return r, nil, err
	}
	return r, got, nil
}

// Put gives copies of files to the keeper, under a name that is ours or new. If the keeper is killed
// the kernel closes them in this order.
func (c *Client) Put(name string, state []byte, files ...*os.File) error {
	_, _, err := c.call(request{Op: "put", Name: name, State: state}, files, 10*time.Second)
	return err
}

// Take makes us the owner of a name and returns what its last owner put. While that one
// is dying Take waits, until ctx ends at the latest. Errors: ErrNone, ErrHeld.
func (c *Client) Take(ctx context.Context, name string) (state []byte, files []*os.File, err error) {
	wait := time.Minute
	if t, ok := ctx.Deadline(); ok {
		wait = max(time.Until(t), 0)
	}
	r, fds, err := c.call(request{Op: "take", Name: name, Wait: wait.Milliseconds()}, nil, wait+10*time.Second)
	if err != nil {
		return nil, nil, err
	}
	for _, fd := range fds {
		files = append(files, os.NewFile(uintptr(fd), name))
	}
	return r.State, files, nil
}

// Drop makes the keeper close what it has of a name of ours.
func (c *Client) Drop(name string) error { return c.simple("drop", name) }

// Release leaves a name of ours to a successor. We must have nothing in flight.
func (c *Client) Release(name string) error { return c.simple("release", name) }

func (c *Client) simple(op, name string) error {
	_, _, err := c.call(request{Op: op, Name: name}, nil, 10*time.Second)
	return err
}

// List names everything that the keeper holds.
func (c *Client) List() ([]string, error) {
	r, _, err := c.call(request{Op: "list"}, nil, 10*time.Second)
	return r.Names, err
}

// PID is the keeper's process.
func (c *Client) PID() int { return c.pid }

// Close ends the connection. What we own becomes free when this process has ended.
func (c *Client) Close() error { return c.conn.Close() }
