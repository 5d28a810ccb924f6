package media

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxDatagram is more than a UDP or ICMP datagram can hold.
const maxDatagram = 65536

// sock is a non-blocking datagram socket whose waiting is done by the runtime.
//
// The net package is not used because it does three things differently: it binds
// a multicast receiver to the wildcard address, it looks zone names up by itself
// (in a cache, which is wrong after an interface was replaced), and it allocates
// an address for each packet.
type sock struct {
	f      *os.File
	rc     syscall.RawConn
	closed atomic.Bool
}

// option is one setsockopt; name is for the error message.
type option struct {
	name string
	set  func(fd int) error
}

func intOption(name string, level, opt, value int) option {
	return option{name, func(fd int) error { return unix.SetsockoptInt(fd, level, opt, value) }}
}

func bindToDevice(iface string) option {
	return option{"SO_BINDTODEVICE " + iface, func(fd int) error { return unix.BindToDevice(fd, iface) }}
}

var (
	reuseAddr = intOption("SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	reusePort = intOption("SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)

	// Without these a receiver on the wildcard address also gets the packets of
	// every multicast group that anybody on the machine has joined: an mcast
	// line's frames would arrive a second time by each bcast and ucast line.
	noMcast  = intOption("IP_MULTICAST_ALL", unix.SOL_IP, unix.IP_MULTICAST_ALL, 0)
	noMcast6 = intOption("IPV6_MULTICAST_ALL", unix.SOL_IPV6, unix.IPV6_MULTICAST_ALL, 0)
)

// newSock makes a socket, sets its options in order, and binds it if there is an
// address to bind to.
func newSock(domain, typ, proto int, bind unix.Sockaddr, options ...option) (*sock, error) {
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
	if err != nil {
		return nil, fmt.Errorf("Error getting socket: %w", err)
	}
	for _, o := range options {
		if err := o.set(fd); err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("Error setting socket option %s: %w", o.name, err)
		}
	}
	if bind != nil {
		if err := unix.Bind(fd, bind); err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("Unable to bind socket. Giving up: %w", err)
		}
	}
	f := os.NewFile(uintptr(fd), "socket")
	rc, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &sock{f: f, rc: rc}, nil
}

// recv waits for a datagram. from is nil unless wanted.
func (s *sock) recv(b []byte, wantFrom bool) (n int, from unix.Sockaddr, err error) {
	werr := s.rc.Read(func(fd uintptr) bool {
		if wantFrom {
			n, from, err = unix.Recvfrom(int(fd), b, 0)
		} else {
			n, err = unix.Read(int(fd), b)
		}
		return err != unix.EAGAIN && err != unix.EINTR
	})
	return n, from, s.result(werr, err)
}

// send sends a datagram without waiting: with a full buffer it returns EAGAIN.
func (s *sock) send(b []byte, to unix.Sockaddr) (err error) {
	werr := s.rc.Write(func(fd uintptr) bool {
		for range 3 { // a signal may come in between, not for ever
			if err = unix.Sendto(int(fd), b, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, to); err != unix.EINTR {
				break
			}
		}
		return true
	})
	return s.result(werr, err)
}

func (s *sock) close() {
	s.closed.Store(true)
	s.f.Close()
}

// result joins the errors of waiting and of the call. After close it is always
// errClosed: what the runtime returns then has no exported name.
func (s *sock) result(waiting, call error) error {
	switch {
	case s.closed.Load():
		return errClosed
	case waiting != nil:
		return waiting
	}
	return call
}
