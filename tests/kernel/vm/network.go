package vm

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Network is a network namespace with one bridge, br0, and nothing else: there is
// no way out of it. Programs started in it have the address Host, machines get
// theirs by their number. It has no name and ends with Close and its programs.
type Network struct {
	ns netns.NsHandle
	nl *netlink.Handle
	br netlink.Link
}

// Host is the address of programs in the namespace; Addr that of a machine.
const Host = "10.88.0.1"

// Addr is the address of machine n, which is 1 or more.
func Addr(n int) string { return fmt.Sprintf("10.88.0.%d", 10+n) }

// NewNetwork makes the namespace and its bridge.
func NewNetwork() (*Network, error) {
	w := &Network{}
	err := onThread(func() (err error) {
		if w.ns, err = netns.New(); err != nil {
			return err
		}
		w.nl, err = netlink.NewHandle()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	if err := w.build(); err != nil {
		w.Close()
		return nil, fmt.Errorf("bridge: %w", err)
	}
	return w, nil
}

func (w *Network) build() error {
	lo, err := w.nl.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := w.nl.LinkSetUp(lo); err != nil {
		return err
	}
	if err := w.nl.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}); err != nil {
		return err
	}
	if w.br, err = w.nl.LinkByName("br0"); err != nil {
		return err
	}
	addr, err := netlink.ParseAddr(Host + "/24")
	if err != nil {
		return err
	}
	if err := w.nl.AddrAdd(w.br, addr); err != nil {
		return err
	}
	return w.nl.LinkSetUp(w.br)
}

// tap makes the cable of machine n and plugs it in.
func (w *Network) tap(n int) (string, error) {
	name := fmt.Sprintf("tap%d", n)
	err := w.do(func() error {
		return w.nl.LinkAdd(&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.TUNTAP_MODE_TAP})
	})
	if err != nil {
		return "", fmt.Errorf("tap device: %w", err)
	}
	link, err := w.nl.LinkByName(name)
	if err != nil {
		return "", err
	}
	if err := w.nl.LinkSetUp(link); err != nil {
		return "", err
	}
	return name, w.Plug(n, true)
}

// Plug puts the cable of machine n into the bridge, or pulls it: nobody sees a
// carrier go, packets are just lost.
func (w *Network) Plug(n int, in bool) error {
	link, err := w.nl.LinkByName(fmt.Sprintf("tap%d", n))
	if err != nil {
		return err
	}
	if in {
		return w.nl.LinkSetMaster(link, w.br)
	}
	return w.nl.LinkSetNoMaster(link)
}

func (w *Network) untap(n int) {
	if link, err := w.nl.LinkByName(fmt.Sprintf("tap%d", n)); err == nil {
		_ = w.nl.LinkDel(link)
	}
}

// Start starts a program in the namespace. It is killed when this program ends.
func (w *Network) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return w.do(cmd.Start)
}

// Close lets go of the namespace.
func (w *Network) Close() {
	if w.nl != nil {
		w.nl.Close()
	}
	w.ns.Close()
}

func (w *Network) do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(w.ns); err != nil {
			return err
		}
		return f()
	})
}

// onThread runs f with a thread of its own and brings that back to its namespace. A
// thread that cannot be brought back is not used again.
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
		return back
	}
	runtime.UnlockOSThread()
	return err
}
