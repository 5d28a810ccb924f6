package config

import (
	"fmt"
	"strings"
)

// nearest finds the word that was probably meant: the only one within two
// changes of a letter, or of which s is the beginning.
func nearest(s string, words ...string) string {
	best, bestAt := "", 3
	low := strings.ToLower(s)
	for _, w := range words {
		d := distance(low, w, bestAt)
		if d < bestAt && d < max(len(w)/2, 1) {
			best, bestAt = w, d
		}
	}
	if best == "" && len(s) >= 3 {
		for _, w := range words {
			if strings.HasPrefix(w, low) {
				return w
			}
		}
	}
	return best
}

// distance counts letters to change, insert or leave out; from limit on it does
// not count exactly.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, diag+1)
		}
	}
	return row[len(b)]
}

// suggest says what could have been meant by an unknown word.
func suggest(word string, words []string) string {
	if near := nearest(word, words...); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known here: " + strings.Join(words, ", ")
}

// elsewhere says in which section an option belongs that stands in section s.
func elsewhere(s Section, name string) string {
	for _, d := range optionDefs {
		if d.Name == name && d.Section != s {
			return fmt.Sprintf("%s belongs into %s { }", name, d.Section)
		}
	}
	return ""
}
