package peer

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/wire"
	"classicha/drbdd/wire/digest"
)

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// receiver reads one socket. Headers and what is small come through buf; the payload
// of data packets goes into its own buffer, as far as it is not in buf already, and
// what follows into buf with the same system call. It can stop wherever there is nothing
// to read, and go on later.
type receiver struct {
	s    *Session
	sock wire.Socket
	conn *socket
	d    wire.Dialect // with the digest of this direction
	hash hash.Hash    // of data-integrity-alg, nil = none

	buf  []byte
	r, w int // unread bytes of buf

	// The packet that is being read.
	stage   stage
	want    int // bytes of this stage, also for the log
	head    wire.Header
	plan    wire.Plan
	body    wire.Body
	sum     []byte           // its digest
	payload *blockdev.Buffer // nil: none yet
	got     int              // bytes of payload

	sumBuf, wantBuf [64]byte
	packetErr       error // set by bad packets

	iov  [2]unix.Iovec // of the read under way
	iovs int
	n    int
	no   syscall.Errno
	read func(fd uintptr) bool

	feed
}

// stage is what is read next.
type stage uint8

const (
	atHead stage = iota
	atBody
	atPayload
)

func newReceiver(s *Session, sock wire.Socket, conn *socket, size int) *receiver {
	r := &receiver{s: s, sock: sock, conn: conn, d: s.Dialect, buf: make([]byte, size)}
	r.d.Digest = 0
	r.read = r.readv
	return r
}

// readv is one system call; false when there was nothing to read and a goroutine shall wait.
func (r *receiver) readv(fd uintptr) bool {
	for {
		n, _, no := syscall.Syscall(unix.SYS_READV, fd, uintptr(unsafe.Pointer(&r.iov[0])), uintptr(r.iovs))
		if no == unix.EINTR {
			continue
		}
		r.n, r.no = int(n), no
		return no != unix.EAGAIN || !r.conn.polled
	}
}

// more reads: into dst first, the rest into the free part of buf. It returns how many
// dst got. A goroutine waits; in a ring the error is errLater when there is nothing.
func (r *receiver) more(dst []byte) (int, error) {
	if r.drained && !r.watch.Ended() {
		return 0, errLater
	}
	r.iovs = 0
	room := 0
	for _, b := range [...][]byte{dst, r.buf[r.w:]} {
		if len(b) > 0 {
			r.iov[r.iovs].Base = &b[0]
			r.iov[r.iovs].SetLen(len(b))
			r.iovs++
			room += len(b)
		}
	}
	err := r.conn.raw.Read(r.read)
	r.iov = [2]unix.Iovec{}
	switch {
	case err != nil:
		return 0, err
	case r.no == unix.EAGAIN:
		return 0, errLater
	case r.no != 0:
		return 0, os.NewSyscallError("readv", r.no)
	case r.n == 0:
		return 0, io.EOF
	}
	r.drained = r.watch != nil && r.n < room
	k := min(r.n, len(dst))
	r.w += r.n - k
	return k, nil
}

// fill reads until buf has n bytes, which fit into it.
func (r *receiver) fill(n int) error {
	if r.r == r.w {
		r.r, r.w = 0, 0
	}
	if r.w-r.r < n && r.r+n > len(r.buf) {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	for r.w-r.r < n {
		if _, err := r.more(nil); err != nil {
			return err
		}
	}
	return nil
}

// take returns the next n bytes of buf, valid until the next fill or payload.
func (r *receiver) take(n int) []byte {
	b := r.buf[r.r : r.r+n]
	r.r += n
	return b
}

// readPayload reads the payload into a buffer of the pool.
func (r *receiver) readPayload(n int) error {
	if r.payload == nil {
		p, err := r.buffer(n)
		if err != nil {
			return err
		}
		r.payload, r.got = p, copy(p.B, r.buf[r.r:r.w])
		if r.r += r.got; r.r == r.w {
			r.r, r.w = 0, 0
		}
	}
	for r.got < n {
		k, err := r.more(r.payload.B[r.got:])
		if err != nil {
			return err
		}
		r.got += k
	}
	r.volume += n
	return nil
}

func (r *receiver) bad(err error) error {
	r.packetErr = err
	return err
}

// stranger are packets that Plan knows and that have no place in a session.
func stranger(c wire.Command) bool {
	switch c {
	case wire.CmdFeatures, wire.CmdInitialData, wire.CmdInitialMeta, wire.CmdAuthChallenge, wire.CmdAuthResponse:
		return true
	}
	return false
}

// packet reads one packet and hands it over, or goes on with one.
func (r *receiver) packet() error {
	if r.stage == atHead {
		if err := r.readHead(); err != nil {
			return err
		}
	}
	if r.stage == atBody {
		if err := r.readBody(); err != nil {
			return err
		}
	}
	if r.stage == atPayload {
		if err := r.readPayload(r.plan.Payload); err != nil {
			return err
		}
	}
	r.stage = atHead
	return r.hand()
}

func (r *receiver) readHead() error {
	r.want = r.d.HeaderSize()
	if r.sock == wire.DataSocket {
		if err := r.s.held(r.s.ctx); err != nil {
			return err
		}
	}
	if err := r.fill(r.want); err != nil {
		return err
	}
	h, _, err := r.d.ParseHeader(r.take(r.want))
	if err != nil {
		return r.bad(err)
	}
	if stranger(h.Cmd) {
		return r.bad(&wire.Error{Reason: wire.UnknownCmd, Cmd: h.Cmd,
			Text: fmt.Sprintf("Unexpected %s packet %s (0x%04x)", r.sock, h.Cmd.LogName(), uint16(h.Cmd))})
	}
	if r.plan, err = r.d.Plan(r.sock, h); err != nil {
		return r.bad(err)
	}
	r.head, r.stage, r.want = h, atBody, r.plan.Body+r.plan.Digest
	return nil
}

func (r *receiver) readBody() error {
	err := r.fill(r.want)
	if err != nil {
		return err
	}
	if r.body, err = r.d.ParseBody(r.head.Cmd, r.take(r.plan.Body)); err != nil {
		return r.bad(err)
	}
	r.sum = r.take(r.plan.Digest)
	if r.plan.Payload > 0 {
		r.sum = r.wantBuf[:copy(r.wantBuf[:], r.sum)] // the payload uses buf
		r.stage, r.want = atPayload, r.plan.Payload
	}
	return nil
}

// hand gives the packet to the handler.
func (r *receiver) hand() error {
	body, payload, sum := r.body, r.payload, r.sum
	if r.plan.Bulk {
		if err := r.verify(body, payload, sum); err != nil {
			return r.bad(err)
		}
		sum = nil
	}
	if p, ok := body.(wire.Protocol); ok {
		if err := r.integrity(p.Integrity); err != nil {
			return r.bad(err)
		}
	}
	if r.s.ctx.Err() != nil { // closed meanwhile
		return net.ErrClosed
	}
	r.body, r.payload = nil, nil
	r.s.h.Packet(r.s, r.sock, int(r.head.Volume), r.head.Cmd, body, payload, sum)
	return nil
}

// integrity adopts the algorithm that the peer announced for what it sends from now
// on; whether we agree with it is for the owner to say.
func (r *receiver) integrity(alg string) error {
	size, ok := wire.DigestSize(alg)
	if !ok {
		return fmt.Errorf("unknown data-integrity-alg %q of the peer", alg)
	}
	if r.hash, r.d.Digest = nil, size; size == 0 {
		return nil
	}
	var err error
	r.hash, err = digest.New(alg)
	return err
}

// verify checks the digest of data-integrity-alg (section 9.6).
func (r *receiver) verify(body wire.Body, payload *blockdev.Buffer, sum []byte) error {
	if r.hash == nil {
		return nil
	}
	size := 0
	r.hash.Reset()
	if payload != nil {
		size = len(payload.B)
		r.hash.Write(payload.B)
	}
	if string(r.hash.Sum(r.sumBuf[:0])) == string(sum) {
		return nil
	}
	sector := uint64(0)
	switch b := body.(type) {
	case wire.Data:
		sector = b.Sector
	case wire.Trim:
		sector = b.Sector
	}
	return fmt.Errorf("Digest integrity check FAILED: %ds +%d", sector, size)
}
