package daemon

import (
	"classicha/drbdd/blockdev"
	"classicha/drbdd/replica"
)

// payload is memory that the core knows by number. All its fields belong to the
// loop.
type payload struct {
	data  []byte
	uses  int              // Disk and Send actions under way
	freed bool             // the core is done with it
	buf   *blockdev.Buffer // to be released; nil for memory of a request
	after func()           // instead: what waited for the last use
}

// payloads are those of one resource.
type payloads struct {
	last replica.Buf
	m    map[replica.Buf]*payload
}

func (p *payloads) add(data []byte, buf *blockdev.Buffer) replica.Buf {
	p.last++
	p.m[p.last] = &payload{data: data, buf: buf}
	return p.last
}

// use notes that an action needs the payload.
func (p *payloads) use(b replica.Buf) *payload {
	x := p.m[b]
	if x != nil {
		x.uses++
	}
	return x
}

// unuse is the end of such an action.
func (x *payload) unuse() {
	if x == nil {
		return
	}
	if x.uses--; x.uses == 0 && x.freed {
		x.release()
	}
}

func (x *payload) release() {
	if x.buf != nil {
		x.buf.Release()
		x.buf = nil
	}
	if f := x.after; f != nil {
		x.after = nil
		f()
	}
}

// free is the core's word that it is done with a payload; after, if not nil,
// runs when nobody uses it any more.
func (p *payloads) free(b replica.Buf, after func()) {
	x := p.m[b]
	if x == nil {
		if after != nil {
			after()
		}
		return
	}
	delete(p.m, b)
	x.freed, x.after = true, after
	if x.uses == 0 {
		x.release()
	}
}
