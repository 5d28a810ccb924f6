package peer

import (
	"io"
	"time"
)

// farewell bounds how long sockets stay after Close. A kernel that is still sending
// its part of the handshake when our end is gone gets a reset: it then never looks at
// what we sent, and takes for a broken line what was "incompatible settings". So the
// data socket says that nothing more comes and swallows what does, until the peer has
// closed its end; the meta socket stays as it is meanwhile, for the peer hears of the
// end on that socket first if both end at once.
const farewell = 2 * time.Second

// part begins the farewell: readers are woken, and the sockets stay.
func (s *Session) part() {
	now := time.Now()
	_ = s.out[0].conn.CloseWrite()
	for _, q := range s.out {
		_ = q.conn.SetReadDeadline(now)
		_ = q.conn.SetWriteDeadline(now)
	}
}

// swallow ends the farewell. Nobody else uses the sockets any more.
func (s *Session) swallow() {
	data := s.out[0].conn
	_ = data.SetReadDeadline(time.Now().Add(farewell))
	_, _ = io.Copy(io.Discard, data)
	for _, q := range s.out {
		q.conn.Close()
	}
}
