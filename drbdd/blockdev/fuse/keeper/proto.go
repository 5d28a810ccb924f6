package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	version    = 1
	maxMessage = 64 << 10
	maxFiles   = 8
	maxName    = 255
)

// request goes to the keeper; descriptors travel beside it with Put.
type request struct {
	Op    string // hello put take drop release list
	Name  string `json:",omitempty"`
	State []byte `json:",omitempty"`
	Wait  int64  `json:",omitempty"` // take: how many ms to wait for an owner that is dying
}

// reply answers; descriptors travel beside it after Take.
type reply struct {
	Error   string   `json:",omitempty"`
	Kind    string   `json:",omitempty"` // of the error: held, none
	Version int      `json:",omitempty"`
	PID     int      `json:",omitempty"`
	Names   []string `json:",omitempty"`
	State   []byte   `json:",omitempty"`
}

// Errors of a Client that callers decide on.
var (
	// ErrNone: the keeper has nothing of that name.
	ErrNone = errors.New("the keeper holds nothing of that name")
	// ErrHeld: another living process serves it.
	ErrHeld = errors.New("another process serves it")
)

func (r reply) err() error {
	switch r.Kind {
	case "none":
		return ErrNone
	case "held":
		return fmt.Errorf("%w: %s", ErrHeld, r.Error)
	}
	if r.Error != "" {
		return errors.New("keeper: " + r.Error)
	}
	return nil
}

// send writes one message with descriptors.
func send(c *net.UnixConn, v any, fds []int) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > maxMessage || len(fds) > maxFiles {
		return fmt.Errorf("message of %d bytes and %d descriptors is too large", len(b), len(fds))
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if err := c.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	_, _, err = c.WriteMsgUnix(b, oob, nil)
	return err
}

// receive reads one message. The caller owns the descriptors, also with an error.
func receive(c *net.UnixConn, v any) (fds []int, err error) {
	b, oob := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(4*maxFiles))
	n, on, flags, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, net.ErrClosed
	}
	if on > 0 {
		msgs, err := unix.ParseSocketControlMessage(oob[:on])
		if err != nil {
			return nil, err
		}
		for i := range msgs {
			if f, err := unix.ParseUnixRights(&msgs[i]); err == nil {
				fds = append(fds, f...)
			}
		}
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		return fds, errors.New("message is too large")
	}
	return fds, json.Unmarshal(b[:n], v)
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// peer is the process at the other end of a connection. Its handle stays right when its
// number is used again.
func peer(c *net.UnixConn) (pid int, uid uint32, handle int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0, -1, err
	}
	var u *unix.Ucred
	if e := raw.Control(func(fd uintptr) { u, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); e != nil {
		return 0, 0, -1, e
	}
	if err != nil {
		return 0, 0, -1, err
	}
	handle, err = unix.PidfdOpen(int(u.Pid), 0)
	if err != nil {
		handle = -1 // it is gone already, or in another PID namespace: then the connection's end must do
	}
	return int(u.Pid), u.Uid, handle, nil
}

// waitGone waits until every thread of the process has ended.
func waitGone(handle int) {
	if handle < 0 {
		return
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}, -1)
		if n > 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}

func sameUser(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }
