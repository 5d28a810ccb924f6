package rig

import (
	"net"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netns"
)

// Dial opens a TCP connection from inside the machine.
func (n *Node) Dial(to string) (net.Conn, error) {
	pid, err := strconv.Atoi(strings.Split(n.Path(""), "/")[2])
	if err != nil {
		return nil, err
	}
	var c net.Conn
	err = inNetwork(pid, func() error {
		c, err = net.DialTimeout("tcp", to, 3*time.Second)
		return err
	})
	return c, err
}

// inNetwork runs f on a thread in the network namespace of a process. A thread
// that cannot be put back ends with its goroutine.
func inNetwork(pid int, f func() error) error {
	there, err := netns.GetFromPid(pid)
	if err != nil {
		return err
	}
	defer there.Close()
	end := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err == nil {
			defer home.Close()
			if err = netns.Set(there); err == nil {
				err = f()
			}
			if netns.Set(home) == nil {
				runtime.UnlockOSThread()
			}
		}
		end <- err
	}()
	return <-end
}
