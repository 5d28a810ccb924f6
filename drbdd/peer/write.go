package peer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"classicha/drbdd/wire"
)

// maxIov is how many pieces one system call takes.
const maxIov = 1024

// writing is the state of a batch on its way into the socket.
type writing struct {
	iov       []unix.Iovec // all pieces of the batch
	next      int          // the first that is not written
	moreReady bool         // another batch follows at once
	patient   bool         // wait until there is room
	n         int
	no        syscall.Errno
	hdr       unix.Msghdr
	call      func(fd uintptr) bool
}

// write sends a batch and finishes its items as they go. It tells whether something is
// left: only if it may not block. A batch that fails is released.
func (q *sender) write(b *batch, block bool) (left bool) {
	if b.sums && b.done == 0 {
		b.addSums()
	}
	if err := q.send(b, block); err != nil {
		if errors.Is(err, unix.EAGAIN) {
			return true
		}
		q.failed(err)
		q.drop(b)
	}
	clear(q.iov)
	q.iov, q.next = q.iov[:0], 0
	return false
}

// addSums computes the digests of the payloads.
func (b *batch) addSums() {
	for i := range b.items {
		it := &b.items[i]
		if it.hash == nil {
			continue
		}
		it.hash.Reset()
		it.hash.Write(it.payload)
		it.hash.Sum(b.heads[:it.sum]) // appends in place
		it.hash = nil
	}
	b.sums = false
}

func (q *sender) piece(b []byte) {
	if len(b) > 0 {
		v := unix.Iovec{Base: &b[0]}
		v.SetLen(len(b))
		q.iov = append(q.iov, v)
	}
}

// send writes what is left of the pieces of a batch, which are made when it begins.
func (q *sender) send(b *batch, block bool) error {
	if len(q.iov) == 0 {
		at := 0
		for i := range b.items {
			if it := &b.items[i]; len(it.payload) > 0 {
				q.piece(b.heads[at:it.head])
				q.piece(it.payload)
				at = it.head
			}
		}
		q.piece(b.heads[at:])
	}
	for q.next < len(q.iov) {
		n, err := q.once(block)
		if err != nil {
			return err
		}
		b.sent += n
		q.queued.Add(int64(-n))
		q.forward(n)
		q.finish(b)
	}
	return nil
}

// forward skips n written bytes.
func (q *sender) forward(n int) {
	for n > 0 {
		v := &q.iov[q.next]
		k := int(v.Len)
		if n < k {
			v.Base = (*byte)(unsafe.Add(unsafe.Pointer(v.Base), n))
			v.SetLen(k - n)
			return
		}
		n -= k
		q.next++
	}
}

// finish tells the end of the packets that are sent.
func (q *sender) finish(b *batch) {
	for b.done < len(b.items) && b.items[b.done].until <= b.sent {
		it := &b.items[b.done]
		b.done++
		if it.release != nil {
			it.release()
		}
		if it.token != 0 {
			q.s.h.Sent(q.s, it.token)
		}
	}
}

// once writes at least one byte. Without block the error is EAGAIN if there is no
// room; with it, it waits, and tells the handler after each Timeout.
func (q *sender) once(block bool) (int, error) {
	for expired := false; ; {
		q.patient = false
		err := q.conn.raw.Write(q.call)
		switch {
		case err != nil:
			return 0, err
		case q.no == 0:
			return q.n, nil // also if there is a little room, of which the system does not tell
		case q.no != unix.EAGAIN || !block:
			return 0, q.no
		}
		if expired {
			q.s.h.Stalled(q.s, q.sock)
		}
		q.patient = true
		err = q.conn.write(q.s.ctx, q.call, q.s.cfg.Timeout)
		switch {
		case err == nil && q.no == 0:
			return q.n, nil
		case err == nil:
			return 0, q.no
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return 0, err
		case q.s.ctx.Err() != nil:
			return 0, net.ErrClosed
		}
		expired = true
	}
}

// sendmsg is one system call; false when it is to be repeated when there is room.
func (q *sender) sendmsg(fd uintptr) bool {
	k := min(len(q.iov)-q.next, maxIov)
	q.hdr.Iov = &q.iov[q.next]
	q.hdr.SetIovlen(k)
	flags := unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	if q.next+k < len(q.iov) || q.s.cfg.Cork && q.moreReady {
		flags |= unix.MSG_MORE // the next call is about to follow
	}
	for {
		n, _, no := syscall.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&q.hdr)), uintptr(flags))
		if no == unix.EINTR {
			continue
		}
		q.n, q.no, q.hdr.Iov = int(n), no, nil
		return no != unix.EAGAIN || !q.patient
	}
}

// failed ends the session because of a write.
func (q *sender) failed(err error) {
	name := "sock"
	if q.sock == wire.MetaSocket {
		name = "msock"
	}
	line := fmt.Sprintf("%s_sendmsg failed: %v", name, err)
	var no syscall.Errno
	if errors.As(err, &no) {
		line = fmt.Sprintf("%s_sendmsg returned %d", name, -int(no))
	}
	q.s.fail(ending{sock: q.sock, cause: wire.BrokenPipe, line: line})
}
