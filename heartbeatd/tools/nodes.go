package tools

import (
	"fmt"
	"io"
	"strings"

	"classicha/heartbeatd/message"
)

// HbAddnode is hb_addnode NODE...: all daemons take the nodes into their
// tables until they restart; ha.cf stays as it is. args is without the
// program's name.
func HbAddnode(args []string, stdout, stderr io.Writer) int {
	return nodeList("hb_addnode", "addnode", args, stdout, stderr)
}

// HbDelnode is hb_delnode NODE...: the opposite of HbAddnode. Daemons refuse
// to forget a node that is alive.
func HbDelnode(args []string, stdout, stderr io.Writer) int {
	return nodeList("hb_delnode", "delnode", args, stdout, stderr)
}

// HbSetweight is hb_setweight NODE WEIGHT.
func HbSetweight(args []string, stdout, stderr io.Writer) int {
	return nodeValue("hb_setweight", "setweight", "weight", args, stdout, stderr)
}

// HbSetsite is hb_setsite NODE SITE.
func HbSetsite(args []string, stdout, stderr io.Writer) int {
	return nodeValue("hb_setsite", "setsite", "site", args, stdout, stderr)
}

func nodeList(prog, t string, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || len(args) == 1 && args[0] == "--help" {
		fmt.Fprintf(stdout, "usage: %s <node> <node> ...\n", prog)
		return 1
	}
	return sendLine(prog, stderr, "t", t, "nodelist", strings.Join(args, " "))
}

// nodeValue wants both arguments. The original sends an empty value for a
// missing one, which nobody can have meant.
func nodeValue(prog, t, field string, args []string, stdout, stderr io.Writer) int {
	if len(args) != 2 || args[0] == "--help" {
		fmt.Fprintf(stdout, "usage: %s <node> <%s>\n", prog, field)
		return 1
	}
	return sendLine(prog, stderr, "t", t, "node", args[0], field, args[1])
}

func sendLine(prog string, stderr io.Writer, kv ...string) int {
	for _, v := range kv {
		if strings.ContainsAny(v, "\n\x00") {
			return fail(stderr, prog, fmt.Errorf("%q holds a newline or NUL", v))
		}
	}
	if err := clusterMessage(message.New(kv...)); err != nil {
		return fail(stderr, prog, err)
	}
	return 0
}
