package config

import (
	"fmt"
	"strings"
)

// checkKeys looks for keys that the original's scripts would confuse: they look
// a group up by a regular expression made of its key, so that a dot matches
// anything and any word of a line finds the line (heartbeat-config 5). We look
// up by the exact key, but a peer may not.
func (p *haresParser) checkKeys(h *Haresources) {
	for i, g := range h.Groups {
		if at := strings.IndexAny(g.Key, "*[]^$\\+?"); at >= 0 {
			p.warn(g.Resources[0].Pos, fmt.Sprintf("the key %s has a %q, which the original takes for a pattern", g.Key, g.Key[at]),
				"begin the group with a resource of letters, digits, dots and colons")
		}
		for j, other := range h.Groups {
			if i == j {
				continue
			}
			for _, r := range other.Resources {
				if r.Raw == g.Key && r.Raw == other.Key && j < i {
					continue // said at the first of the two
				}
				if !dotMatch(g.Key, r.Raw) {
					continue
				}
				what := fmt.Sprintf("the key %s also stands in line %d", g.Key, r.Pos.Line)
				if r.Raw != g.Key {
					what = fmt.Sprintf("the key %s also matches %s in line %d (a dot matches anything)", g.Key, r.Raw, r.Pos.Line)
				}
				p.warn(g.Resources[0].Pos, what+": the original would take both groups for one",
					"begin each group with a resource that stands nowhere else")
				break
			}
		}
	}
}

// dotMatch reports whether pattern, whose dots match any character, matches s
// completely.
func dotMatch(pattern, s string) bool {
	if len(pattern) != len(s) {
		return false
	}
	for i := range len(s) {
		if pattern[i] != '.' && pattern[i] != s[i] {
			return false
		}
	}
	return true
}
