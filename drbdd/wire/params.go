package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

const (
	protocolSize    = 24
	syncParam89Size = 132
	syncParam95Size = 148
)

// Flags of P_PROTOCOL.
const (
	DiscardMyData uint32 = 1
	DryRun        uint32 = 2
)

// Protocol is P_PROTOCOL and P_PROTOCOL_UPDATE.
type Protocol struct {
	Protocol     uint32 // 1 = A, 2 = B, 3 = C
	AfterSB0P    Policy
	AfterSB1P    Policy
	AfterSB2P    Policy
	Flags        uint32
	TwoPrimaries uint32
	// Integrity is data-integrity-alg, empty for none. Version 86 does not send it;
	// NoIntegrity tells that it was, or is to be, left out.
	Integrity   string
	NoIntegrity bool
}

// Policy is the number of an after-sb policy.
type Policy uint32

var policyNames = [...]string{
	"disconnect", "discard-younger-primary", "discard-older-primary", "discard-zero-changes", "discard-least-changes",
	"discard-local", "discard-remote", "consensus", "discard-secondary", "call-pri-lost-after-sb", "violently-as0p",
}

// String is the word of the configuration.
func (p Policy) String() string {
	if int64(p) < int64(len(policyNames)) {
		return policyNames[p]
	}
	return fmt.Sprintf("policy(%d)", uint32(p))
}

// ParsePolicy returns the number of a policy's word.
func ParsePolicy(word string) (Policy, bool) {
	for i, n := range policyNames {
		if n == word {
			return Policy(i), true
		}
	}
	return 0, false
}

// Converted is a peer's policy seen from here: its local is our remote.
func (p Policy) Converted() Policy {
	const local, remote = 5, 6
	switch p {
	case local:
		return remote
	case remote:
		return local
	}
	return p
}

// For returns p as it is sent to a peer of that dialect.
func (p Protocol) For(d Dialect) Protocol {
	if p.NoIntegrity = d.Version < 87; p.NoIntegrity {
		p.Integrity = ""
	}
	return p
}

// Append appends the 24 bytes and the algorithm.
func (p Protocol) Append(b []byte) []byte {
	for _, v := range [...]uint32{
		p.Protocol, uint32(p.AfterSB0P), uint32(p.AfterSB1P), uint32(p.AfterSB2P), p.Flags, p.TwoPrimaries,
	} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	if p.NoIntegrity {
		return b
	}
	return append(append(b, p.Integrity...), 0)
}

// ParseProtocol reads the 24 bytes and the algorithm, which is at most 64 bytes
// long and is there from version 87 on.
func ParseProtocol(d Dialect, b []byte) (Protocol, error) {
	var p Protocol
	text := len(b) - protocolSize
	if text < 0 || text > maxAlgName || text == 0 && d.Version >= 87 {
		return p, wrongSize(CmdProtocol, protocolSize+1, len(b))
	}
	be := binary.BigEndian
	p = Protocol{
		Protocol: be.Uint32(b), AfterSB0P: Policy(be.Uint32(b[4:])), AfterSB1P: Policy(be.Uint32(b[8:])),
		AfterSB2P: Policy(be.Uint32(b[12:])), Flags: be.Uint32(b[16:]), TwoPrimaries: be.Uint32(b[20:]),
		Integrity: cString(b[protocolSize:]), NoIntegrity: text == 0,
	}
	return p, nil
}

func (p Protocol) String() string {
	return fmt.Sprintf("protocol=%d after_sb_0p=%d after_sb_1p=%d after_sb_2p=%d conn_flags=%d two_primaries=%d integrity_alg='%s'",
		p.Protocol, uint32(p.AfterSB0P), uint32(p.AfterSB1P), uint32(p.AfterSB2P), p.Flags, p.TwoPrimaries, printable(p.Integrity))
}

// cString is the text before the first NUL; the last byte never counts, as in the
// kernel.
func cString(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	b = b[:len(b)-1]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// printable keeps a peer's text from breaking a log line.
func printable(s string) string {
	q := fmt.Sprintf("%q", s)
	return q[1 : len(q)-1]
}

// SyncParam is P_SYNC_PARAM and P_SYNC_PARAM89. How much of it is on the wire
// depends on the version: the rate (86), the verify algorithm (88), both
// algorithms (89), the controller (95).
type SyncParam struct {
	Rate        uint32 // resync-rate, KiB/s
	VerifyAlg   string
	CsumsAlg    string
	PlanAhead   uint32 // c-plan-ahead, 0.1 s
	DelayTarget uint32 // c-delay-target, 0.1 s
	FillTarget  uint32 // c-fill-target, sectors
	MaxRate     uint32 // c-max-rate, KiB/s

	form syncForm
}

// syncForm is the number of bytes of the fixed part, and so which fields are there.
type syncForm int

// For returns p in the form that is sent to a peer of that dialect, and the packet
// for it.
func (p SyncParam) For(d Dialect) (Command, SyncParam) {
	switch {
	case d.Version >= 95:
		p.form = syncParam95Size
	case d.Version >= 89:
		p.form = syncParam89Size
	case d.Version == 88:
		p.form = 5
	default:
		p.form = 4
	}
	if p.form < syncParam89Size {
		return CmdSyncParam, p
	}
	return CmdSyncParam89, p
}

// HasController tells whether the four controller values were on the wire.
func (p SyncParam) HasController() bool { return p.form == syncParam95Size }

// Append appends p in its form: as received, or as For chose; without, the longest.
func (p SyncParam) Append(b []byte) []byte {
	be := binary.BigEndian
	b = be.AppendUint32(b, p.Rate)
	switch p.form {
	case 4:
		return b
	case 5:
		return append(append(b, p.VerifyAlg...), 0)
	}
	for _, alg := range [...]string{p.VerifyAlg, p.CsumsAlg} {
		var field [maxAlgName]byte
		copy(field[:maxAlgName-1], alg)
		b = append(b, field[:]...)
	}
	if p.form == syncParam89Size {
		return b
	}
	for _, v := range [...]uint32{p.PlanAhead, p.DelayTarget, p.FillTarget, p.MaxRate} {
		b = be.AppendUint32(b, v)
	}
	return b
}

// ParseSyncParam reads P_SYNC_PARAM: 4 bytes, with version 88 text behind.
func ParseSyncParam(d Dialect, b []byte) (SyncParam, error) {
	var p SyncParam
	text := len(b) - 4
	if text < 0 || text > maxAlgName || (text > 0) != (d.Version == 88) {
		return p, wrongSize(CmdSyncParam, 4, len(b))
	}
	p.Rate, p.form = binary.BigEndian.Uint32(b), 4
	if text > 0 {
		p.VerifyAlg, p.form = cString(b[4:]), 5
	}
	return p, nil
}

// ParseSyncParam89 reads P_SYNC_PARAM89: 132 bytes, from version 95 on 148.
func ParseSyncParam89(d Dialect, b []byte) (SyncParam, error) {
	var p SyncParam
	want := syncParam89Size
	if d.Version >= 95 {
		want = syncParam95Size
	}
	if len(b) != want {
		return p, wrongSize(CmdSyncParam89, want, len(b))
	}
	be := binary.BigEndian
	p.Rate, p.form = be.Uint32(b), syncForm(want)
	p.VerifyAlg, p.CsumsAlg = cString(b[4:4+maxAlgName]), cString(b[4+maxAlgName:syncParam89Size])
	if want == syncParam95Size {
		b = b[syncParam89Size:]
		p.PlanAhead, p.DelayTarget, p.FillTarget, p.MaxRate = be.Uint32(b), be.Uint32(b[4:]), be.Uint32(b[8:]), be.Uint32(b[12:])
	}
	return p, nil
}

func (p SyncParam) String() string {
	s := fmt.Sprintf("rate=%d", p.Rate)
	if p.form > 4 || p.form == 0 {
		s += fmt.Sprintf(" verify='%s'", printable(p.VerifyAlg))
	}
	if p.form > 5 || p.form == 0 {
		s += fmt.Sprintf(" csums='%s'", printable(p.CsumsAlg))
	}
	if p.form == syncParam95Size || p.form == 0 {
		s += fmt.Sprintf(" plan_ahead=%d delay_target=%d fill_target=%d max_rate=%d", p.PlanAhead, p.DelayTarget, p.FillTarget, p.MaxRate)
	}
	return s
}
