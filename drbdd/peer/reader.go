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
// what follows into buf with the same system call.
type receiver struct {
	s    *Session
	sock wire.Socket
	raw  syscall.RawConn
	d    wire.Dialect // with the digest of this direction
	hash hash.Hash    // of data-integrity-alg, nil = none

	buf  []byte
	r, w int // unread bytes of buf

	sum, want [64]byte
	packetErr error // set by bad packets

	iov  [2]unix.Iovec // of the read under way
	iovs int
	n    int
	no   syscall.Errno
	read func(fd uintptr) bool
}

func newReceiver(s *Session, sock wire.Socket, nc *net.TCPConn, size int) *receiver {
	r := &receiver{s: s, sock: sock, d: s.Dialect, buf: make([]byte, size)}
	r.d.Digest = 0
	r.read = r.readv
	r.raw, _ = nc.SyscallConn() // fails only for a nil connection
	return r
}

// readv is one system call; false when there was nothing to read.
func (r *receiver) readv(fd uintptr) bool {
	for {
		n, _, no := syscall.Syscall(unix.SYS_READV, fd, uintptr(unsafe.Pointer(&r.iov[0])), uintptr(r.iovs))
		if no == unix.EINTR {
			continue
		}
		r.n, r.no = int(n), no
		return no != unix.EAGAIN
	}
}

// more waits for bytes: into dst first, the rest into the free part of buf. It
// returns how many dst got.
func (r *receiver) more(dst []byte) (int, error) {
	r.iovs = 0
	for _, b := range [...][]byte{dst, r.buf[r.w:]} {
		if len(b) > 0 {
			r.iov[r.iovs].Base = &b[0]
			r.iov[r.iovs].SetLen(len(b))
			r.iovs++
		}
	}
	err := r.raw.Read(r.read)
	r.iov = [2]unix.Iovec{}
	switch {
	case err != nil:
		return 0, err
	case r.no != 0:
		return 0, os.NewSyscallError("readv", r.no)
	case r.n == 0:
		return 0, io.EOF
	}
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

// payload returns n bytes in a buffer of the pool.
func (r *receiver) payload(n int) (*blockdev.Buffer, error) {
	p := r.s.cfg.Pool.TryGet(n)
	if p == nil {
		var err error
		if p, err = r.s.cfg.Pool.Get(r.s.ctx, n); err != nil {
			return nil, err
		}
	}
	got := copy(p.B, r.buf[r.r:r.w])
	if r.r += got; r.r == r.w {
		r.r, r.w = 0, 0
	}
	for got < n {
		k, err := r.more(p.B[got:])
		if err != nil {
			p.Release()
			return nil, err
		}
		got += k
	}
	return p, nil
}

func (r *receiver) run() {
	for {
		want := r.d.HeaderSize()
		if err := r.packet(&want); err != nil {
			if r.packetErr != nil {
				r.s.badPacket(r.sock, err)
			} else {
				r.s.readFailed(r.sock, err, want)
			}
			return
		}
	}
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

// packet reads one packet and hands it over. want is what is being read, for the log.
func (r *receiver) packet(want *int) error {
	if err := r.fill(*want); err != nil {
		return err
	}
	h, _, err := r.d.ParseHeader(r.take(*want))
	if err != nil {
		return r.bad(err)
	}
	if stranger(h.Cmd) {
		return r.bad(&wire.Error{Reason: wire.UnknownCmd, Cmd: h.Cmd,
			Text: fmt.Sprintf("Unexpected %s packet %s (0x%04x)", r.sock, h.Cmd.LogName(), uint16(h.Cmd))})
	}
	plan, err := r.d.Plan(r.sock, h)
	if err != nil {
		return r.bad(err)
	}
	*want = plan.Body + plan.Digest
	if err := r.fill(*want); err != nil {
		return err
	}
	body, err := r.d.ParseBody(h.Cmd, r.take(plan.Body))
	if err != nil {
		return r.bad(err)
	}
	sum := r.take(plan.Digest)
	var payload *blockdev.Buffer
	if plan.Payload > 0 {
		sum = r.want[:copy(r.want[:], sum)] // payload uses buf
		*want = plan.Payload
		if payload, err = r.payload(plan.Payload); err != nil {
			return err
		}
	}
	if plan.Bulk {
		if err := r.verify(body, payload, sum); err != nil {
			if payload != nil {
				payload.Release()
			}
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
		if payload != nil {
			payload.Release()
		}
		return net.ErrClosed
	}
	r.s.h.Packet(r.s, r.sock, int(h.Volume), h.Cmd, body, payload, sum)
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
	if string(r.hash.Sum(r.sum[:0])) == string(sum) {
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
