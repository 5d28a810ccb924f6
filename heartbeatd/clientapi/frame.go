package clientapi

import (
	"io"

	"classicha/heartbeatd/message"
)

// AppendFrame appends a message as it travels on the sockets of Heartbeat's programs:
// the client API's and those of its helpers (dopd).
func AppendFrame(dst []byte, m *message.Message) []byte { return appendFrame(dst, m) }

// ReadFrame reads one such message. Any bytes give a message or an error, with
// bounded memory.
func ReadFrame(r io.Reader) (*message.Message, error) { return readFrame(r) }

// ErrFrame is what ReadFrame says of bytes that are no message.
var ErrFrame = errFrame
