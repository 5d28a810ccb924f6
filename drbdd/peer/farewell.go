package peer

import "time"

// farewell bounds how long sockets stay after Close. A kernel that is still sending
// its part of the handshake when our end is gone gets a reset: it then never looks at
// what we sent, and takes for a broken line what was "incompatible settings". So the
// data socket says that nothing more comes and swallows what does, until the peer has
// closed its end; the meta socket stays as it is meanwhile, for the peer hears of the
// end on that socket first if both end at once.
const farewell = 2 * time.Second

// part begins the farewell: who waits for a socket is woken, and the sockets stay.
func (s *Session) part() {
	s.out[0].conn.closeWrite()
	for _, q := range s.out {
		q.conn.wake()
	}
}

// swallow ends the farewell. Nobody else uses the sockets any more.
func (s *Session) swallow() {
	s.out[0].conn.swallow(farewell)
	s.closeSockets()
}
