package tools

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"classicha/heartbeatd/clientapi"
)

// The sub-commands of cl_status. They return the exit code.

func (s *clStatus) printf(format string, args ...any) {
	fmt.Fprintf(s.stdout, format, args...)
}

// hbStatus looks at the signon alone; a daemon whose API is not open yet counts
// as stopped.
func (s *clStatus) hbStatus(cmd clCommand, args []string, signon error) int {
	s.options(cmd, args)
	var refused *clientapi.Refused
	switch {
	case errors.As(signon, &refused):
		s.printf("Heartbeat is apparently running on this machine, but refuses my connection\n")
	case signon != nil:
		s.printf("Heartbeat is stopped on this machine.\n")
	case s.verbose && s.human:
		s.printf("Heartbeat version %s\n", s.c.Version)
		s.printf("Resources controlled by \"haresources\"\n")
		return s.listNodes()
	case s.verbose:
		s.printf("version:\t%s\n", s.c.Version)
		s.printf("managed by:\t\"haresources\"\n")
		return s.listNodes()
	default:
		s.printf("Heartbeat is running on this machine.\n")
		return clOK
	}
	if s.verbose {
		s.printf("(%v)\n", signon)
	}
	if refused != nil {
		return clOK // as seen
	}
	return clNegative
}

func (s *clStatus) listNodes() int {
	nodes, err := s.c.Nodes()
	if s.note(err) {
		s.error("Cannot start node walk.")
		s.error("REASON: %v", err)
		return clError
	}
	if s.human {
		s.printf("The nodes are as follow:\n")
	}
	for _, n := range nodes {
		if s.normal != s.ping && (n.Type == "ping") != s.ping {
			continue
		}
		if !s.verbose {
			s.printf("%s\n", n.Name)
			continue
		}
		s.printf("\n%s\t%s\t(nodetype: %s)\n", n.Name, n.Status, n.Type)
		if code := s.links(n.Name); code != clOK {
			return code
		}
	}
	return clOK
}

func (s *clStatus) listLinks() int {
	if len(s.words) < 1 {
		return s.bad("No enough parameter.")
	}
	return s.links(s.words[0])
}

func (s *clStatus) links(node string) int {
	links, err := s.c.Links(node)
	if s.note(err) {
		s.error("Cannot start heartbeat link interface walk.")
		s.error("REASON: %v", err)
		return clError
	}
	if s.human {
		s.printf("\tthis node has the following heartbeat links:\n")
	}
	for _, l := range links {
		if !s.verbose {
			s.printf("\t%s\n", l)
			continue
		}
		st, err := s.c.LinkStatus(node, l)
		if s.note(err) {
			return clError
		}
		s.printf("\t%s\t%s\n", l, st)
	}
	return clOK
}

// bad complains about operands: too few, or a node that the daemon does not
// know. The original's wordings are kept.
func (s *clStatus) bad(text string) int {
	fmt.Fprintln(s.stderr, text)
	return clBadParam
}

const incorrectNode = "Error. May be due to incorrect node name"

func (s *clStatus) nodeStatus() int {
	if len(s.words) < 1 {
		return s.bad("Not enough parameters.")
	}
	st, err := s.c.NodeStatus(s.words[0])
	if s.note(err) {
		return s.bad(incorrectNode)
	}
	if s.human {
		s.printf("The cluster node %s is %s\n", s.words[0], st)
	} else {
		s.printf("%s\n", st)
	}
	if st == "dead" {
		return clNegative
	}
	return clOK
}

func (s *clStatus) nodeType() int {
	if len(s.words) < 1 {
		return s.bad("No enough parameter.")
	}
	typ, err := s.c.NodeType(s.words[0])
	if s.note(err) {
		return s.bad(incorrectNode)
	}
	if s.human {
		s.printf("The node %s's type: %s\n", s.words[0], typ)
	} else {
		s.printf("%s\n", typ)
	}
	return clOK
}

func (s *clStatus) nodeWeight() int {
	if len(s.words) < 1 {
		return s.bad("Not enough parameters.")
	}
	weight, err := s.c.NodeWeight(s.words[0])
	if s.note(err) {
		return s.bad("Error. Maybe due to incorrect node name.")
	}
	if s.human {
		s.printf("The weight of the cluster node %s is %s\n", s.words[0], weight)
	} else {
		s.printf("%s\n", weight)
	}
	return clOK
}

func (s *clStatus) nodeSite() int {
	if len(s.words) < 1 {
		return s.bad("Not enough parameters.")
	}
	site, err := s.c.NodeSite(s.words[0])
	if s.note(err) {
		return s.bad(incorrectNode)
	}
	if s.human {
		s.printf("The site of the cluster node %s is %s\n", s.words[0], site)
	} else {
		s.printf("%s\n", site)
	}
	return clOK
}

func (s *clStatus) linkStatus() int {
	if len(s.words) < 2 {
		return s.bad("No enough parameter.")
	}
	node, link := s.words[0], s.words[1]
	st, err := s.c.LinkStatus(node, link)
	if s.note(err) {
		s.error("Cannot get heartbeat link status")
		s.error("REASON: ") // the original has none
		return clError
	}
	if s.human {
		s.printf("The node %s's heartbeat link %s is %s\n", node, link, st)
	} else {
		s.printf("%s\n", st)
	}
	if st == "up" {
		return clOK
	}
	return clNegative
}

// clientStatus waits for the answer of another node 500 ms, or as many
// milliseconds as its third operand says; all but a number is 0.
func (s *clStatus) clientStatus() int {
	if len(s.words) < 2 {
		return s.bad("No enough parameter.")
	}
	node, client, timeout := s.words[0], s.words[1], 500
	if len(s.words) > 2 {
		timeout = atoi(s.words[2])
	}
	st, err := s.c.ClientStatus(node, client, time.Duration(timeout)*time.Millisecond)
	if err != nil {
		s.error("Cannot get heartbeat client %s's status", client)
		s.error("REASON: %v", clientapi.ErrTimeout) // also for an unknown node, as seen
		return clError
	}
	s.printf("%s\n", st)
	if st == "online" {
		return clOK
	}
	return clNegative
}

func (s *clStatus) resources() int {
	held, err := s.c.Resources()
	if s.note(err) {
		s.error("Cannot get cluster resource status")
		s.error("REASON: %v", err)
		return clError
	}
	if s.human {
		s.printf("This node is holding %s resources.\n", held)
	} else {
		s.printf("%s\n", held)
	}
	return clOK
}

func (s *clStatus) parameter() int {
	if s.param == "" {
		s.error("parameter name required")
		return clBadParam
	}
	value, ok, err := s.c.Param(s.param)
	if s.note(err) || !ok {
		s.error("Cannot get parameter %s's value", s.param)
		s.error("REASON: ")
		return clNegative
	}
	if s.human {
		s.printf("Heartbeat parameter %s's value: %s\n", s.param, value)
	} else {
		s.printf("%s\n", value)
	}
	return clOK
}

// atoi is C's: the digits at the start, 0 if there are none.
func atoi(s string) int {
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, _ := strconv.Atoi(s[:end])
	return n
}
