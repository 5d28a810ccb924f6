package kernel

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// nbd is a client of drbdd's export: one request at a time, so it is safe for one
// goroutine.
type nbd struct {
	c     net.Conn
	size  int64
	flags uint16
	id    uint64
}

const (
	nbdRead, nbdWrite, nbdFlush, nbdTrim, nbdZero = 0, 1, 3, 4, 6

	nbdFUA, nbdNoHole = 1, 2
)

// nbdLimit bounds one request; a peer under emulation may take long.
const nbdLimit = time.Minute

func dialNBD(path string) (*nbd, error) {
	c, err := net.DialTimeout("unix", path, 5*time.Second)
	if err != nil {
		return nil, err
	}
	n := &nbd{c: c}
	if err := n.hello(); err != nil {
		c.Close()
		return nil, fmt.Errorf("NBD handshake: %w", err)
	}
	return n, nil
}

func (n *nbd) hello() error {
	_ = n.c.SetDeadline(time.Now().Add(nbdLimit))
	var h [20]byte
	if _, err := io.ReadFull(n.c, h[:18]); err != nil {
		return err
	}
	b := binary.BigEndian.AppendUint32(nil, 3) // fixed newstyle, no zeroes
	b = append(b, "IHAVEOPT"...)
	b = binary.BigEndian.AppendUint32(b, 7) // GO
	b = binary.BigEndian.AppendUint32(b, 6)
	b = append(b, 0, 0, 0, 0, 0, 0)
	if _, err := n.c.Write(b); err != nil {
		return err
	}
	for {
		if _, err := io.ReadFull(n.c, h[:]); err != nil {
			return err
		}
		data := make([]byte, binary.BigEndian.Uint32(h[16:]))
		if _, err := io.ReadFull(n.c, data); err != nil {
			return err
		}
		switch kind := binary.BigEndian.Uint32(h[12:]); {
		case kind == 1: // acknowledged
			return nil
		case kind != 3:
			return fmt.Errorf("reply %#x %q", kind, data)
		case binary.BigEndian.Uint16(data) == 0:
			n.size, n.flags = int64(binary.BigEndian.Uint64(data[2:])), binary.BigEndian.Uint16(data[10:])
		}
	}
}

// do carries out one request; data is what a write sends or a read fills.
func (n *nbd) do(kind, flags uint16, off, length int64, data []byte) error {
	n.id++
	b := binary.BigEndian.AppendUint32(nil, 0x25609513)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint64(b, n.id)
	b = binary.BigEndian.AppendUint64(b, uint64(off))
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	_ = n.c.SetDeadline(time.Now().Add(nbdLimit))
	if kind == nbdWrite {
		b = append(b, data...)
	}
	if _, err := n.c.Write(b); err != nil {
		return err
	}
	var h [16]byte
	if _, err := io.ReadFull(n.c, h[:]); err != nil {
		return err
	}
	if id := binary.BigEndian.Uint64(h[8:]); id != n.id || binary.BigEndian.Uint32(h[:]) != 0x67446698 {
		return fmt.Errorf("NBD reply % x to request %d", h, n.id)
	}
	if e := binary.BigEndian.Uint32(h[4:]); e != 0 {
		return syscall.Errno(e)
	}
	if kind == nbdRead {
		_, err := io.ReadFull(n.c, data)
		return err
	}
	return nil
}

// ReadAt implements io.ReaderAt.
func (n *nbd) ReadAt(b []byte, off int64) (int, error) {
	if err := n.do(nbdRead, 0, off, int64(len(b)), b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close says goodbye and waits until the server has heard it: it counts who has the
// device open.
func (n *nbd) Close() {
	_ = n.c.SetDeadline(time.Now().Add(5 * time.Second))
	b := binary.BigEndian.AppendUint32(nil, 0x25609513)
	_, _ = n.c.Write(append(b, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
	_, _ = n.c.Read(make([]byte, 1))
	n.c.Close()
}
