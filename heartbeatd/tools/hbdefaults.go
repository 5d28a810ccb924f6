package tools

import (
	"fmt"
	"io"
	"strings"

	"classicha/heartbeatd/config"
)

// HBDefaults prints the directives of ha.cf that have a default, in the
// layout of heartbeat -D (table) or -D -W (wiki).
func HBDefaults(wiki bool, stdout io.Writer) int {
	if wiki {
		fmt.Fprintf(stdout, "##Put this output in the ha.cf/DefaultValues page\n"+
			"Directives of [wiki:ha.cf ha.cf] that have a default value, each with what it is for.\n"+
			"Printed by {{{heartbeat -DW}}} ''# (version %s)''\n\n"+
			"||''Directive''||''Default''||''Description''||\n", config.Version)
		for _, d := range config.Defaults() {
			fmt.Fprintf(stdout, "||[wiki:ha.cf/%sDirective %s]||%s||%s||\n", wikiName(d.Name), d.Name, d.Default, d.Doc)
		}
		return 0
	}
	fmt.Fprintf(stdout, "%-24s %-9s %s\n%s\n", "Directive", "Default", "Description", strings.Repeat("-", 80))
	for _, d := range config.Defaults() {
		fmt.Fprintf(stdout, "%-24s %-9s %s\n", d.Name, d.Default, d.Doc)
	}
	return 0
}

// wikiName writes auto_failback as AutoFailback.
func wikiName(name string) string {
	var b strings.Builder
	for _, part := range strings.Split(name, "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}
