package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A line is at most this long, in bytes with the newline. What a user can put
// into one command fits into the first; the second has room for the state of some
// thousand volumes.
const (
	maxRequest = 64 << 10
	maxAnswer  = 16 << 20
)

// errTooLong is a line over its limit.
var errTooLong = errors.New("line is too long")

// readLine returns the next line without its newline; it never holds more than
// limit bytes. io.EOF is an end before the first byte, io.ErrUnexpectedEOF one in
// the middle of the line.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, errTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// readRequest reads the one request of a connection.
func readRequest(r *bufio.Reader) (Request, error) {
	req := Request{Minor: -1}
	line, err := readLine(r, maxRequest)
	if err != nil {
		return req, err
	}
	if err := json.Unmarshal(line, &req); err != nil {
		return req, fmt.Errorf("not a request: %w", err)
	}
	if req.Cmd == "" {
		return req, errors.New("not a request: it has no command")
	}
	return req, nil
}

// readAnswer reads one answer.
func readAnswer(r *bufio.Reader) (Answer, error) {
	var a Answer
	line, err := readLine(r, maxAnswer)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return a, fmt.Errorf("not an answer: %w", err)
	}
	return a, nil
}

// appendLine makes a line of a request or an answer.
func appendLine(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}
