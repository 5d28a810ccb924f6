package status

import (
	"fmt"
	"io"

	"classicha/drbdd/wire"
)

// proc07 lists every minor from 0 on, as 0.7 did (drbd-cli 5.3).
func proc07(w io.Writer, devices []device) {
	next := 0
	for _, d := range devices {
		v := d.v
		for ; next < v.Minor; next++ {
			fmt.Fprintf(w, "%2d: cs:Unconfigured\n", next)
		}
		next = v.Minor + 1
		if unconfigured(v) {
			fmt.Fprintf(w, "%2d: cs:Unconfigured\n", v.Minor)
			continue
		}
		local := "Inconsistent"
		if v.Disk == wire.UpToDate || v.Disk == wire.Consistent {
			local = "Consistent"
		}
		fmt.Fprintf(w, "%2d: cs:%s st:%s/%s ld:%s\n", v.Minor, CState07(v.Conn, v.Disk, v.Pdsk), v.Role, v.Peer, local)
		c := v.Counters
		fmt.Fprintf(w, "    ns:%d nr:%d dw:%d dr:%d al:%d bm:%d lo:%d pe:%d ua:%d ap:%d\n",
			c.SentKiB, c.RecvKiB, c.WrittenKiB, c.ReadKiB, c.ALWrites, c.BMWrites, c.Local, c.Pending, c.Unacked, c.Application)
		if v.Progress != nil && (v.Conn == wire.SyncSource || v.Conn == wire.SyncTarget) {
			progress07(w, v.Progress)
		}
	}
}

// CState07 is the state of a connection in the words of 0.7. What it did not
// know is called by what comes nearest: a verify is a connection at rest, Ahead
// and Behind are a paused resync.
func CState07(c wire.ConnState, disk, peer wire.DiskState) string {
	switch c {
	case wire.Connected, wire.VerifyS, wire.VerifyT:
		switch {
		case peer == wire.Diskless:
			return "ServerForDLess"
		case disk == wire.Diskless:
			return "DiskLessClient"
		}
		c = wire.Connected
	case wire.Disconnecting:
		c = wire.Unconnected
	case wire.ProtocolError, wire.TearDown:
		c = wire.BrokenPipe
	case wire.StartingSyncS:
		c = wire.WFBitMapS
	case wire.StartingSyncT, wire.WFSyncUUID:
		c = wire.WFBitMapT
	case wire.Ahead:
		c = wire.PausedSyncS
	case wire.Behind:
		c = wire.PausedSyncT
	}
	return c.String()
}
