package meet

import (
	"fmt"
	"time"

	"classicha/drbdd/wire"
	"classicha/drbdd/wire/digest"
)

// Conn is the caller's number for a TCP connection; 0 is none.
type Conn uint32

// Level of a log line, as the kernel has it.
type Level uint8

// Levels.
const (
	Info Level = iota
	Warn
	Err
)

func (l Level) String() string {
	switch l {
	case Info:
		return "info"
	case Warn:
		return "warn"
	case Err:
		return "err"
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// Config is what a Machine needs to know. It does not change.
type Config struct {
	ConnectInt  time.Duration // connect-int: how long an attempt, and a wait, may take
	PingTimeout time.Duration // ping-timeout: a quarter of what a step of the handshake may take
	SockCheck   time.Duration // sock-check-timeo; 0 = PingTimeout
	Features    wire.Features // what we announce

	CramAlg string // cram-hmac-alg, "" = no authentication
	Secret  string

	// Seed and Challenge are the randomness of this attempt; Challenge must not be
	// used twice.
	Seed      uint64
	Challenge [digest.ChallengeSize]byte
}

// Event is something that happened: one of the types below.
type Event interface{ event() }

type (
	// Tick tells that time went by. The first one begins.
	Tick struct{}
	// ListenFailed: nobody can connect to us. Text is for the log.
	ListenFailed struct{ Text string }
	// Connected: the attempt of that number succeeded.
	Connected struct {
		Attempt int
		Conn    Conn
	}
	// ConnectFailed: the attempt failed. Text is for the log, empty if the failure is an
	// everyday one; Fatal if our own address is not there.
	ConnectFailed struct {
		Attempt int
		Text    string
		Fatal   bool
	}
	// FirstPacket: the first header was read from an incoming connection. Cmd is 0 if
	// there was none in time, or garbage.
	FirstPacket struct {
		Conn Conn
		Cmd  wire.Command
	}
	// Checked answers Check.
	Checked struct{ DataAlive, MetaAlive bool }
	// Got answers Expect. A packet other than the expected is reported by its header;
	// Err is what is wrong with the expected one.
	Got struct {
		Header  wire.Header
		Body    wire.Body
		Payload []byte
		Err     error
	}
	// Lost answers Expect when nothing, or half a packet, came: the connection ended, or
	// had no header. Text is for the log.
	Lost struct{ Text string }
)

func (Tick) event()          {}
func (ListenFailed) event()  {}
func (Connected) event()     {}
func (ConnectFailed) event() {}
func (FirstPacket) event()   {}
func (Checked) event()       {}
func (Got) event()           {}
func (Lost) event()          {}

// Action is something to do: one of the types below, in their order.
type Action interface{ action() }

type (
	// Listen opens the listener.
	Listen struct{}
	// Connect begins an outgoing attempt. The answer is Connected or ConnectFailed.
	Connect struct{ Attempt int }
	// CancelConnect ends the attempt; an answer may still come.
	CancelConnect struct{ Attempt int }
	// Drop closes a connection.
	Drop struct{ Conn Conn }
	// Check looks whether both sockets are alive, without waiting: a peek gives data or
	// would block. 0 is none. The answer is Checked.
	Check struct{ Data, Meta Conn }
	// Settled: these are the two sockets. The listener is closed and every other
	// connection too.
	Settled struct{ Data, Meta Conn }
	// Send sends a packet.
	Send struct {
		Conn    Conn
		Dialect wire.Dialect
		Packet  wire.Packet
	}
	// Expect reads one packet; its body and payload are wanted only if it is Cmd. The
	// answer is Got or Lost.
	Expect struct {
		Conn    Conn
		Dialect wire.Dialect
		Cmd     wire.Command
	}
	// Log writes a line.
	Log struct {
		Level Level
		Text  string
	}
	// Established is success, and the end.
	Established struct {
		Data, Meta       Conn
		Dialect          wire.Dialect
		ResolveConflicts bool
	}
	// Retry is the end of this attempt: close everything and begin another one after
	// RetryDelay.
	Retry struct{ Reason string }
	// GiveUp is the end: the configuration does not fit. The connection becomes
	// StandAlone.
	GiveUp struct{ Reason string }
)

func (Listen) action()        {}
func (Connect) action()       {}
func (CancelConnect) action() {}
func (Drop) action()          {}
func (Check) action()         {}
func (Settled) action()       {}
func (Send) action()          {}
func (Expect) action()        {}
func (Log) action()           {}
func (Established) action()   {}
func (Retry) action()         {}
func (GiveUp) action()        {}

// RetryDelay is the pause between two attempts.
const RetryDelay = time.Second
