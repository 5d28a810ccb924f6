package peer

import (
	"errors"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"classicha/drbdd/wire"
	"classicha/drbdd/wire/digest"
)

// directMax is the largest batch that Flush writes itself: copying more would keep its
// caller from other work.
const directMax = 128 << 10

// noSum keeps the place of a digest until it is computed.
var noSum [64]byte

var errEnded = errors.New("the session has ended")

// batch is what one Flush sends: the heads of its packets one behind the other, and
// where payload comes in between.
type batch struct {
	heads []byte
	items []item // of packets that have more than a head
	size  int    // bytes with payload
	sums  bool   // there are digests to compute
	sent  int    // bytes that are written
	done  int    // items that are finished
}

// item is a packet with payload, or whose end somebody wants to hear of.
type item struct {
	head    int // heads[:head] come before the payload
	until   int // bytes of the batch up to the end of the packet
	payload []byte
	sum     int       // heads[sum:head] is the digest of the payload,
	hash    hash.Hash // to be computed with this, nil = none
	release func()
	token   uint64
}

// sender is the queue of one socket and its writer. Whoever sets busy may write; that
// is Flush, or the writer.
type sender struct {
	s    *Session
	sock wire.Socket
	conn *socket

	queued atomic.Int64 // bytes

	mu     sync.Mutex
	open   *batch   // filled by add
	ready  []*batch // flushed
	spare  *batch
	busy   bool
	ended  bool
	sums   hash.Hash // of data-integrity-alg for what is added from now on
	sumLen int
	pkt    wire.Packet // scratch of add
	ack    wire.BlockAck
	data   wire.Data

	direct sync.Mutex // held while Flush writes
	wake   chan struct{}

	writing // the state of the one that is busy
}

func newSender(s *Session, sock wire.Socket, conn *socket) *sender {
	q := &sender{s: s, sock: sock, conn: conn, wake: make(chan struct{}, 1)}
	q.call = q.sendmsg
	q.iov = make([]unix.Iovec, 0, 64)
	return q
}

// add encodes a packet behind the others. Called with mu.
func (q *sender) add(vol int, cmd wire.Command, body wire.Body, payload []byte, release func(), token uint64) error {
	if q.ended {
		return errEnded
	}
	b := q.open
	if b == nil {
		if b, q.spare = q.spare, nil; b == nil {
			b = &batch{}
		}
		q.open = b
	}
	it := item{payload: payload, release: release, token: token}
	q.pkt.Cmd, q.pkt.Volume, q.pkt.Body, q.pkt.Digest = cmd, uint16(vol), body, nil
	switch cmd {
	case wire.CmdData, wire.CmdDataReply, wire.CmdRSDataReply, wire.CmdWSame:
		if q.sums != nil {
			it.hash, q.pkt.Digest, b.sums = q.sums, noSum[:q.sumLen], true
		}
	}
	before := len(b.heads)
	b.heads = q.s.Dialect.AppendHead(b.heads, &q.pkt, len(payload))
	it.head = len(b.heads)
	it.sum = it.head - len(q.pkt.Digest)
	size := it.head - before + len(payload)
	b.size += size
	it.until = b.size
	if len(payload) > 0 || release != nil || token != 0 || it.hash != nil {
		b.items = append(b.items, it)
	}
	q.queued.Add(int64(size))
	if p, ok := body.(wire.Protocol); ok {
		return q.integrity(p.Integrity)
	}
	return nil
}

// integrity sets the algorithm for what is sent behind this P_PROTOCOL.
func (q *sender) integrity(alg string) error {
	if q.sums = nil; alg == "" {
		return nil
	}
	var err error
	if q.sums, err = digest.New(alg); err != nil {
		return fmt.Errorf("data-integrity-alg: %w", err)
	}
	q.sumLen = q.sums.Size()
	return nil
}

// flush hands what is open to the writer, or writes it if nobody else does.
func (q *sender) flush() {
	q.mu.Lock()
	b := q.open
	if b == nil || q.ended {
		q.mu.Unlock()
		return
	}
	q.open = nil
	if q.busy || b.size > directMax || b.sums {
		q.ready = append(q.ready, b)
		if !q.busy {
			q.busy = true
			q.signal()
		}
		q.mu.Unlock()
		return
	}
	q.busy = true
	q.direct.Lock()
	q.mu.Unlock()
	left := q.write(b, false)
	q.mu.Lock()
	q.direct.Unlock()
	switch {
	case left && !q.ended:
		q.ready = append(q.ready, nil)
		copy(q.ready[1:], q.ready)
		q.ready[0] = b
		fallthrough
	case len(q.ready) > 0:
		q.signal() // stays busy for the writer
	default:
		q.busy = false
	}
	ended := q.ended
	if !left {
		q.recycle(b)
	}
	q.mu.Unlock()
	if left && ended {
		q.drop(b)
	}
}

func (q *sender) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// recycle keeps one batch for the next packets. Called with mu.
func (q *sender) recycle(b *batch) {
	if q.spare != nil || cap(b.heads) > 256<<10 {
		return
	}
	clear(b.items)
	*b = batch{heads: b.heads[:0], items: b.items[:0]}
	q.spare = b
}

// run is the writer.
func (q *sender) run() {
	for {
		select {
		case <-q.wake:
		case <-q.s.ctx.Done():
			return
		}
		for {
			q.mu.Lock()
			if len(q.ready) == 0 {
				q.busy = false
				q.mu.Unlock()
				break
			}
			b := q.ready[0]
			q.ready[0] = nil
			q.ready = q.ready[1:]
			q.moreReady = len(q.ready) > 0
			q.mu.Unlock()
			q.write(b, true)
			q.mu.Lock()
			q.recycle(b)
			q.mu.Unlock()
		}
	}
}

// end releases what was never sent, when the writer has ended.
func (q *sender) end() {
	q.mu.Lock()
	q.ended = true
	left := q.ready
	if q.open != nil {
		left = append(left, q.open)
	}
	q.ready, q.open, q.spare = nil, nil, nil
	q.mu.Unlock()
	q.direct.Lock() // a Flush may just be at it
	defer q.direct.Unlock()
	for _, b := range left {
		q.drop(b)
	}
}

// drop releases what is left of a batch.
func (q *sender) drop(b *batch) {
	for ; b.done < len(b.items); b.done++ {
		if r := b.items[b.done].release; r != nil {
			r()
		}
	}
	q.queued.Store(0)
}
