package drbdadm

import (
	"path"
	"strings"
)

const outdater = "drbd-peer-outdater"

// outdaterDirs are where releases of Heartbeat, and ours, have drbd-peer-outdater.
var outdaterDirs = []string{"/usr/libexec/heartbeat", "/usr/lib/heartbeat", "/usr/lib64/heartbeat"}

// findOutdater replaces the program of a handler if it is drbd-peer-outdater of a
// release that is not installed here: drbd.conf names it with the directory of the
// distribution on which it was written.
func (t *tool) findOutdater(command string) string {
	program, rest := command, ""
	if i := strings.IndexAny(command, " \t"); i >= 0 {
		program, rest = command[:i], command[i:]
	}
	if !path.IsAbs(program) || path.Base(program) != outdater {
		return command
	}
	if _, err := t.env.LookPath(program); err == nil {
		return command
	}
	for _, dir := range outdaterDirs {
		if _, err := t.env.LookPath(dir + "/" + outdater); err == nil {
			return dir + "/" + outdater + rest
		}
	}
	return command
}

// ownDopd reports whether the dopd of this machine is inside our heartbeatd: that one
// runs drbdadm as root, so that drbdsetup and drbdmeta need not be set-uid.
func (t *tool) ownDopd() bool {
	if t.env.Readlink == nil {
		return false
	}
	for _, dir := range outdaterDirs {
		if to, err := t.env.Readlink(dir + "/" + outdater); err == nil && path.Base(to) == "heartbeatd" {
			return true
		}
	}
	return false
}
