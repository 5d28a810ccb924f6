package daemon

import (
	"sync"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
)

// zeroWindow is how many pieces of a zeroing that is written as data are under way.
const zeroWindow = 4

// zeroes is 1 MiB of them that nobody can change. It takes no memory.
var zeroes = sync.OnceValues(func() ([]byte, error) {
	return unix.Mmap(-1, 0, blockdev.MaxBuffer, unix.PROT_READ, unix.MAP_ANON|unix.MAP_PRIVATE)
})

// zeroJob is a WriteZeroes that is carried out as writes. It belongs to the loop.
type zeroJob struct {
	v      *volume
	req    *blockdev.Request
	data   []byte
	begun  int64
	flying int
	err    error
}

// writeZeroes writes zeroes as data: the peer cannot be told of them in a shorter
// way (drbd-wire 9.6, or it is old). It is called in the loop.
func (r *resource) writeZeroes(vol int, req *blockdev.Request) {
	data, err := zeroes()
	v := r.volume(vol)
	if err != nil || v == nil {
		req.Complete(blockdev.ErrUnsupported)
		return
	}
	limit := v.Info().IOLimit()
	j := &zeroJob{v: v, req: req, data: data[:min(limit, len(data))]}
	j.advance()
}

// advance begins pieces, and ends the request after the last.
func (j *zeroJob) advance() {
	for j.err == nil && j.begun < j.req.Len && j.flying < zeroWindow {
		n := min(int64(len(j.data)), j.req.Len-j.begun)
		p := &blockdev.Request{
			ID: j.req.ID, Op: blockdev.Write, Flags: j.req.Flags & blockdev.FUA,
			Off: j.req.Off + j.begun, Len: n, Data: j.data[:n], Done: zeroDone, Ctx: j,
		}
		j.begun += n
		j.flying++
		p.Start()
		j.v.r.loop.post(submission{j.v.request(p), p, j.v.r})
	}
	if j.flying == 0 {
		j.req.Complete(j.err)
	}
}

func zeroDone(p *blockdev.Request, err error) {
	j := p.Ctx.(*zeroJob)
	if j.flying--; j.err == nil {
		j.err = err
	}
	j.advance()
}
