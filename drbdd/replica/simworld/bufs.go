package simworld

import (
	"slices"

	"classicha/drbdd/replica"
)

// buffers are the payloads of a daemon, and whose they are: a buffer is the core's
// from the event that names it until the core frees it or completes the request
// it came with.
type buffers struct {
	n    *node
	live map[replica.Buf]*buffer
}

type buffer struct {
	data payload
	size int    // bytes
	req  uint64 // the request it came with, 0: it is freed by itself
	from string // where it came from, for messages
}

// give makes a buffer and gives it to the core.
func (b *buffers) give(p payload, size int, req uint64) replica.Buf {
	b.n.w.lastBuf++
	id := replica.Buf(b.n.w.lastBuf)
	b.live[id] = &buffer{data: p, size: size, req: req}
	return id
}

// use looks up a buffer that an action names. With what it must be there.
func (b *buffers) use(id replica.Buf, what string) *buffer {
	if id == 0 {
		return nil
	}
	x := b.live[id]
	if x == nil && what != "" {
		b.n.w.fail("contract", "%s: %s names buffer %d, which is not the core's (any more)", b.n, what, id)
		return &buffer{size: 1 << 30}
	}
	return x
}

// free takes a buffer back.
func (b *buffers) free(id replica.Buf, what string) {
	x := b.live[id]
	switch {
	case x == nil:
		b.n.w.fail("contract", "%s: %s gives back buffer %d, which is not the core's (any more)", b.n, what, id)
	case x.req != 0:
		b.n.w.fail("contract", "%s: %s gives back buffer %d, which belongs to request %d", b.n, what, id, x.req)
	}
	delete(b.live, id)
}

// leaked names the buffers that the core still holds though no request is open.
func (b *buffers) leaked() (ids []replica.Buf) {
	for id, x := range b.live {
		if x.req == 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func sortIDs(ids []uint64) { slices.Sort(ids) }
