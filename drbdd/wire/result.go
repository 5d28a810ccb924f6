package wire

import (
	"encoding/binary"
	"fmt"
)

// Result is the outcome of a state change (SS_*, section 10.2). From 1 on it is a
// success.
type Result int32

// Results.
const (
	CWNoNeed              Result = 4
	CWSuccess             Result = 3
	NothingToDo           Result = 2
	Success               Result = 1
	UnknownError          Result = 0
	TwoPrimaries          Result = -1
	NoUpToDateDisk        Result = -2
	NoLocalDisk           Result = -4
	NoRemoteDisk          Result = -5
	ConnectedOutdates     Result = -6
	PrimaryNop            Result = -7
	ResyncRunning         Result = -8
	AlreadyStandAlone     Result = -9
	CWFailedByPeer        Result = -10
	IsDiskless            Result = -11
	DeviceInUse           Result = -12
	NoNetConfig           Result = -13
	NoVerifyAlg           Result = -14
	NeedConnection        Result = -15
	LowerThanOutdated     Result = -16
	NotSupported          Result = -17
	InTransientState      Result = -18
	ConcurrentStateChange Result = -19
	OtherVolPrimary       Result = -20
	OutdateWoConn         Result = -21
)

var resultTexts = map[Result]string{
	TwoPrimaries:          "Multiple primaries not allowed by config",
	NoUpToDateDisk:        "Need access to UpToDate data",
	NoLocalDisk:           "Can not resync without local disk",
	NoRemoteDisk:          "Can not resync without remote disk",
	ConnectedOutdates:     "Refusing to be Outdated while Connected",
	PrimaryNop:            "Refusing to be Primary while peer is not outdated",
	ResyncRunning:         "Can not start OV/resync since it is already active",
	AlreadyStandAlone:     "Can not disconnect a StandAlone device",
	CWFailedByPeer:        "State change was refused by peer node",
	IsDiskless:            "Device is diskless, the requested operation requires a disk",
	DeviceInUse:           "Device is held open by someone",
	NoNetConfig:           "Have no net/connection configuration",
	NoVerifyAlg:           "Need a verify algorithm to start online verify",
	NeedConnection:        "Need a connection to start verify or resync",
	LowerThanOutdated:     "Disk state is lower than outdated",
	NotSupported:          "Peer does not support protocol",
	InTransientState:      "In transient state, retry after next state change",
	ConcurrentStateChange: "Concurrent state changes detected and aborted",
	OtherVolPrimary:       "Other vol primary on peer not allowed by config",
	OutdateWoConn:         "Need a connection for a graceful disconnect/outdate peer",
}

// Ok tells whether the change was made.
func (r Result) Ok() bool { return r >= Success }

// Text is the sentence for a refusal, empty for other results.
func (r Result) Text() string { return resultTexts[r] }

// StateReply is P_STATE_CHG_REPLY and P_CONN_ST_CHG_REPLY.
type StateReply struct{ Result Result }

// Append appends the 4 bytes.
func (p StateReply) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(p.Result))
}

// ParseStateReply reads the 4 bytes.
func ParseStateReply(_ Dialect, b []byte) (StateReply, error) {
	if len(b) != 4 {
		return StateReply{}, wrongSize(CmdStateChgReply, 4, len(b))
	}
	return StateReply{Result(binary.BigEndian.Uint32(b))}, nil
}

func (p StateReply) String() string {
	if t := p.Result.Text(); t != "" {
		return fmt.Sprintf("retcode=%d (%s)", p.Result, t)
	}
	return fmt.Sprintf("retcode=%d", p.Result)
}
