package blockdev

import "sync"

// splitWindow is how many pieces of one request are in flight at a time: a discard of
// 16 TiB must not become 16,000 requests at once.
const splitWindow = 8

// splitRange is the largest piece of a Discard or WriteZeroes when the backend names none:
// a request of a whole disk should not be one system call.
const splitRange = 1 << 30

// Split puts a front of a backend that takes reads and writes up to DefaultMaxIO and ranges
// of any length, and cuts them into pieces of what the backend takes at the moment:
// Info().MaxIO for Read and Write, MaxRange for Discard and WriteZeroes (file systems send
// discards beyond 4 GiB, DRBD's packets have 32 bits). The request completes
// when all pieces have, with the first error; after an error no further piece is begun.
// Every front end of this project does this, so backends see no request beyond their limits.
func Split(b Backend) Backend { return &splitter{b: b} }

type splitter struct {
	b      Backend
	pieces sync.Pool
}

func (s *splitter) Info() Info {
	i := s.b.Info()
	i.MaxIO, i.MaxRange = max(i.IOLimit(), DefaultMaxIO), 0
	return i
}

func (s *splitter) Submit(r *Request) {
	info := s.b.Info()
	limit := info.MaxRange
	if limit <= 0 {
		limit = splitRange
	}
	if r.Op.HasData() {
		limit = int64(info.IOLimit())
	}
	if r.Op == Flush || r.Len <= limit {
		s.b.Submit(r)
		return
	}
	if err := s.Info().Check(r); err != nil {
		r.Complete(err)
		return
	}
	j := &splitJob{s: s, parent: r, limit: limit}
	j.advance()
}

// splitJob is one request that is being carried out in pieces.
type splitJob struct {
	s      *splitter
	parent *Request
	limit  int64

	mu       sync.Mutex
	begun    int64 // bytes of the parent for which pieces were made
	inFlight int
	busy     bool // a goroutine is in advance; completions inside of Submit leave the work to it
	over     bool // the parent was completed
	err      error
}

// advance begins pieces while the window allows it, and ends the parent after the last.
func (j *splitJob) advance() {
	j.mu.Lock()
	if j.busy {
		j.mu.Unlock()
		return
	}
	j.busy = true
	for j.err == nil && j.begun < j.parent.Len && j.inFlight < splitWindow {
		c := j.piece()
		j.inFlight++
		j.mu.Unlock()
		c.Start()
		j.s.b.Submit(c)
		j.mu.Lock()
	}
	j.busy = false
	over := j.inFlight == 0 && !j.over // two last completions may both come here
	j.over = j.over || over
	j.mu.Unlock()
	if over {
		j.parent.Complete(j.err)
	}
}

func (j *splitJob) piece() *Request {
	c, _ := j.s.pieces.Get().(*Request)
	if c == nil {
		c = &Request{Done: pieceDone}
	}
	p := j.parent
	c.ID, c.Op, c.Flags, c.Ctx = p.ID, p.Op, p.Flags, j
	c.Off, c.Len = p.Off+j.begun, min(j.limit, p.Len-j.begun)
	if p.Op.HasData() {
		c.Data = p.Data[j.begun : j.begun+c.Len]
	}
	j.begun += c.Len
	return c
}

func pieceDone(c *Request, err error) {
	j := c.Ctx.(*splitJob)
	c.Data, c.Ctx = nil, nil
	j.s.pieces.Put(c)
	j.mu.Lock()
	j.inFlight--
	if err != nil && j.err == nil {
		j.err = err
	}
	j.mu.Unlock()
	j.advance()
}
