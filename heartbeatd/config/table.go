package config

import (
	"slices"
	"strings"
)

// Directive is one word of ha.cf or haext.cf. The tables below drive the
// parsers, the -D output and the test that every directive is documented.
type Directive struct {
	Name    string
	Whole   bool   // the argument is the rest of the line; else each word is applied in turn
	Once    bool   // a second use is refused
	Syntax  string // the argument, for people
	Default string // as the original's -D prints it; empty: none, or computed
	Doc     string // one line, for people

	recorded bool // exported as HA_<name>, answered by getparm
	set      func(p *haParser, d *Directive, arg token)
}

// Directives returns the directives of ha.cf in the order of the manual page.
func Directives() []Directive { return slices.Clone(haTable) }

// ExtDirectives returns the directives of haext.cf.
func ExtDirectives() []Directive { return slices.Clone(extTable) }

// Defaults returns the directives that have a fixed default, in the order in
// which the original prints them with -D.
func Defaults() []Directive {
	out := make([]Directive, 0, len(defaultOrder))
	for _, name := range defaultOrder {
		out = append(out, *find(haTable, name))
	}
	return out
}

var defaultOrder = strings.Fields(`cluster hopfudge keepalive deadtime baud auto_failback hbgenmethod realtime msgfmt
	conn_logd_time log_badpack syslogmsgfmt coredumps pacemaker autojoin uuidfrom compression compression_threshold
	traditional_compression max_rexmit_delay record_config_changes record_pengine_inputs enable_config_writes memreserve`)

func find(table []Directive, name string) *Directive {
	for i := range table {
		if table[i].Name == name {
			return &table[i]
		}
	}
	return nil
}

// misspelt maps words that were seen in real files to the directive they
// stand for: the seed article has wartime.
var misspelt = map[string]string{"wartime": "warntime"}

// foreign are directives that other builds of Heartbeat know.
var foreign = map[string]string{
	"hbaping":    "fibre channel ping is not built into Heartbeat 3.0.6 of the distributions; remove the line",
	"tipc":       "TIPC is not supported; use bcast, ucast or mcast",
	"rds":        "RDS is not supported; use bcast, ucast or mcast",
	"openais":    "OpenAIS is not supported; use bcast, ucast or mcast",
	"normalpoll": "the poll interval is not configurable any more; remove the line",
	"ppp-udp":    "PPP links are not supported any more; use serial or ucast",
}

// tableNames are the names of a table, for suggestions.
func tableNames(table []Directive) []string {
	out := make([]string, len(table))
	for i := range table {
		out[i] = table[i].Name
	}
	return out
}

// haTable is filled by init, since its setters use the table themselves.
var haTable []Directive

func init() {
	haTable = slices.Concat(timingTable, nodeTable, mediaTable, messageTable, logTable, processTable, machineTable)
}
