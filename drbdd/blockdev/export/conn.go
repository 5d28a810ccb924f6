package export

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"classicha/drbdd/blockdev"
)

// maxInFlight bounds the commands of one connection.
const maxInFlight = 128

// conn is one client in the transmission phase.
type conn struct {
	nc         *net.UnixConn
	br         *bufio.Reader
	backend    blockdev.Backend
	pool       *blockdev.Pool
	structured bool
	limit      int           // bytes of a piece
	timeout    time.Duration // of one write to the socket
	slots      chan struct{}
	gate       blockdev.Gate
	ctx        context.Context // ends with the connection
	cancel     context.CancelFunc
	out        outbox
}

// job is one command; it may have several pieces in the backend.
type job struct {
	c    *conn
	cmd  command
	mu   sync.Mutex
	left int   // pieces that did not complete, and one for the reader while it makes more
	err  error // the first
}

// piece is one request to the backend, and the answer that it causes.
type piece struct {
	req  blockdev.Request
	job  *job
	head []byte // of the answer
	buf  *blockdev.Buffer
	last bool // the job's slot is free once this is sent
	rest bool // simple answers: more of the same read follows, see stream
	hd   [64]byte
}

// read takes requests until the connection ends. A nil error means that the client said goodbye.
func (c *conn) read() error {
	var hd [requestHeaderSize]byte
	for {
		if _, err := io.ReadFull(c.br, hd[:]); err != nil {
			return err
		}
		cmd, err := parseCommand(hd[:])
		if err != nil {
			return err
		}
		if cmd.kind == cmdDisc {
			return nil
		}
		select {
		case c.slots <- struct{}{}:
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
		if err := c.begin(&job{c: c, cmd: cmd, left: 1}); err != nil {
			return err
		}
	}
}

// begin carries out one command. An error ends the connection.
func (c *conn) begin(j *job) error {
	op, flags, err := j.cmd.operation()
	if err == nil {
		err = c.check(j, op)
	}
	switch {
	case err != nil && j.cmd.kind == cmdWrite:
		if _, e := io.CopyN(io.Discard, c.br, int64(j.cmd.length)); e != nil {
			return e
		}
		fallthrough
	case err != nil:
		j.fail(err)
		j.pieceDone(nil)
		return nil
	case !op.HasData():
		p := j.piece(op, flags, int64(j.cmd.off), int64(j.cmd.length))
		if op == blockdev.Flush {
			p.req.Off, p.req.Len = 0, 0
		}
		return c.submit(p)
	}
	total := int64(j.cmd.length)
	if op == blockdev.Read && !c.structured && total > int64(c.limit) {
		return c.beginStream(j, flags)
	}
	for done := int64(0); done < total; {
		n := min(total-done, int64(c.limit))
		b, err := c.pool.Get(c.ctx, int(n))
		if err != nil {
			j.drop()
			return err
		}
		if op == blockdev.Write {
			if _, err := io.ReadFull(c.br, b.B); err != nil {
				b.Release()
				j.drop()
				return err
			}
		}
		p := j.piece(op, flags, int64(j.cmd.off)+done, n)
		p.req.Buf, p.req.Data = b, b.B
		done += n
		if done < total {
			j.mu.Lock()
			j.left++ // the reader stays with the job
			j.mu.Unlock()
		}
		if err := c.submit(p); err != nil {
			return err
		}
	}
	return nil
}

// check refuses a range as a whole, before a part of it is done.
func (c *conn) check(j *job, op blockdev.Op) error {
	info, off, n := c.backend.Info(), int64(j.cmd.off), int64(j.cmd.length)
	switch {
	case op == blockdev.Flush:
		return nil
	case op.Changes() && info.ReadOnly:
		return blockdev.ErrReadOnly
	case op.HasData() && n > maxPayload, op == blockdev.Read && j.cmd.flags&cmdFlagDF != 0 && n > int64(c.limit):
		return syscall.EOVERFLOW
	case info.InRange(off, n):
		return nil
	case op.Changes() && n > 0 && (off > info.Size || n > info.Size-off):
		return syscall.ENOSPC // what the protocol wants for writes behind the end
	}
	return blockdev.ErrRange
}

func (j *job) piece(op blockdev.Op, flags blockdev.Flags, off, n int64) *piece {
	p := &piece{job: j}
	p.req = blockdev.Request{ID: j.cmd.cookie, Op: op, Flags: flags, Off: off, Len: n, Done: pieceDone, Ctx: p}
	return p
}

func (c *conn) submit(p *piece) error {
	if !c.gate.Enter() {
		if p.req.Buf != nil {
			p.req.Buf.Release()
		}
		p.job.drop()
		return blockdev.ErrShutdown
	}
	p.req.Start()
	c.backend.Submit(&p.req)
	return nil
}

func pieceDone(r *blockdev.Request, err error) {
	p := r.Ctx.(*piece)
	j := p.job
	p.buf, r.Buf = r.Buf, nil
	if err != nil {
		j.fail(err)
	}
	j.pieceDone(p)
	j.c.gate.Leave()
}

func (j *job) fail(err error) {
	j.mu.Lock()
	if j.err == nil {
		j.err = err
	}
	j.mu.Unlock()
}

// drop forgets a job whose connection is about to end.
func (j *job) drop() { j.fail(blockdev.ErrShutdown) }

// pieceDone makes the answer of a piece, or of the whole job after the last one. p is nil
// when nothing went to the backend.
func (j *job) pieceDone(p *piece) {
	c := j.c
	j.mu.Lock()
	defer j.mu.Unlock() // until it is in the outbox: the last answer must come last
	j.left--
	last, err := j.left == 0, j.err
	if p == nil {
		p = &piece{job: j}
	}
	p.last = last
	read := j.cmd.kind == cmdRead
	switch {
	case read && c.structured && err == nil:
		flags := uint16(0)
		if last {
			flags = chunkDone
		}
		p.head = appendChunk(p.hd[:0], flags, chunkData, j.cmd.cookie, 8+len(p.req.Data))
		p.head = binary.BigEndian.AppendUint64(p.head, uint64(p.req.Off))
	case !last:
		p.head = nil // writes answer once; of a failed read only the end is told
	case read && c.structured:
		p.head = appendChunk(p.hd[:0], chunkDone, chunkError, j.cmd.cookie, 6)
		p.head = binary.BigEndian.AppendUint32(p.head, wireError(err))
		p.head = binary.BigEndian.AppendUint16(p.head, 0)
	default:
		p.head = appendSimple(p.hd[:0], j.cmd.cookie, wireError(err))
	}
	if p.buf != nil && (!read || err != nil) {
		p.buf.Release()
		p.buf = nil
	}
	c.out.put(p)
}

// describe says in one line why a connection ended; "" for a normal end.
func describe(err error) string {
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, context.Canceled):
		return ""
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it closed the connection within a message"
	}
	var op *net.OpError // its text repeats the socket's path
	if errors.As(err, &op) {
		return fmt.Sprintf("%s: %v", op.Op, op.Err)
	}
	return err.Error()
}
