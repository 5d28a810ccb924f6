package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// dialLimit bounds connecting; the daemon's queue for it is never long.
const dialLimit = 3 * time.Second

// ErrUnreachable is the error of a daemon that does not run, or may not be spoken
// to: nothing was asked. ErrNoReply is one that took the request and did not
// answer in time.
var (
	ErrUnreachable = errors.New("cannot reach drbdd")
	ErrNoReply     = errors.New("timed out waiting for reply")
)

// Path is where the daemon listens: DRBDD_SOCKET, or Socket.
func Path() string {
	if p := os.Getenv("DRBDD_SOCKET"); p != "" {
		return p
	}
	return Socket
}

// Call sends a command and returns its answer. Without a deadline in ctx it waits
// for Limit of the command.
func Call(ctx context.Context, socket string, req Request) (Answer, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, Limit(req.Cmd))
		defer cancel()
	}
	req.Follow = false
	var answer Answer
	got := false
	err := talk(ctx, socket, req, func(a Answer) bool {
		answer, got = a, true
		return false
	})
	if err == nil && !got {
		err = fmt.Errorf("drbdd at %s gave no answer", socket)
	}
	return answer, err
}

// Follow sends a command with Follow set and calls each for every answer, until it
// returns false, the daemon says that it was the last, or ctx ends (then the error
// is that of ctx). Only the first answer must come in time.
func Follow(ctx context.Context, socket string, req Request, each func(Answer) bool) error {
	req.Follow = true
	return talk(ctx, socket, req, each)
}

func talk(ctx context.Context, socket string, req Request, each func(Answer) bool) error {
	dctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(dctx, "unix", socket)
	if err != nil {
		return unreachable(socket, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := appendLine(req)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	first := time.AfterFunc(Limit(req.Cmd), func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer first.Stop()
	if _, err := conn.Write(line); err != nil && !isClosed(err) {
		return lost(ctx, socket, err) // a closed connection may still hold an answer: why it was closed
	}
	r := bufio.NewReader(conn)
	for {
		a, err := readAnswer(r)
		if err != nil {
			return lost(ctx, socket, err)
		}
		if req.Follow {
			first.Stop()
		}
		if !each(a) || a.Last {
			return nil
		}
	}
}

// unreachable makes one short sentence of what the system said.
func unreachable(socket string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, socket, err)
}

// lost tells why no (further) answer came.
func lost(ctx context.Context, socket string, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil:
		return fmt.Errorf("%w", ErrNoReply)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isClosed(err):
		return fmt.Errorf("drbdd at %s went away", socket)
	}
	return fmt.Errorf("drbdd at %s: %w", socket, err)
}

// NotRunning tells whether an error of Call or Follow means that there is no daemon
// at all, and not that it may not be spoken to.
func NotRunning(err error) bool {
	return errors.Is(err, ErrUnreachable) && (errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED))
}
