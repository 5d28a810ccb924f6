package hlog

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// syslogTimeout bounds a write to a syslog daemon that does not read.
const syslogTimeout = 500 * time.Millisecond

// syslogMax is the longest message sent when the socket refuses a longer one.
const syslogMax = 2000

// syslogWriter sends each line as one message to the local syslog socket. Go's
// log/syslog cannot be used: it always writes `tag[pid]: text`. After a restart
// of the syslog daemon it connects again and repeats the line that failed.
type syslogWriter struct {
	path   string
	conn   net.Conn
	stream bool
}

// Write sends one message.
func (w *syslogWriter) Write(p []byte) (int, error) {
	if w.conn != nil {
		err := w.send(p)
		if err == nil {
			return len(p), nil
		}
		w.Close()
		if isTimeout(err) {
			return 0, err // it lives but does not read: repeating would wait again
		}
	}
	if err := w.dial(); err != nil {
		return 0, err
	}
	if err := w.send(p); err != nil {
		w.Close()
		return 0, err
	}
	return len(p), nil
}

func (w *syslogWriter) dial() error {
	c, err := net.Dial("unixgram", w.path)
	if err == nil {
		w.conn, w.stream = c, false
		return nil
	}
	c, err2 := net.DialTimeout("unix", w.path, syslogTimeout)
	if err2 != nil {
		return err
	}
	w.conn, w.stream = c, true
	return nil
}

func (w *syslogWriter) send(p []byte) error {
	_ = w.conn.SetWriteDeadline(time.Now().Add(syslogTimeout))
	if w.stream { // messages on a stream end with NUL
		p = append(p[:len(p):len(p)], 0)
	}
	_, err := w.conn.Write(p)
	if errors.Is(err, syscall.EMSGSIZE) && len(p) > syslogMax {
		_, err = w.conn.Write(p[:syslogMax])
	}
	return err
}

// Close closes the connection; the next Write makes a new one.
func (w *syslogWriter) Close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
