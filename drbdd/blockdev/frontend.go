package blockdev

import (
	"context"
	"fmt"
	"strings"
)

// FrontEnd is a way in which applications reach a backend.
type FrontEnd interface {
	// Device is the path that applications use: /dev/drbd0, or a socket.
	Device() string
	// Resize tells applications of a new Info.Size of the backend.
	Resize() error
	// Holders lists who has the device open now.
	Holders() ([]Holder, error)
	// Close takes the device away from applications. While one holds it nothing is changed and
	// the error is a *BusyError. When Close has returned nil, every request was completed and none
	// will be submitted.
	Close(ctx context.Context) error
	// Abort takes the device away whether it is held or not: applications get EIO. Requests in
	// flight are waited for as in Close, for the backend needs its buffers back.
	Abort(ctx context.Context) error
}

// Holder is one user of a device.
type Holder struct {
	PID  int    // 0 when it is not a process
	Name string // the process's name, or what else holds it
	What string // "open", "mounted on /srv", "swap", "device dm-0", "connected"
}

func (h Holder) String() string {
	if h.PID == 0 {
		return strings.TrimSpace(h.Name + " " + h.What)
	}
	return fmt.Sprintf("%s[%d] %s", h.Name, h.PID, h.What)
}

// BusyError is why a device was not taken away.
type BusyError struct {
	Device  string
	Holders []Holder // empty when the kernel says busy and nobody was found
}

func (e *BusyError) Error() string {
	if len(e.Holders) == 0 {
		return e.Device + " is in use"
	}
	s := make([]string, len(e.Holders))
	for i, h := range e.Holders {
		s[i] = h.String()
	}
	return e.Device + " is held by " + strings.Join(s, ", ")
}
