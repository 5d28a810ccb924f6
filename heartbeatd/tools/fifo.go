package tools

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"classicha/heartbeatd/message"

	"golang.org/x/sys/unix"
)

// defaultFIFO is where the daemon takes messages of scripts; HA_FIFO overrides
// it, as in shellfuncs.
const defaultFIFO = "/var/lib/heartbeat/fifo"

// Limits of a message through the FIFO (heartbeat-wire 15): more than the
// kernel's atomic size could be mixed with another writer's.
const (
	maxFIFOLine    = 511
	maxFIFOMessage = 4096
	fifoTimeout    = 5 * time.Second
)

// clusterMessage gives a message to the daemon, which adds the header and sends
// it.
func clusterMessage(m *message.Message) error {
	f, err := openFIFO()
	if err != nil {
		return err
	}
	defer f.Close()
	return writeMessage(f, m)
}

// openFIFO does not wait for a daemon that does not run.
func openFIFO() (*os.File, error) {
	path := envOr("HA_FIFO", defaultFIFO)
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, unix.ENXIO), errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("heartbeat is not running on this machine (nothing reads %s): start it first", path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("only root may write to %s", path)
	}
	return f, err
}

// writeMessage writes in one piece, so that two writers do not mix.
func writeMessage(f *os.File, m *message.Message) error {
	for _, field := range m.Fields {
		if n := len(field.Name) + 1 + len(field.Value); n > maxFIFOLine {
			return fmt.Errorf("field %s has %d bytes: at most %d fit on a line", field.Name, n, maxFIFOLine)
		}
	}
	frame := m.AppendText(nil, nil, false)
	if len(frame) > maxFIFOMessage {
		return fmt.Errorf("the message has %d bytes: at most %d", len(frame), maxFIFOMessage)
	}
	f.SetWriteDeadline(time.Now().Add(fifoTimeout)) // fails for a regular file, which needs none
	_, err := f.Write(frame)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("heartbeat does not read %s: is it stuck?", f.Name())
	}
	return err
}

func envOr(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

// fail prints one sentence and returns the exit code for it.
func fail(stderr io.Writer, prog string, err error) int {
	fmt.Fprintf(stderr, "%s: %v\n", prog, err)
	return 1
}
