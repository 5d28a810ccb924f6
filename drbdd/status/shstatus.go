package status

import (
	"fmt"
	"io"

	"classicha/drbdd/control"
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// Unconfigured is the answer of role, cstate and dstate for a device without a
// disk and without a peer.
const Unconfigured = "Unconfigured"

// What get-gi and show-gi say on standard error, with exit code 1, where there
// are no identifiers.
const (
	GIUnconfigured = "Device is unconfigured"
	GINoDisk       = "Device has no disk"
)

// Role is the answer of `role`, without the newline: "Primary/Secondary".
func Role(r control.Resource, vol int) string {
	return stateOf(r, vol, func(v replica.VolumeView) string { return v.Role.String() + "/" + v.Peer.String() })
}

// CState is the answer of `cstate`: "Connected".
func CState(r control.Resource, vol int) string {
	return stateOf(r, vol, func(v replica.VolumeView) string { return v.Conn.String() })
}

// DState is the answer of `dstate`: "UpToDate/UpToDate".
func DState(r control.Resource, vol int) string {
	return stateOf(r, vol, func(v replica.VolumeView) string { return v.Disk.String() + "/" + v.Pdsk.String() })
}

func stateOf(r control.Resource, vol int, f func(replica.VolumeView) string) string {
	v, _, ok := volume(r, vol)
	if !ok || unconfigured(v) {
		return Unconfigured
	}
	return f(v)
}

// GetGI is the answer of `get-gi`, without the newline: identifiers and flags
// of the attached disk. If there is none, ok is false and text the complaint.
func GetGI(r control.Resource, vol int) (text string, ok bool) {
	return generation(r, vol, func(v replica.VolumeView) string { return metadata.FormatGI(v.UUIDs, v.Flags) })
}

// ShowGI is the answer of `show-gi`: the same with an explanation, and the flags
// in words. It ends with a newline. While a disk is in use its activity log
// counts as not applied.
func ShowGI(r control.Resource, vol int) (text string, ok bool) {
	return generation(r, vol, func(v replica.VolumeView) string {
		al := "need apply-al"
		if v.Flags.Has(metadata.ALClean) {
			al = "clean"
		}
		return metadata.Legend(v.UUIDs, v.Flags) + "flags: " + v.Flags.Words() + "\nmeta-data: " + al + "\n"
	})
}

func generation(r control.Resource, vol int, f func(replica.VolumeView) string) (string, bool) {
	v, _, ok := volume(r, vol)
	switch {
	case !ok || unconfigured(v):
		return GIUnconfigured, false
	case v.Disk == wire.Diskless:
		return GINoDisk, false
	}
	return f(v), true
}

// ShStatus is `sh-status` of one volume: lines that a shell reads.
func ShStatus(w io.Writer, r control.Resource, vol int) {
	v, _, ok := volume(r, vol)
	if !ok {
		return
	}
	fmt.Fprintf(w, "_minor=%d\n_res_name=%s\n_volume=%d\n", v.Minor, shellEscape(r.View.Name), v.Vol)
	if unconfigured(v) && v.Role != wire.Primary {
		shUnconfigured(w, Unconfigured)
		return
	}
	one := func(b bool) string {
		if b {
			return "1"
		}
		return ""
	}
	fmt.Fprintf(w, "_known=Configured\n\n_cstate=%s\n_role=%s\n_peer=%s\n_disk=%s\n_pdsk=%s\n\n", v.Conn, v.Role, v.Peer, v.Disk, v.Pdsk)
	fmt.Fprintf(w, "_flags_susp=%s\n_flags_aftr_isp=%s\n_flags_peer_isp=%s\n_flags_user_isp=%s\n\n", one(r.View.Susp), one(v.AftrISP), one(v.PeerISP), one(v.UserISP))
	fmt.Fprintf(w, "_resynced_percent=%s\n\n_sh_status_process\n\n\n", resynced(v))
}

// resynced is "45.3" during a resync or verify.
func resynced(v replica.VolumeView) string {
	if v.Progress == nil || v.Conn < wire.SyncSource || v.Conn > wire.PausedSyncT {
		return ""
	}
	return tenths(permille(v.Progress))
}

// ShStatusNone is `sh-status` of a minor that does not exist.
func ShStatusNone(w io.Writer, minor int) {
	fmt.Fprintf(w, "_minor=%d\n_res_name=\n_volume=-1\n", minor)
	shUnconfigured(w, "NA # not available or not yet created")
}

func shUnconfigured(w io.Writer, known string) {
	fmt.Fprintf(w, "_known=%s\n\n_cstate=Unconfigured\n", known)
	for _, name := range []string{"role", "peer", "disk", "pdsk", "flags_susp", "flags_aftr_isp", "flags_peer_isp", "flags_user_isp", "resynced_percent"} {
		fmt.Fprintf(w, "_%s=\n", name)
	}
	fmt.Fprint(w, "\n_sh_status_process\n\n\n")
}
