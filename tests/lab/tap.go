package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Tap counts what the nodes send on their Ethernet cables, as the switch
// receives it. Times are the kernel's.
type Tap struct {
	f     *os.File
	ports map[int]string // interface index in the hub -> node
	want  func(Frame) bool
	wg    sync.WaitGroup

	mu    sync.Mutex
	nodes map[string]Traffic
}

// Traffic is what one node has sent.
type Traffic struct {
	Frames uint64
	Bytes  uint64 // whole Ethernet frames without preamble and check sequence
	Last   time.Time
	Gap    time.Duration // the longest between two frames
}

// Frame is a received Ethernet frame.
type Frame []byte

// udpPort is the destination port of an IPv4 UDP frame, or 0.
func (f Frame) udpPort() int {
	if len(f) < 42 || binary.BigEndian.Uint16(f[12:]) != 0x0800 || f[23] != 17 {
		return 0
	}
	at := 14 + int(f[14]&15)*4
	if len(f) < at+4 {
		return 0
	}
	return int(binary.BigEndian.Uint16(f[at+2:]))
}

// Heartbeats selects Heartbeat's datagrams on the usual port.
func Heartbeats(f Frame) bool { return f.udpPort() == 694 }

// VRRP selects keepalived's advertisements (IP protocol 112).
func VRRP(f Frame) bool {
	return len(f) >= 34 && binary.BigEndian.Uint16(f[12:]) == 0x0800 && f[23] == 112
}

// Tap starts counting the frames that want selects. Nodes booted later are not
// seen. The caller must Close it.
func (l *Lab) Tap(want func(Frame) bool) (*Tap, error) {
	t := &Tap{ports: map[int]string{}, want: want, nodes: map[string]Traffic{}}
	for _, n := range l.Nodes {
		for i := range l.opt.Segments {
			if link, err := l.hub.nl.LinkByName(portName(n.Name(), i)); err == nil {
				t.ports[link.Attrs().Index] = n.Name()
			}
		}
	}
	var fd int
	err := l.hub.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(htons(unix.ETH_P_ALL)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		unix.Close(fd)
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	t.f = os.NewFile(uintptr(fd), "tap")
	t.wg.Add(1)
	go t.read()
	return t, nil
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func (t *Tap) read() {
	defer t.wg.Done()
	raw, err := t.f.SyscallConn()
	if err != nil {
		return
	}
	buf, oob := make([]byte, 1<<16), make([]byte, 256)
	for {
		var n, oobn int
		var from unix.Sockaddr
		var rerr error
		err := raw.Read(func(fd uintptr) bool {
			n, oobn, _, from, rerr = unix.Recvmsg(int(fd), buf, oob, 0)
			return !errors.Is(rerr, unix.EAGAIN)
		})
		if err != nil || rerr != nil && !errors.Is(rerr, unix.ENETDOWN) {
			return // closed
		}
		ll, ok := from.(*unix.SockaddrLinklayer)
		if !ok || ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if node, ok := t.ports[ll.Ifindex]; ok && t.want(Frame(buf[:n])) {
			t.count(node, n, stamp(oob[:oobn]))
		}
	}
}

func (t *Tap) count(node string, size int, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tr := t.nodes[node]
	if tr.Frames > 0 {
		tr.Gap = max(tr.Gap, at.Sub(tr.Last))
	}
	tr.Frames++
	tr.Bytes += uint64(size)
	tr.Last = at
	t.nodes[node] = tr
}

// stamp is the kernel's receive time in a control message, or now.
func stamp(oob []byte) time.Time {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err == nil {
		for _, m := range msgs {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
				return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
			}
		}
	}
	return time.Now()
}

// Sent is what a node has sent since the tap was opened.
func (t *Tap) Sent(node string) Traffic {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.nodes[node]
}

// Close ends the tap.
func (t *Tap) Close() {
	_ = t.f.Close()
	t.wg.Wait()
}
