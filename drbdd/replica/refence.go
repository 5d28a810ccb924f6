package replica

import (
	"time"

	"classicha/drbdd/wire"
)

// refencePause is how long a fence-peer handler that failed is left alone. A reset that
// took too long may have succeeded meanwhile.
const refencePause = 5 * time.Second

// lostUnfenced is called when a Primary lost its peer: fencing is due until a result
// counts, or until it is not needed any more. The handler may run already, for an earlier
// loss; then its result is ignored.
func (r *Resource) lostUnfenced() {
	r.fenceDue, r.fenceFailed = true, false
	r.fenceAgain.stop()
	r.fenceAgain = nil
	r.refence()
}

// refence has the peer fenced if that is due and can be done. It is called again when the
// handler, the session or the pause ends.
func (r *Resource) refence() {
	switch {
	case !r.fenceDue || r.fencing || r.peer.up || r.fenceAgain != nil:
	case !r.unfenced():
		r.fenceDue, r.fenceFailed = false, false
	default:
		r.fence(nil)
	}
}

// unfenced: a Primary whose peer may have the data and cannot be asked.
func (r *Resource) unfenced() bool {
	for _, v := range r.vols {
		if v.st.Role == wire.Primary && v.st.Conn < wire.Connected && v.st.PDisk > wire.Outdated && v.dsk != nil && v.dsk.opts.Fencing != DontCare {
			return true
		}
	}
	return false
}

// fenceEnded decides whether the handler has to be called again. A Primary that lost its
// peer would wait for ever, or go on beside one that is not outdated. A promotion fails
// instead, and is up to who wants it.
func (r *Resource) fenceEnded(was fenceEnd) {
	r.fenceAgain.stop()
	r.fenceAgain = nil
	switch was {
	case fenceOK, fenceNot:
		r.fenceDue, r.fenceFailed = false, false
		return
	case fenceFailed:
		if !r.fenceDue || !r.unfenced() {
			r.logf(Info, "fence-peer exit code %d: %s", r.fenceCode, fenceCodeText(r.fenceCode))
			break
		}
		if !r.fenceFailed {
			r.logf(Info, "fence-peer is tried again every %d s: %s", refencePause/time.Second, fenceCodeText(r.fenceCode))
		}
		r.fenceFailed = true
		r.fenceAgain = r.after(refencePause, func() {
			r.fenceAgain = nil
			r.refence()
		})
	}
	r.refence()
}

// fenceCodeText says what a fence-peer handler means that did not fence the peer.
func fenceCodeText(code int) string {
	switch code {
	case 0:
		return "there is no such handler, or it does not tell what it found"
	case 20:
		return "the peer could not be asked, or its reset is not confirmed yet"
	case 126, 127:
		return "the program of the handler cannot be run"
	}
	return "it does not tell what became of the peer"
}
