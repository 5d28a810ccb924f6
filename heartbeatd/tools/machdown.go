package tools

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// MachDown is mach_down NODE. In the original, rc.d/status calls it at a node's
// death to take over its groups. Our daemon takes over by itself, so this does
// nothing but say so; a copied rc.d/status of the original stays harmless. It
// always returns 0.
func MachDown(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || os.Getenv("HA_TAKEOVER") == "daemon" || strings.Contains(os.Getenv("HA_info"), "ping") {
		return 0
	}
	fmt.Fprintf(stdout, "mach_down: heartbeat takes over the resources of a dead node by itself; nothing is done for %q. "+
		"To take over now use %shb_takeover.\n", strings.ToLower(args[0]), scriptDir)
	return 0
}
