package state

import (
	"fmt"
	"slices"
	"strings"
)

// Pair is a change of one volume that was made.
type Pair struct{ Old, New State }

// changed is one word of the log about a change.
type changed struct {
	text string // "conn( Connected -> TearDown ) "
	isp  bool   // a pause, which is of a volume always
}

// words are what changed, in the order of the log. susp stands for all three
// reasons to suspend.
func (p Pair) words() (all []changed) {
	word := func(name string, o, n fmt.Stringer) {
		if o != n {
			all = append(all, changed{fmt.Sprintf("%s( %s -> %s ) ", name, o, n), false})
		}
	}
	flag := func(name string, o, n bool) {
		if o != n {
			all = append(all, changed{fmt.Sprintf("%s( %c -> %c ) ", name, letter(o, '1', '0'), letter(n, '1', '0')), name != "susp"})
		}
	}
	os, ns := p.Old, p.New
	word("role", os.Role, ns.Role)
	word("peer", os.Peer, ns.Peer)
	word("conn", os.Conn, ns.Conn)
	word("disk", os.Disk, ns.Disk)
	word("pdsk", os.PDisk, ns.PDisk)
	flag("susp", os.Suspended(), ns.Suspended())
	flag("aftr_isp", os.AftrISP, ns.AftrISP)
	flag("peer_isp", os.PeerISP, ns.PeerISP)
	flag("user_isp", os.UserISP, ns.UserISP)
	return all
}

// Diff is what the log says about a change, only the words that changed, each
// followed by a blank: "peer( Unknown -> Secondary ) conn( WFReportParams ->
// Connected ) ". It is empty if nothing did.
func Diff(os, ns State) string {
	var b strings.Builder
	for _, w := range (Pair{os, ns}).words() {
		b.WriteString(w.text)
	}
	return b.String()
}

// DiffWide is the same for a change of the whole connection: what all volumes
// have in common stands in the line of the resource, the rest in lines of the
// volumes, which the kernel logs first. Lines may be empty.
func DiffWide(volumes []Pair) (resource string, each []string) {
	each = make([]string, len(volumes))
	for i, v := range volumes {
		for _, w := range v.words() {
			common := !w.isp && !slices.ContainsFunc(volumes, func(p Pair) bool { return !slices.Contains(p.words(), w) })
			switch {
			case !common:
				each[i] += w.text
			case i == 0:
				resource += w.text
			}
		}
	}
	return resource, each
}
