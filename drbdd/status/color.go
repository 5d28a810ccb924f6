package status

import "classicha/drbdd/wire"

// Colors of `status --color`: what is local is bold.
const (
	colorStop = "\x1b[0m"

	bold = "\x1b[1m"

	localPrimary = "\x1b[1;36m"
	localGood    = "\x1b[1;32m"
	localBad     = "\x1b[1;31m"

	peerPrimary = "\x1b[36m"
	peerGood    = "\x1b[32m"
	peerBad     = "\x1b[31m"
)

// palette gives the colors of a side; without colors it gives none.
type palette struct{ on bool }

func (p palette) pick(local bool, l, peer string) string {
	switch {
	case !p.on:
		return ""
	case local:
		return l
	}
	return peer
}

func (p palette) role(r wire.Role, local bool) string {
	switch r {
	case wire.Primary:
		return p.pick(local, localPrimary, peerPrimary)
	case wire.Secondary:
		return ""
	}
	return p.pick(local, bold, "")
}

func (p palette) conn(c wire.ConnState) string {
	switch {
	case c == wire.StandAlone || c == wire.WFConnection:
		return p.pick(true, localBad, "")
	case c >= wire.WFReportParams:
		return ""
	}
	return p.pick(true, bold, "")
}

func (p palette) repl(c wire.ConnState) string {
	switch c {
	case wire.Connected, wire.VerifyS, wire.VerifyT, wire.PausedSyncS, wire.Ahead:
		return ""
	case wire.SyncSource:
		return p.pick(false, "", peerBad)
	case wire.SyncTarget, wire.PausedSyncT:
		return p.pick(true, localBad, "")
	case wire.Behind:
		return p.pick(true, bold, "")
	}
	return "" // states that pass are not marked on the peer's side
}

func (p palette) disk(d wire.DiskState, local bool) string {
	switch d {
	case wire.Diskless, wire.Inconsistent, wire.Outdated:
		return p.pick(local, localBad, peerBad)
	case wire.UpToDate:
		return p.pick(local, localGood, peerGood)
	}
	return p.pick(local, bold, "")
}
