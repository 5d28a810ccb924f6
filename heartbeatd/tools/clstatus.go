package tools

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"classicha/heartbeatd/clientapi"
	"classicha/internal/getopt"
)

// Exit codes of cl_status (heartbeat-behaviour 5); 12 was seen when the daemon
// does not answer within the time limit.
const (
	clOK       = 0
	clNegative = 1
	clBadParam = 11
	clTimeout  = 12
	clError    = 13
)

// clTimeLimit bounds a whole run; a test shortens it.
var clTimeLimit = 5 * time.Second

const clUsage = `Usage: cl_status <sub-command> [<options>] [<parameters>]

Sub-commands:
clientstatus <node-name> <client-id> [<timeout>]
	Show the status of heartbeat clients.
hblinkstatus <node-name> <link-name>
	Show the status of a heartbeat link
hbstatus
	Indicate if heartbeat is running on the local system.
	Options:
		-v	verbose: also add "listnodes -v" output
listnodes [<option>]
	List the nodes in the cluster.
	Options:
		-p	list only 'ping' type nodes
		-n	list only 'normal' type nodes
		-v	verbose: also list type and status,
			then add "listhblinks -v" output
listhblinks <node-name>
	List the network interfaces used as hearbeat links.
	Options:
		-v	verbose: list link status as well
nodestatus <node-name>
	List the node status.
nodeweight <node-name>
	List the node weight.
nodesite <node-name>
	List the node site.
nodetype <node-name>
	List the nodes of a given type.
rscstatus
	Show the status of cluster resources.
hbparameter -p <parameter-name>
	Retrieve the value of a cluster parameter.
	As for the valid parameter names, please refer to the man page.
`

// clStatus is one run.
type clStatus struct {
	c              *clientapi.Client
	stdout, stderr io.Writer
	sub            string   // the sub-command
	words          []string // operands
	human          bool     // -m
	verbose        bool     // -v
	normal, ping   bool     // -n, -p of listnodes
	param          string   // -p of hbparameter
	timedOut       bool
}

// clCommand is a sub-command: its letters, the wording of the complaint about
// a bad one, and what it does once signed on.
type clCommand struct {
	letters string
	badOpt  string
	run     func(*clStatus) int
}

const (
	badOptCode = "Error: getopt returnedcharacter code ?."
	badOptChar = "Error: getopt returnedcharacter ?."
)

var clCommands = map[string]clCommand{
	"clientstatus": {"m", badOptChar, (*clStatus).clientStatus},
	"hblinkstatus": {"m", badOptChar, (*clStatus).linkStatus},
	"hbstatus":     {"vm", "", nil},
	"listnodes":    {"npvm", badOptCode, (*clStatus).listNodes},
	"listhblinks":  {"vm", badOptCode, (*clStatus).listLinks},
	"nodestatus":   {"m", badOptChar, (*clStatus).nodeStatus},
	"nodeweight":   {"m", badOptChar, (*clStatus).nodeWeight},
	"nodesite":     {"m", badOptChar, (*clStatus).nodeSite},
	"nodetype":     {"m", badOptChar, (*clStatus).nodeType},
	"rscstatus":    {"m", badOptChar, (*clStatus).resources},
	"hbparameter":  {"p:m", badOptCode, (*clStatus).parameter},
}

// ClStatus is cl_status (heartbeat-behaviour 5): sub-commands, output and exit
// codes of the original. args is without the program's name. HA_REGISTER
// overrides the path of the daemon's socket.
func ClStatus(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || len(args) == 1 && args[0] == "-h" {
		io.WriteString(stdout, clUsage)
		return clOK
	}
	s := &clStatus{stdout: stdout, stderr: stderr, sub: args[0]}
	cmd, ok := clCommands[s.sub]
	if !ok {
		s.error("%s: invalid sub-command.", s.sub)
		return clBadParam
	}
	c, err := clientapi.Dial(os.Getenv("HA_REGISTER"), "", time.Now().Add(clTimeLimit))
	s.note(err)
	if c != nil {
		s.c = c
		defer c.Close()
	}
	var code int
	switch {
	case s.timedOut:
	case s.sub == "hbstatus":
		code = s.hbStatus(cmd, args[1:], err)
	case err != nil:
		s.error("Cannot signon with heartbeat")
		s.error("REASON: %v", err)
		code = clNegative
	case !s.options(cmd, args[1:]):
		s.error("%s", cmd.badOpt)
		code = clBadParam
	default:
		code = cmd.run(s)
	}
	if s.timedOut {
		s.error("heartbeat does not answer within %v", clTimeLimit)
		return clTimeout
	}
	return code
}

// options reads the options; the complaints begin with the sub-command, which
// is argv[0] for the original's getopt.
func (s *clStatus) options(cmd clCommand, args []string) (ok bool) {
	p := getopt.New(s.sub, args, cmd.letters)
	p.Stderr = s.stderr
	for o, more := p.Next(); more; o, more = p.Next() {
		switch {
		case o.Err != nil && s.sub == "hbstatus": // it goes on
		case o.Err != nil:
			return false
		case o.Short == 'm':
			s.human = true
		case o.Short == 'v':
			s.verbose = true
		case o.Short == 'n':
			s.normal = true
		case o.Short == 'p':
			s.ping, s.param = true, o.Arg
		}
	}
	s.words = p.Operands()
	return true
}

// note remembers that the time is over.
func (s *clStatus) note(err error) bool {
	if errors.Is(err, clientapi.ErrTimeout) {
		s.timedOut = true
	}
	return err != nil
}

// error prints a line in the form of the log (heartbeat-behaviour 1.1).
func (s *clStatus) error(format string, args ...any) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	fmt.Fprintf(s.stderr, "%s %s cl_status: [%d]: ERROR: %s\n",
		time.Now().Format("Jan _2 15:04:05"), host, os.Getpid(), fmt.Sprintf(format, args...))
}
