package mediatest

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"classicha/heartbeatd/media"
)

// station is one medium of one node.
type station struct {
	hub              *Hub
	node, link, kind string

	in     chan parcel // full: the newest is lost, as in a socket's buffer
	stop   chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
	opened atomic.Bool
	open   atomic.Bool

	sent, sentBytes, received, receivedBytes, refused atomic.Uint64
}

type parcel struct {
	frame []byte
	due   time.Time
}

var _ media.Medium = (*station)(nil)

func (s *station) Link() string       { return s.link }
func (s *station) Kind() string       { return s.kind }
func (s *station) Text() bool         { return s.kind == media.KindSerial }
func (s *station) Describe() []string { return []string{"glib: in-memory " + s.kind + " " + s.link} }

func (s *station) Ping() bool {
	return s.kind == media.KindPing || s.kind == media.KindPing6 || s.kind == media.KindPingGroup
}

func (s *station) Open(recv func(media.Packet)) error { return s.start(recv, false) }

func (s *station) Persist(recv func(media.Packet)) error { return s.start(recv, true) }

// errRefused is the error of a link that Hub.Refuse was called for.
var errRefused = errors.New("no such device")

func (s *station) start(recv func(media.Packet), persist bool) (err error) {
	if s.hub.refuses(s.link) {
		err = errRefused
	}
	if err != nil && !persist {
		return err
	}
	if !s.opened.CompareAndSwap(false, true) {
		return errors.New("was opened before")
	}
	if err == nil {
		s.plugIn()
	}
	s.wg.Add(1)
	go s.run(recv)
	return err
}

func (s *station) plugIn() {
	s.open.Store(true)
	s.hub.plug(s)
}

// tryAgain is how often a refused station that persists looks.
const tryAgain = 10 * time.Millisecond

func (s *station) run(recv func(media.Packet)) {
	defer s.wg.Done()
	for !s.open.Load() {
		select {
		case <-s.stop:
			return
		case <-time.After(tryAgain):
		}
		if !s.hub.refuses(s.link) {
			s.plugIn()
		}
	}
	for {
		select {
		case <-s.stop:
			return
		case p := <-s.in:
			if wait := time.Until(p.due); wait > 0 {
				select {
				case <-s.stop:
					return
				case <-time.After(wait):
				}
			}
			s.received.Add(1)
			s.receivedBytes.Add(uint64(len(p.frame)))
			recv(media.Packet{Link: s.link, Frame: bytes.Clone(p.frame)})
		}
	}
}

// arrive is called with the hub locked.
func (s *station) arrive(p parcel) {
	select {
	case s.in <- p:
	default:
	}
}

func (s *station) Send(frame []byte) {
	if !s.open.Load() {
		s.refused.Add(1)
		return
	}
	s.sent.Add(1)
	s.sentBytes.Add(uint64(len(frame)))
	s.hub.carry(s, frame)
}

func (s *station) Stats() media.Stats {
	return media.Stats{
		Sent: s.sent.Load(), SentBytes: s.sentBytes.Load(),
		Received: s.received.Load(), ReceivedBytes: s.receivedBytes.Load(),
		QueueDrops: s.refused.Load(), Open: s.open.Load(),
	}
}

func (s *station) Close() error {
	s.opened.Store(true)
	s.once.Do(func() {
		s.open.Store(false)
		s.hub.unplug(s)
		close(s.stop)
	})
	s.wg.Wait()
	return nil
}
