package wire

import "fmt"

// Reason says what is wrong with bytes from the peer. What it means for the
// connection is in section 3: on the data socket all lead to ProtocolError, on the
// meta socket an unknown packet to Disconnecting and a wrong size to NetworkFailure.
type Reason uint8

// Reasons.
const (
	BadMagic     Reason = iota + 1 // header of another kind than the version has
	UnknownCmd                     // not a packet, or one without a handler on this socket
	NotAgreed                      // a packet that version or features do not allow
	BadSize                        // length that the packet cannot have
	BadValue                       // a field out of its range
	Incompatible                   // no common protocol version
)

func (r Reason) String() string {
	switch r {
	case BadMagic:
		return "bad magic"
	case UnknownCmd:
		return "unknown command"
	case NotAgreed:
		return "not agreed"
	case BadSize:
		return "bad size"
	case BadValue:
		return "bad value"
	case Incompatible:
		return "incompatible"
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// Error is every error of this package but ErrShort. Text is the line that the
// kernel logs, where it has one.
type Error struct {
	Reason Reason
	Cmd    Command
	Text   string
}

func (e *Error) Error() string { return e.Text }

func errorf(r Reason, c Command, format string, a ...any) *Error {
	return &Error{Reason: r, Cmd: c, Text: fmt.Sprintf(format, a...)}
}

// wrongSize is the error for a sub-header of the wrong length.
func wrongSize(c Command, want, got int) *Error {
	return errorf(BadSize, c, "%s: unexpected packet size, expected:%d received:%d", c.LogName(), want, got)
}

// ErrShort tells that more bytes are needed; it is not an error of the peer.
var ErrShort error = shortError{}

type shortError struct{}

func (shortError) Error() string { return "more bytes are needed" }
