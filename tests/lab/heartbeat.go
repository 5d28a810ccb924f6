package lab

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// labRsc is a resource script for tests: LabRsc::NAME[::ARG...]. Its state is
// the file /run/labrsc/NAME, its calls are recorded in /var/log/labrsc with the
// time in seconds. A file fail-start-NAME or fail-stop-NAME in /etc/ha.d makes
// it fail.
const labRsc = `#!/bin/bash
t=$EPOCHREALTIME
for op in "$@"; do :; done
s=/run/labrsc/$1
[ -d /run/labrsc ] || mkdir -p /run/labrsc
echo "$t $*" >>/var/log/labrsc
case $op in
start)  [ -e /etc/ha.d/fail-start-$1 ] && exit 1; : >$s;;
stop)   [ -e /etc/ha.d/fail-stop-$1 ] && exit 1; rm -f $s;;
status) if [ -e $s ]; then echo running; else echo stopped; fi;;
esac
exit 0
`

// Start starts the node's Heartbeat as its init script does. It returns when the
// program has detached.
func (n *Node) Start() error {
	r := n.Run(HeartbeatProgram)
	if r.Code != 0 {
		return fmt.Errorf("%s: heartbeat (%s) did not start, exit code %d:\n%s", n.Name(), n.spec.Image.Name, r.Code, r.Out)
	}
	return nil
}

// Stop stops it gracefully and waits for its end.
func (n *Node) Stop(limit time.Duration) error {
	r := n.RunFor(limit, HeartbeatProgram, "-k")
	if r.Code != 0 {
		return fmt.Errorf("%s: heartbeat -k (%s): exit code %d: %s", n.Name(), n.spec.Image.Name, r.Code, r.Out)
	}
	return nil
}

// Holding is what "cl_status rscstatus" prints: none, local, foreign, all or
// transition; empty if it has nothing to say.
func (n *Node) Holding() string {
	r := n.RunFor(10*time.Second, "cl_status", "rscstatus")
	if r.Code != 0 {
		return ""
	}
	return strings.TrimSpace(r.Out)
}

// Sees is what "cl_status nodestatus" says about another node.
func (n *Node) Sees(other string) string {
	r := n.RunFor(10*time.Second, "cl_status", "nodestatus", other)
	return strings.TrimSpace(r.Out)
}

// Standby runs hb_standby with a class, Takeover hb_takeover.
func (n *Node) Standby(class string) error  { return n.tool("hb_standby", class) }
func (n *Node) Takeover(class string) error { return n.tool("hb_takeover", class) }

func (n *Node) tool(name, class string) error {
	r := n.Run("/usr/share/heartbeat/"+name, class)
	if r.Code != 0 {
		return fmt.Errorf("%s: %s %s (%s): exit code %d: %s", n.Name(), name, class, n.spec.Image.Name, r.Code, r.Out)
	}
	return nil
}

// Runs says whether the LabRsc resource is started on the node, by its state
// file and not by anybody's word.
func (n *Node) Runs(resource string) bool {
	_, err := os.Stat(n.Path("/run/labrsc/" + resource))
	return err == nil
}
