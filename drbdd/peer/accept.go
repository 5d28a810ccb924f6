package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"classicha/drbdd/wire"
)

const (
	// maxHalfOpen bounds the accepted connections that did not say yet what they are
	// for; the oldest has to go.
	maxHalfOpen = 5
	// A flood is accepted, and so turned away, at this pace: fast enough that the peer,
	// somewhere in the same queue, has its turn soon.
	acceptBurst = 50
	acceptPause = time.Millisecond
)

// acceptor takes the connections that the peer opens.
type acceptor struct {
	cfg   *Config
	first func(*net.TCPConn, wire.Command) // gets each with its first packet; 0: none

	mu      sync.Mutex
	stopped bool
	ln      *net.TCPListener
	half    []*net.TCPConn // in the order of their arrival
}

// stop closes the listener and what is half open.
func (l *acceptor) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	if l.ln != nil {
		l.ln.Close()
	}
	for _, nc := range l.half {
		nc.Close()
	}
	l.half = nil
}

// open opens the listener. The error says why nobody can connect.
func (l *acceptor) open(ctx context.Context) error {
	ln, err := l.cfg.listen(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ln = ln; l.stopped {
		ln.Close()
	}
	return nil
}

// run accepts until stop.
func (l *acceptor) run(ctx context.Context, wg *sync.WaitGroup) {
	for tokens, last := acceptBurst, time.Now(); ; {
		nc, err := l.ln.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		now := time.Now()
		if n := int(now.Sub(last) / acceptPause); n > 0 {
			tokens, last = min(tokens+n, acceptBurst), now
		}
		pause := acceptPause
		if err != nil {
			pause = 100 * time.Millisecond // no descriptors, no memory
		}
		if tokens--; err != nil || tokens < 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
		if err != nil {
			continue
		}
		if !l.fromPeer(nc) {
			l.cfg.Log(Warn, fmt.Sprintf("connection from %s refused: the peer is %s", remote(nc), l.cfg.Remote.Addr()))
			reset(nc)
			continue
		}
		if l.enter(nc) {
			wg.Go(func() { l.read(nc) })
		}
	}
}

func remote(nc *net.TCPConn) netip.Addr {
	a, _ := nc.RemoteAddr().(*net.TCPAddr)
	return a.AddrPort().Addr().Unmap()
}

// fromPeer: only the peer's address may connect, from whatever port.
func (l *acceptor) fromPeer(nc *net.TCPConn) bool {
	got, want := remote(nc), l.cfg.Remote.Addr().Unmap()
	if want.Zone() == "" {
		got = got.WithZone("")
	}
	return got == want
}

// enter counts a half-open connection.
func (l *acceptor) enter(nc *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		nc.Close()
		return false
	}
	if len(l.half) == maxHalfOpen {
		l.half[0].Close() // its reader sees that
		l.half = l.half[1:]
	}
	l.half = append(l.half, nc)
	return true
}

// leave ends that; false if the connection was closed meanwhile.
func (l *acceptor) leave(nc *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range l.half {
		if h == nc {
			l.half = append(l.half[:i:i], l.half[i+1:]...)
			return true
		}
	}
	return false
}

// read waits for the first packet, which is a header and nothing more.
func (l *acceptor) read(nc *net.TCPConn) {
	var b [8]byte
	_ = nc.SetReadDeadline(time.Now().Add(4 * l.cfg.PingTimeout))
	_, err := io.ReadFull(nc, b[:])
	_ = nc.SetReadDeadline(time.Time{})
	if !l.leave(nc) {
		return
	}
	cmd := wire.Command(0)
	if h, _, bad := wire.Initial.ParseHeader(b[:]); err == nil && bad == nil && h.Length == 0 {
		cmd = h.Cmd
	}
	l.first(nc, cmd)
}
