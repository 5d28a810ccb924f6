package resource

import "strings"

// Resource is one word of a haresources line, already split.
type Resource struct {
	Word   string   // as log lines show it: "LabRsc::a", "192.168.1.1"
	Script string   // "LabRsc", "IPaddr"
	Args   []string // "a"
}

// Group is one line of haresources: its home node and its resources in order.
type Group struct {
	Node      string
	Resources []Resource
}

// Key is the name of the group, its first resource (heartbeat-config 5).
func (g Group) Key() string {
	if len(g.Resources) == 0 {
		return ""
	}
	return g.Resources[0].Word
}

// Words is the line as log lines show it: node first, then the resources.
func (g Group) Words() string {
	var b strings.Builder
	b.WriteString(g.Node)
	for _, r := range g.Resources {
		b.WriteByte(' ')
		b.WriteString(r.Word)
	}
	return b.String()
}

// ParseWord splits a word of haresources the way the original does: arguments
// are separated by "::", empty ones vanish, and a word that looks like an IPv4
// address belongs to IPaddr (heartbeat-config 5). It knows none of the slips that
// the configuration parser forgives.
func ParseWord(word string) Resource {
	r := Resource{Word: word}
	if looksLikeIPv4(word) {
		r.Script = "IPaddr"
		r.Args = splitArgs(word)
		return r
	}
	script, rest, _ := strings.Cut(word, "::")
	r.Script, r.Args = script, splitArgs(rest)
	return r
}

// ParseGroup builds a group from a home node and its words.
func ParseGroup(node string, words ...string) Group {
	g := Group{Node: node}
	for _, w := range words {
		g.Resources = append(g.Resources, ParseWord(w))
	}
	return g
}

func splitArgs(s string) []string {
	var args []string
	for a := range strings.SplitSeq(s, "::") {
		if a != "" {
			args = append(args, a)
		}
	}
	return args
}

// looksLikeIPv4 is the shell pattern [0-9]*.[0-9]*.[0-9]*.[0-9]*: a digit at the
// start and three dots, each followed by a digit, with anything between.
func looksLikeIPv4(s string) bool {
	digit := func(i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }
	if !digit(0) {
		return false
	}
	dots := 0
	for i := 1; i < len(s) && dots < 3; i++ {
		if s[i] == '.' && digit(i+1) {
			dots++
		}
	}
	return dots == 3
}

// argText is the middle of "Running SCRIPT ARGS start": joined by one blank.
// Without arguments it is empty, and the line then has two blanks, as the
// original's has.
func (r Resource) argText() string { return strings.Join(r.Args, " ") }
