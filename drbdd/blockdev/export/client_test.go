package export

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"classicha/drbdd/blockdev"
)

// nbdClient is a small client of our own: many requests in flight, with and without
// structured replies. It is the Device of the behavioural tests.
type nbdClient struct {
	nc         net.Conn
	structured bool
	size       int64
	bs         int
	flags      uint16

	mu      sync.Mutex
	cookie  uint64
	pending map[uint64]*call
	dead    error
	ended   chan struct{}
}

type call struct {
	data []byte // to fill by a read
	off  uint64
	got  int
	done chan error
}

func dial(t testing.TB, path string, structured bool) *nbdClient {
	t.Helper()
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c := &nbdClient{nc: nc, structured: structured, pending: map[uint64]*call{}, ended: make(chan struct{})}
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	if err := c.handshake(); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	nc.SetDeadline(time.Time{})
	go c.receive()
	return c
}

func appendOption(b []byte, number uint32, data []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, magicOption)
	b = binary.BigEndian.AppendUint32(b, number)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

// readOptionReply returns kind and data of one reply.
func readOptionReply(r io.Reader) (uint32, []byte, error) {
	var h [20]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	if m := binary.BigEndian.Uint64(h[:]); m != magicOptRep {
		return 0, nil, fmt.Errorf("option reply begins with %#x", m)
	}
	data := make([]byte, binary.BigEndian.Uint32(h[16:]))
	_, err := io.ReadFull(r, data)
	return binary.BigEndian.Uint32(h[12:]), data, err
}

func (c *nbdClient) handshake() error {
	var hello [18]byte
	if _, err := io.ReadFull(c.nc, hello[:]); err != nil {
		return err
	}
	b := binary.BigEndian.AppendUint32(nil, flagFixedNewstyle|flagNoZeroes)
	if c.structured {
		b = appendOption(b, optStructuredReply, nil)
	}
	b = appendOption(b, optGo, []byte{0, 0, 0, 0, 0, 0})
	if _, err := c.nc.Write(b); err != nil {
		return err
	}
	if c.structured {
		if kind, _, err := readOptionReply(c.nc); err != nil || kind != repAck {
			return fmt.Errorf("structured replies: %#x, %w", kind, err)
		}
	}
	for {
		kind, data, err := readOptionReply(c.nc)
		switch {
		case err != nil:
			return err
		case kind == repAck:
			return nil
		case kind != repInfo:
			return fmt.Errorf("GO: reply %#x", kind)
		case binary.BigEndian.Uint16(data) == infoExport:
			c.size, c.flags = int64(binary.BigEndian.Uint64(data[2:])), binary.BigEndian.Uint16(data[10:])
		case binary.BigEndian.Uint16(data) == infoBlockSize:
			c.bs = int(binary.BigEndian.Uint32(data[2:]))
		}
	}
}

func appendCommand(b []byte, flags, kind uint16, cookie, off uint64, n uint32) []byte {
	b = binary.BigEndian.AppendUint32(b, magicRequest)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint64(b, cookie)
	b = binary.BigEndian.AppendUint64(b, off)
	return binary.BigEndian.AppendUint32(b, n)
}

func (c *nbdClient) do(flags, kind uint16, off int64, n int, payload, fill []byte) error {
	call := &call{data: fill, off: uint64(off), done: make(chan error, 1)}
	c.mu.Lock()
	if c.dead != nil {
		c.mu.Unlock()
		return c.dead
	}
	c.cookie++
	id := c.cookie
	c.pending[id] = call
	_, err := c.nc.Write(append(appendCommand(nil, flags, kind, id, uint64(off), uint32(n)), payload...))
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return <-call.done
}

func (c *nbdClient) receive() {
	defer close(c.ended)
	br := bufio.NewReader(c.nc)
	err := func() error {
		for {
			if err := c.one(br); err != nil {
				return err
			}
		}
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = err
	for _, call := range c.pending {
		call.done <- err
	}
	clear(c.pending)
}

func (c *nbdClient) one(br *bufio.Reader) error {
	var h [20]byte
	if _, err := io.ReadFull(br, h[:16]); err != nil {
		return err
	}
	id := binary.BigEndian.Uint64(h[8:])
	c.mu.Lock()
	call := c.pending[id]
	c.mu.Unlock()
	if call == nil {
		return fmt.Errorf("answer to unknown request %#x", id)
	}
	finish := func(err error) {
		c.mu.Lock()
		delete(c.pending, id)
		c.mu.Unlock()
		call.done <- err
	}
	if binary.BigEndian.Uint32(h[:]) == magicSimple {
		if n := binary.BigEndian.Uint32(h[4:]); n != 0 {
			finish(syscall.Errno(n))
			return nil
		}
		if call.data != nil && c.structured {
			return fmt.Errorf("a read was answered by a simple reply")
		}
		if _, err := io.ReadFull(br, call.data); err != nil {
			return err
		}
		finish(nil)
		return nil
	}
	if _, err := io.ReadFull(br, h[16:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint32(h[16:]))
	if _, err := io.ReadFull(br, body); err != nil {
		return err
	}
	flags, kind := binary.BigEndian.Uint16(h[4:]), binary.BigEndian.Uint16(h[6:])
	switch {
	case !c.structured || binary.BigEndian.Uint32(h[:]) != magicChunk:
		return fmt.Errorf("answer begins with %#x", h[:4])
	case kind == chunkError:
		finish(syscall.Errno(binary.BigEndian.Uint32(body)))
		return nil
	case kind == chunkData:
		call.got += copy(call.data[binary.BigEndian.Uint64(body)-call.off:], body[8:])
	}
	if flags&chunkDone != 0 {
		if call.got != len(call.data) {
			return fmt.Errorf("%d of %d bytes came before the last chunk", call.got, len(call.data))
		}
		finish(nil)
	}
	return nil
}

func (c *nbdClient) ReadAt(p []byte, off int64) (int, error) {
	if err := c.do(0, cmdRead, off, len(p), nil, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *nbdClient) WriteAt(p []byte, off int64) (int, error) {
	if err := c.do(0, cmdWrite, off, len(p), p, nil); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *nbdClient) Sync() error                { return c.do(0, cmdFlush, 0, 0, nil, nil) }
func (c *nbdClient) Discard(off, n int64) error { return c.do(0, cmdTrim, off, int(n), nil, nil) }
func (c *nbdClient) WriteZeroes(off, n int64, unmap bool) error {
	flags := uint16(cmdFlagNoHole)
	if unmap {
		flags = 0
	}
	return c.do(flags, cmdWriteZeroes, off, int(n), nil, nil)
}

func (c *nbdClient) Info() blockdev.Info {
	return blockdev.Info{Size: c.size, BlockSize: c.bs, Discard: c.flags&tTrim != 0, DiscardZeroes: true, ReadOnly: c.flags&tReadOnly != 0}
}

func (c *nbdClient) close() {
	c.mu.Lock()
	c.nc.Write(appendCommand(nil, 0, cmdDisc, 0, 0, 0))
	c.mu.Unlock()
	c.nc.Close()
	<-c.ended
}
