package lab

import (
	"fmt"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// space is a network namespace: a descriptor that keeps it alive, and a socket
// inside for changing it.
type space struct {
	ns netns.NsHandle
	nl *netlink.Handle
}

// newSpace makes an empty network namespace. It goes away with Close, or with
// this program.
func newSpace() (*space, error) {
	var s *space
	err := onThread(func() error {
		ns, err := netns.New() // also moves this thread in; onThread moves it back
		if err != nil {
			return err
		}
		s, err = openSpace(ns)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	return s, nil
}

// spaceOf opens the network namespace of a process.
func spaceOf(pid int) (*space, error) {
	ns, err := netns.GetFromPid(pid)
	if err != nil {
		return nil, fmt.Errorf("network namespace of %d: %w", pid, err)
	}
	return openSpace(ns)
}

func openSpace(ns netns.NsHandle) (*space, error) {
	nl, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE) // not every kernel has the other families
	if err != nil {
		ns.Close()
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	return &space{ns: ns, nl: nl}, nil
}

func (s *space) Close() {
	s.nl.Close()
	s.ns.Close()
}

// do runs f on a thread that is inside the namespace: sockets that f makes and
// processes that f starts belong to it. f must not start goroutines that do so.
func (s *space) do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(s.ns); err != nil {
			return err
		}
		return f()
	})
}

// onThread runs f with its own thread and puts the thread back into the network
// namespace it was in. A thread that cannot be put back is never used again.
func onThread(f func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	err = f()
	if back := netns.Set(home); back != nil {
		return back // stays locked: the thread ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}
