package daemon

import (
	"os"
	"syscall"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// begin gives a request of a front end its numbers.
func (r *resource) begin(s submission) replica.Event {
	r.lastReq++
	a := &appRequest{req: s.req}
	if s.req.Op.HasData() {
		a.buf = r.bufs.add(s.req.Data, nil)
	}
	r.requests[r.lastReq] = a
	s.e.ID, s.e.Buf = r.lastReq, a.buf
	return s.e
}

// act carries out an action of the core. It is called in the loop.
func (r *resource) act(a replica.Action) {
	switch a := a.(type) {
	case replica.Complete:
		r.complete(a)
	case replica.Disk:
		r.volumeStore(a.Vol).submit(r, a)
	case replica.Meta:
		r.volumeStore(a.Vol).writeMeta(r, a)
	case replica.Send:
		r.send(a)
	case replica.Free:
		r.bufs.free(a.Buf, nil)
	case replica.Log:
		r.s.logf(a.Level, r.logName(a.Vol), "%s", a.Text)
	case replica.Reply:
		if f := r.replies[a.ID]; f != nil {
			delete(r.replies, a.ID)
			f(a)
		}
	case replica.Dial:
		r.dial(a.Options)
	case replica.HangUp:
		r.hangUp()
	case replica.Integrity:
		// The session follows the P_PROTOCOL packets by itself.
	case replica.Pause:
		r.pause(a.On)
	case replica.RunHandler:
		go r.runHandler(a)
	case replica.Resized:
	case replica.CloseDisk:
		if v := r.volume(a.Vol); v != nil && v.disk != nil {
			st := v.disk
			v.disk = nil
			r.mu.Lock()
			v.lower, v.meta, v.index, v.options = "", "", "", nil
			r.mu.Unlock()
			go st.close()
		}
	case replica.Emergency:
		r.s.emergency(a.Reason)
	}
}

// logName is what stands in front of a line of the log.
func (r *resource) logName(vol int) string {
	if v := r.volume(vol); v != nil && vol >= 0 {
		return "block " + v.name()
	}
	return "drbd " + r.name
}

// complete answers a request of a front end, once nothing uses its memory any
// more.
func (r *resource) complete(a replica.Complete) {
	q := r.requests[a.ID]
	if q == nil {
		return
	}
	delete(r.requests, a.ID)
	if x := r.bufs.m[a.From]; x != nil && a.Err == replica.OK {
		copy(q.req.Data, x.data)
	}
	if a.From != 0 {
		r.bufs.free(a.From, nil)
	}
	if a.Err == replica.ENOTSUP && q.req.Op == blockdev.WriteZeroes && q.req.Flags&blockdev.Fast == 0 {
		r.writeZeroes(a.Vol, q.req)
		return
	}
	if q.buf == 0 {
		q.req.Complete(errno(a.Err))
		return
	}
	r.bufs.free(q.buf, func() { q.req.Complete(errno(a.Err)) })
}

func (r *resource) volumeStore(vol int) *store {
	if v := r.volume(vol); v != nil {
		return v.disk
	}
	return nil
}

// send gives a packet to the session; what belongs to a session that is gone is
// dropped.
func (r *resource) send(a replica.Send) {
	if r.sess == nil {
		return
	}
	r.dirty = true
	if a.Buf == 0 {
		if ack, ok := a.Body.(wire.BlockAck); ok {
			r.sess.SendAck(a.Vol, a.Cmd, ack)
			return
		}
		data := a.Extra
		if a.Digest != nil {
			data = a.Digest
		}
		r.sess.Send(a.Sock, a.Vol, a.Cmd, a.Body, data, nil, a.Token)
		return
	}
	x := r.bufs.use(a.Buf)
	if x == nil {
		r.s.logf(replica.Error, r.logName(a.Vol), "internal error: packet %s without its data", a.Cmd)
		return
	}
	n := r.sess
	release := func() { r.loop.post(func(*replica.Resource) { x.unuse() }) }
	if head, ok := a.Body.(wire.Data); ok {
		n.SendData(a.Vol, a.Cmd, head, x.data[:a.Size], release, a.Token)
		return
	}
	n.Send(a.Sock, a.Vol, a.Cmd, a.Body, x.data[:a.Size], release, a.Token)
}

// pause holds the data socket of the session, or lets it go on.
func (r *resource) pause(on bool) {
	switch {
	case r.sess == nil:
	case on:
		r.sess.Hold()
	default:
		r.sess.Release()
	}
}

// emergency ends the machine, as on-io-error panic wants it, or what HA_EMERGENCY
// says instead.
func (s *Server) emergency(reason string) {
	s.logf(replica.Alert, "drbd", "EMERGENCY: %s", reason)
	switch os.Getenv("HA_EMERGENCY") {
	case "log":
	case "exit":
		os.Exit(1)
	default:
		syscall.Sync()
		os.WriteFile("/proc/sysrq-trigger", []byte("b"), 0)
	}
}

var _ blockdev.Backend = (*volume)(nil)
