package tools

import (
	"fmt"
	"io"
	"os"

	"classicha/heartbeatd/message"
)

// ReqResource is req_resource KEY: a node asks for a group of its own. Nothing
// happens if it runs here already. With HA_DONTASK=yes or in the modern failback
// modes (HA_NICEFAILBACK=yes) the daemon is told to start it
// (heartbeat-wire 13.3); else the other node is asked to release it.
func ReqResource(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 || args[0] == "" {
		fmt.Fprintf(stderr, "usage: %s resource-group\n", scriptName("req_resource"))
		return 1
	}
	key := args[0]
	if ResourceManager([]string{"status", key}, io.Discard, stderr) == 0 {
		return 0
	}
	m := message.New("t", "ip-request", "ipaddr", key)
	if os.Getenv("HA_NICEFAILBACK") == "yes" || os.Getenv("HA_DONTASK") == "yes" {
		m = message.New("t", "ip-request-resp", "dest", newManager(stdout, stderr).node, "ipaddr", key, "weown", "yes", "ok", "OK")
	}
	if err := clusterMessage(m); err != nil {
		return fail(stderr, "req_resource", err)
	}
	return 0
}
