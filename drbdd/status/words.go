package status

import (
	"strings"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// kibPerBit is what one bit of the bitmap stands for.
const kibPerBit = 4

// peerName is what drbdsetup 8.4 calls the only peer.
const peerName = "peer"

// hasNet tells whether the resource has a network configuration: only then
// there is a peer to tell of.
func hasNet(r control.Resource) bool { return r.View.Net != nil || r.Net != nil }

// volume finds a volume by its number; config is empty if only the view has it.
func volume(r control.Resource, vol int) (view replica.VolumeView, config control.Volume, ok bool) {
	for i, v := range r.View.Volumes {
		if v.Vol == vol {
			if i < len(r.Volumes) {
				config = r.Volumes[i]
			}
			return v, config, true
		}
	}
	return view, config, false
}

// conn9 is the state of the connection in the words of DRBD 9.
func conn9(c wire.ConnState) string {
	switch {
	case c == wire.WFConnection:
		return "Connecting"
	case c >= wire.WFReportParams:
		return "Connected"
	}
	return c.String()
}

// connected tells whether the peer's state is known.
func connected(r control.Resource) bool { return r.View.Conn >= wire.WFReportParams }

// repl9 is the state of one volume's replication in the words of DRBD 9.
func repl9(c wire.ConnState) string {
	switch {
	case c <= wire.WFReportParams:
		return "Off"
	case c == wire.Connected:
		return "Established"
	}
	return c.String()
}

// list joins the words whose condition holds, or says no.
func list(conds []bool, words ...string) string {
	var on []string
	for i, w := range words {
		if conds[i] {
			on = append(on, w)
		}
	}
	if on == nil {
		return "no"
	}
	return strings.Join(on, ",")
}

func suspended(v replica.View) string {
	return list([]bool{v.Susp, v.SuspNod, v.SuspFen}, "user", "no-data", "fencing")
}

func resyncSuspended(v replica.VolumeView) string {
	return list([]bool{v.UserISP, v.PeerISP, v.AftrISP}, "user", "peer", "dependency")
}

func isSuspended(v replica.View) bool { return v.Susp || v.SuspNod || v.SuspFen }

// blocked says why requests wait: above because the resource takes none at
// present, below because the disk's queue is full.
func blocked(r control.Resource, v replica.VolumeView) string {
	upper := isSuspended(r.View) || !takesRequests(r.View, v)
	return list([]bool{upper, v.DiskCongested}, "upper", "lower")
}

// takesRequests: states that pass quickly keep applications waiting (drbd-wire 10).
func takesRequests(r replica.View, v replica.VolumeView) bool {
	switch v.Conn {
	case wire.WFReportParams, wire.WFBitMapT, wire.WFSyncUUID:
		return false
	case wire.WFBitMapS:
		if r.Net != nil && r.Net.Dialect.Version < 96 {
			return false
		}
	}
	return v.Disk != wire.Attaching && v.Disk != wire.Negotiating
}

// ordering is the word for the way in which writes are ordered on disk.
func ordering(r replica.View) string {
	for _, v := range r.Volumes {
		switch v.WriteOrdering {
		case 'b':
			return "barrier"
		case 'd':
			return "drain"
		case 'n':
			return "none"
		}
	}
	return "flush"
}

// unconfigured is a volume without a disk and without a peer.
func unconfigured(v replica.VolumeView) bool {
	return v.Conn == wire.StandAlone && v.Disk == wire.Diskless
}

// protocol is the letter A, B or C; 0 without a network configuration.
func protocol(r control.Resource) byte {
	switch p := r.Net["protocol"]; {
	case !hasNet(r):
		return 0
	case p != "":
		return p[0]
	case r.View.Net != nil && r.View.Net.Options.Protocol != 0:
		return r.View.Net.Options.Protocol
	}
	return 'C'
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// shellEscape protects a value in a line NAME=VALUE that a shell reads.
func shellEscape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		clean := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("%+-./:=@_", c) >= 0
		if !clean {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}
