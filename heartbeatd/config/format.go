package config

import "strings"

// Format prints ha.cf back, one statement a line, without comments and with
// forgiven mistakes corrected. Reading the result gives the same HA, positions
// apart. Statements that were refused are printed as they stood.
func (h *HA) Format() string { return formatStatements(h.Statements) }

// Format prints haext.cf back.
func (e *Ext) Format() string { return formatStatements(e.Statements) }

func formatStatements(sts []Statement) string {
	var b strings.Builder
	for _, s := range sts {
		b.WriteString(strings.TrimRight(s.Name+" "+strings.Join(s.Args, " "), " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// Format prints haresources back, one group a line.
func (h *Haresources) Format() string {
	var b strings.Builder
	for _, g := range h.Groups {
		b.WriteString(g.Line())
		b.WriteByte('\n')
	}
	return b.String()
}
