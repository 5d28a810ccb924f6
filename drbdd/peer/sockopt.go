package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Priorities of packets in the queue of the network card, as the kernel sets them.
const (
	prioData = 4 // TC_PRIO_INTERACTIVE_BULK
	prioMeta = 6 // TC_PRIO_INTERACTIVE
)

func network(a netip.Addr) string {
	if a.Unmap().Is4() {
		return "tcp4"
	}
	return "tcp6"
}

// buffers sets the sizes before connect and listen, so that the window is agreed with
// them. They may exceed the system's limit if we are allowed to.
func (c *Config) buffers(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		for _, o := range []struct{ size, force, plain int }{
			{c.SndBuf, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF},
			{c.RcvBuf, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF},
		} {
			if o.size > 0 && unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, o.force, o.size) != nil {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, o.plain, o.size) // a wish
			}
		}
	})
}

// dial makes one outgoing connection, bound to our own address.
func (c *Config) dial(ctx context.Context) (*net.TCPConn, error) {
	d := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.Local.Addr().Unmap(), 0)),
		KeepAlive: -1, // pings do that
		Control:   c.buffers,
	}
	nc, err := d.DialContext(ctx, network(c.Remote.Addr()), netip.AddrPortFrom(c.Remote.Addr().Unmap(), c.Remote.Port()).String())
	if err != nil {
		return nil, err
	}
	return nc.(*net.TCPConn), nil
}

// Our predecessor (an earlier connection, a daemon that just ends) may still have the
// port for a moment.
const (
	inUseTries = 20
	inUsePause = 100 * time.Millisecond
)

// listen opens the listener. Go sets SO_REUSEADDR on it.
func (c *Config) listen(ctx context.Context) (*net.TCPListener, error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: c.buffers}
	lc.SetMultipathTCP(false)
	for try := 1; ; try++ {
		l, err := lc.Listen(ctx, network(c.Local.Addr()), netip.AddrPortFrom(c.Local.Addr().Unmap(), c.Local.Port()).String())
		switch {
		case err == nil:
			return l.(*net.TCPListener), nil
		case !errors.Is(err, unix.EADDRINUSE) || try == inUseTries:
			return nil, err
		}
		select {
		case <-time.After(inUsePause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// whatFailed is the kernel's line for a failed step of connect or listen, and whether
// that step was to bind our own address.
func whatFailed(err error, doing string) (line string, bind bool) {
	var sys *os.SyscallError
	var no syscall.Errno
	if !errors.As(err, &sys) || !errors.As(err, &no) {
		return fmt.Sprintf("%s failed: %v", doing, err), false
	}
	what := sys.Syscall
	switch what {
	case "socket":
		what = "sock_create_kern"
	case "bind":
		what = "bind before " + doing
	}
	return fmt.Sprintf("%s failed, err = %d", what, -int(no)), sys.Syscall == "bind"
}

// everyday are the failures of connect that nobody needs to hear of.
func everyday(err error) bool {
	for _, e := range []error{
		unix.ECONNREFUSED, unix.ENETUNREACH, unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ETIMEDOUT,
		unix.EINPROGRESS, unix.EAGAIN, unix.EINTR, context.Canceled, context.DeadlineExceeded, os.ErrDeadlineExceeded,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// alive looks without waiting whether a connection still has its other end.
func alive(nc *net.TCPConn) bool {
	raw, err := nc.SyscallConn()
	if err != nil {
		return false
	}
	ok := false
	err = raw.Control(func(fd uintptr) {
		var b [4]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		ok = n > 0 || err == unix.EAGAIN || err == unix.EINTR
	})
	return err == nil && ok
}

// ready sets what both sockets have from the handshake on.
func ready(nc *net.TCPConn, priority int) {
	_ = nc.SetNoDelay(true) // the system knows these options; if not, it is only slower
	if raw, err := nc.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PRIORITY, priority)
		})
	}
}

// reset closes a connection of a stranger without a trace in our tables.
func reset(nc *net.TCPConn) {
	_ = nc.SetLinger(0)
	nc.Close()
}
