package control

import "time"

// The commands of Request.Cmd, by what they are about and how they are answered.
//
//	new-resource del-resource resource-options           Resource
//	new-minor                                            Resource, Minor, Volume
//	down                                                 Resource
//	connect                                              Resource, Args LOCAL REMOTE
//	net-options disconnect                               Args LOCAL REMOTE, else Resource
//	attach                                               Minor, Args LOWER META INDEX
//	del-minor disk-options detach primary secondary
//	invalidate invalidate-remote pause-sync resume-sync
//	suspend-io resume-io outdate verify resize
//	new-current-uuid                                     Minor
//	save-changes                                         Minor, Args FILE
//	role cstate dstate show-gi get-gi check-resize       Minor                   query
//	show sh-status events                                Minor, Resource or All  query
//	status events2                                       Resource or All         query
//	wait-connect wait-sync                               Minor                   query
//
// A query changes nothing. It is answered by the resources it is about, whole, in
// the order of their names: with Resource that one (else 158 and "unknown
// resource"), with Minor the one that has it, with all its volumes (else 127 and
// "unknown minor"), with All all of them. With Follow the first Answer has them as
// they are and each later one, all of them again, as they became; an Answer with
// Helper tells of a handler and of nothing else.
//
// Addresses in Args are "ipv4:A.B.C.D:PORT" or "ipv6:[A]:PORT" with numbers only;
// names were looked up by the tool. Devices in Args are absolute paths.
var queries = map[string]bool{
	"role": true, "cstate": true, "dstate": true, "show-gi": true, "get-gi": true, "check-resize": true,
	"show": true, "sh-status": true, "status": true, "events": true, "events2": true,
	"wait-connect": true, "wait-sync": true,
}

// IsQuery tells whether a command only asks.
func IsQuery(cmd string) bool { return queries[cmd] }

// Limits for the answer to a command. The real drbdadm gives its drbdsetup 5 s for
// quick commands and 600 s for those that wait for a disk or the peer (drbd-cli
// 2.2); the tool stays within that where it can.
const (
	quickLimit = 10 * time.Second
	slowLimit  = 600 * time.Second
	copyLimit  = 24 * time.Hour // copies as much as a disk has
)

var slow = map[string]bool{
	"attach": true, "detach": true, "down": true, "primary": true, "secondary": true, "disconnect": true,
	"invalidate": true, "invalidate-remote": true, "resize": true, "outdate": true, "new-current-uuid": true,
	"suspend-io": true, "verify": true, "pause-sync": true, "resume-sync": true,
}

// Limit is the time after which a command without an answer counts as failed.
func Limit(cmd string) time.Duration {
	if cmd == "save-changes" {
		return copyLimit
	}
	if slow[cmd] {
		return slowLimit
	}
	return quickLimit
}
