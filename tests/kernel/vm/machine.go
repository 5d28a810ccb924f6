package vm

import (
	"bufio"
	"encoding/json"
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

	"classicha/tests/kernel/talk"
)

// Limits of a machine under emulation on a busy computer.
const (
	bootLimit = 90 * time.Second
	CallLimit = time.Minute
)

// ErrDown is the error of a call to a machine without power.
var ErrDown = errors.New("the machine is down")

// Machine is a virtual machine with a network card and disks.
type Machine struct {
	image *Image
	net   *Network
	n     int
	dir   string
	disks []string // image files: /dev/vda, /dev/vdb, ...

	mu      sync.Mutex // guards what follows
	cmd     *exec.Cmd  // nil while it is down
	fs      *exec.Cmd  // its virtiofsd, if it has one
	conn    net.Conn
	ended   chan struct{} // closed when qemu has ended
	next    uint64
	waiting map[uint64]chan talk.Reply
}

// NewMachine describes machine n; it has no power yet. dir gets its console and
// socket; its name must be short, as names of unix sockets are.
func NewMachine(im *Image, w *Network, n int, dir string, disks ...string) *Machine {
	return &Machine{image: im, net: w, n: n, dir: dir, disks: disks, waiting: map[uint64]chan talk.Reply{}}
}

// Console is the file with what the kernel logged, of all boots.
func (m *Machine) Console() string { return filepath.Join(m.dir, fmt.Sprintf("console%d", m.n)) }

// Device is the name in the guest of disk i.
func Device(i int) string { return "/dev/vd" + string(rune('a'+i)) }

// Boot gives it power and waits until the guest answers. An emulated machine on a busy
// computer may stop early in its start (its timers do not tick as it expects); it gets
// a second chance.
func (m *Machine) Boot() error {
	err := m.boot()
	if errors.Is(err, errSilent) {
		err = m.boot()
	}
	return err
}

var errSilent = errors.New("the machine does not come up")

func (m *Machine) boot() error {
	path := filepath.Join(m.dir, fmt.Sprintf("ctl%d", m.n))
	_ = os.Remove(path)
	ln, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	defer ln.Close()
	if err := m.power(path); err != nil {
		return err
	}
	m.mu.Lock()
	ended := m.ended
	m.mu.Unlock()
	got := make(chan net.Conn, 1)
	go func() {
		if c, err := ln.Accept(); err == nil {
			got <- c
		}
		close(got)
	}()
	select {
	case c := <-got:
		if c == nil {
			m.Kill()
			return errors.New("no connection from qemu")
		}
		m.mu.Lock()
		m.conn = c
		m.mu.Unlock()
		go m.receive(c)
	case <-ended:
		return fmt.Errorf("qemu ended: %s", m.tail())
	case <-time.After(bootLimit):
		m.Kill()
		return errors.New("qemu does not connect")
	}
	if _, err := m.Call(bootLimit, talk.Request{Op: talk.OpPing}); err != nil {
		err = fmt.Errorf("%w: %v: %s", errSilent, err, m.tail())
		m.Kill()
		return err
	}
	return nil
}

func (m *Machine) power(ctl string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd != nil {
		return errors.New("the machine has power")
	}
	tap, err := m.net.tap(m.n)
	if err != nil {
		return err
	}
	console, err := os.OpenFile(m.Console(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer console.Close()
	memory, share := []string{"-m", "384"}, ""
	if m.image.shared {
		if memory, err = m.shareFiles(console); err != nil {
			m.net.untap(m.n)
			return err
		}
		share = " classicha.share=" + shareTag
	}
	args := append(memory, "-accel", m.image.Accel, "-cpu", m.image.CPU, "-M", "q35", "-smp", "1", "-display", "none", "-nodefaults", "-no-reboot",
		"-serial", "stdio", "-kernel", m.image.Kernel.Image, "-initrd", m.image.Initrd,
		"-append", fmt.Sprintf("console=ttyS0 quiet no_timer_check panic=-1 oops=panic mitigations=off classicha.name=kernel%d classicha.ip=%s%s", m.n, Addr(m.n), share),
		"-device", "virtio-serial-pci", "-chardev", "socket,id=ctl,path="+ctl, "-device", "virtserialport,chardev=ctl,name="+talk.Port,
		"-netdev", "tap,id=n0,ifname="+tap+",script=no,downscript=no", "-device", fmt.Sprintf("virtio-net-pci,netdev=n0,mac=52:54:00:88:00:%02x", m.n))
	for i, d := range m.disks {
		args = append(args, "-drive", fmt.Sprintf("file=%s,if=none,id=d%d,format=raw,cache=writeback,discard=unmap,detect-zeroes=off,file.locking=off", d, i),
			"-device", fmt.Sprintf("virtio-blk-pci,drive=d%d", i))
	}
	cmd := exec.Command("nice", append([]string{"-n", "10", "qemu-system-x86_64"}, args...)...)
	cmd.Stdout, cmd.Stderr = console, console
	if err := m.net.Start(cmd); err != nil {
		m.net.untap(m.n)
		m.unshareFiles()
		return fmt.Errorf("qemu: %w", err)
	}
	m.cmd, m.ended = cmd, make(chan struct{})
	go func() {
		_ = cmd.Wait()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.cmd = nil
		if m.conn != nil {
			m.conn.Close()
			m.conn = nil
		}
		m.net.untap(m.n)
		m.unshareFiles()
		close(m.ended)
	}()
	return nil
}

// Kill takes the power away, as one pulls a plug. What the guest had written to its
// disks stays.
func (m *Machine) Kill() {
	m.mu.Lock()
	cmd, ended := m.cmd, m.ended
	m.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill()
	<-ended
}

// Freeze stops the machine where it is, or lets it go on: it knows nothing of it.
func (m *Machine) Freeze(on bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd == nil {
		return ErrDown
	}
	if on {
		return m.cmd.Process.Signal(syscall.SIGSTOP)
	}
	return m.cmd.Process.Signal(syscall.SIGCONT)
}

// Cut pulls the network cable; Join puts it back.
func (m *Machine) Cut() error  { return m.net.Plug(m.n, false) }
func (m *Machine) Join() error { return m.net.Plug(m.n, true) }

func (m *Machine) receive(c net.Conn) {
	in := bufio.NewReaderSize(c, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		var r talk.Reply
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		m.mu.Lock()
		if err != nil {
			if m.conn == c {
				m.conn = nil
			}
			c.Close()
			for id, w := range m.waiting {
				close(w)
				delete(m.waiting, id)
			}
			m.mu.Unlock()
			return
		}
		w := m.waiting[r.ID]
		delete(m.waiting, r.ID)
		m.mu.Unlock()
		if w != nil {
			w <- r
		}
	}
}

// Call asks the guest. An error is one of the operation or ErrDown; a program that
// ends with a code that is not 0 is no error.
func (m *Machine) Call(limit time.Duration, q talk.Request) (talk.Reply, error) {
	answer := make(chan talk.Reply, 1)
	m.mu.Lock()
	if m.conn == nil {
		m.mu.Unlock()
		return talk.Reply{}, ErrDown
	}
	m.next++
	q.ID, q.MS = m.next, int(limit/time.Millisecond)
	b, err := json.Marshal(q)
	if err == nil {
		m.waiting[q.ID] = answer
		_, err = m.conn.Write(append(b, '\n'))
	}
	m.mu.Unlock()
	if err != nil {
		return talk.Reply{}, fmt.Errorf("control port: %w", err)
	}
	select {
	case r, ok := <-answer:
		if !ok {
			return r, ErrDown
		}
		if r.Err != "" {
			return r, fmt.Errorf("%s %s%s: %s", q.Op, q.Path, strings.Join(q.Args, " "), r.Err)
		}
		return r, nil
	case <-time.After(limit + 10*time.Second):
		m.mu.Lock()
		delete(m.waiting, q.ID)
		m.mu.Unlock()
		return talk.Reply{}, fmt.Errorf("%s %s%s: the guest does not answer", q.Op, q.Path, strings.Join(q.Args, " "))
	}
}

// tail is the end of the console.
func (m *Machine) tail() string {
	b, _ := os.ReadFile(m.Console())
	return string(b[max(0, len(b)-2000):])
}
