package peer

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/netip"
	"time"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/peer/meet"
	"classicha/drbdd/uring"
	"classicha/drbdd/wire"
)

// Level of a log line: Info, Warn or Err.
type Level = meet.Level

// Levels, as the kernel has them.
const (
	Info = meet.Info
	Warn = meet.Warn
	Err  = meet.Err
)

// Config is a connection of two nodes. The words are those of drbd.conf.
type Config struct {
	Local, Remote  netip.AddrPort
	ConnectInt     time.Duration // connect-int
	PingTimeout    time.Duration // ping-timeout
	Timeout        time.Duration // timeout: after it a send without progress is Stalled; 0 = never
	SockCheckTimeo time.Duration // sock-check-timeo; 0 = PingTimeout
	SndBuf, RcvBuf int           // sndbuf-size, rcvbuf-size in bytes; 0 = the system's own choice
	Cork           bool          // tcp-cork

	CramAlg, Secret string // cram-hmac-alg ("" = no authentication) and shared-secret
	Features        wire.Feature
	// MinVersion and MaxVersion narrow the protocol versions; 0 = all that we speak.
	MinVersion, MaxVersion int

	// Log gets a line; it must not block. A line that repeats is counted.
	Log func(level Level, text string)
	// Pool has the buffers of received payload.
	Pool *blockdev.Pool
	// Ring reads the sockets of a session: Packet is called in its thread, and must not
	// wait for anything there. Without one, goroutines do. It has to outlive the session.
	Ring *uring.Thread

	random io.Reader // crypto/rand but in tests
}

// Handler hears what happens. Each method may be called from several goroutines, must
// not block (a slow owner slows its peer down with Hold), and must not wait for a
// goroutine that is in Flush: Sent may be called from there.
type Handler interface {
	// Up hands over a session. Nothing is received before it returns.
	Up(*Session)
	// Failed: an attempt failed after the two sockets were there, or our own address is
	// not usable. With giveUp the Connector has ended and the connection is to become
	// StandAlone ("Discarding network configuration." is logged); otherwise the next
	// attempt follows in a second by itself.
	Failed(giveUp bool, reason string)
	// Packet is a received packet that is allowed on its socket, in this dialect, with
	// this length. The payload belongs to the handler, who releases it; it is nil if
	// there is none. digest is the one of P_OV_REPLY and P_CSUM_RS_REQUEST and is valid
	// until Packet returns. The digest of data-integrity-alg was checked already.
	Packet(s *Session, sock wire.Socket, vol int, cmd wire.Command, body wire.Body, payload *blockdev.Buffer, digest []byte)
	// Sent: the packet of that token was handed to the system.
	Sent(s *Session, token uint64)
	// Stalled: a send made no progress for Timeout. It goes on; told every Timeout.
	Stalled(s *Session, sock wire.Socket)
	// Down: the session has ended; nothing is called for it any more, and everything
	// that was given to it is released. cause is the state that the connection takes
	// (Disconnecting if the peer sent what only a stranger sends); Unconnected with an
	// empty line if it was closed by its owner. line is what the kernel logs.
	Down(s *Session, sock wire.Socket, cause wire.ConnState, line string)
}

// features is what we announce.
func (c *Config) features() wire.Features {
	f := wire.OwnFeatures(c.Features)
	if c.MinVersion != 0 {
		f.Min = uint32(c.MinVersion)
	}
	if c.MaxVersion != 0 {
		f.Max = uint32(c.MaxVersion)
	}
	return f
}

// meeting is the configuration of one attempt.
func (c *Config) meeting() (meet.Config, error) {
	m := meet.Config{
		ConnectInt: c.ConnectInt, PingTimeout: c.PingTimeout, SockCheck: c.SockCheckTimeo,
		Features: c.features(), CramAlg: c.CramAlg, Secret: c.Secret,
	}
	var seed [8]byte
	if _, err := io.ReadFull(rand.Reader, seed[:]); err != nil {
		return m, fmt.Errorf("random seed: %w", err)
	}
	for _, b := range seed {
		m.Seed = m.Seed<<8 | uint64(b)
	}
	r := c.random
	if r == nil {
		r = rand.Reader
	}
	if _, err := io.ReadFull(r, m.Challenge[:]); err != nil {
		return m, fmt.Errorf("random challenge: %w", err)
	}
	return m, nil
}
