package status

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"classicha/drbdd/config"
)

// The options that `show` prints, in its order (recorded with --show-defaults).
var (
	showOptions = []string{"cpu-mask", "on-no-data-accessible"}
	showNet     = []string{
		"protocol", "timeout", "max-epoch-size", "max-buffers", "unplug-watermark", "connect-int", "ping-int", "sndbuf-size", "rcvbuf-size",
		"ko-count", "allow-two-primaries", "cram-hmac-alg", "shared-secret", "after-sb-0pri", "after-sb-1pri", "after-sb-2pri", "always-asbp",
		"rr-conflict", "ping-timeout", "data-integrity-alg", "tcp-cork", "on-congestion", "congestion-fill", "congestion-extents", "csums-alg",
		"csums-after-crash-only", "verify-alg", "use-rle", "socket-check-timeout",
	}
	showDisk = []string{
		"size", "max-bio-bvecs", "on-io-error", "fencing", "disk-barrier", "disk-flushes", "disk-drain", "md-flushes", "resync-rate", "resync-after",
		"al-extents", "al-updates", "discard-zeroes-if-aligned", "disable-write-same", "c-plan-ahead", "c-delay-target", "c-fill-target", "c-max-rate",
		"c-min-rate", "disk-timeout", "read-balancing", "rs-discard-granularity",
	}
)

// noUnit are options with a quantity behind which `show` prints none (recorded).
var noUnit = map[string]bool{"rs-discard-granularity": true}

// noResyncAfter is the value that stands for no dependency.
const noResyncAfter = "-1"

// shownOption is one option as `show` sees it.
type shownOption struct {
	def     *config.OptionDef
	value   string // canonical, without quotes
	number  uint64 // of a Number
	isDeflt bool
}

// lookOption takes the value that was set, or the default.
func lookOption(s config.Section, name string, set map[string]string) shownOption {
	o := shownOption{def: config.Lookup(s, name)}
	deflt := o.def.Default
	if name == "resync-after" {
		deflt = noResyncAfter
	}
	value, given := set[name]
	if !given {
		value = deflt
	}
	switch o.def.Type {
	case config.Number:
		n, err := config.ParseNumber(value, o.def.Unit)
		d, _ := config.ParseNumber(deflt, o.def.Unit)
		if err != nil {
			n = d
		}
		o.number, o.isDeflt = n, n == d
		o.value = strconv.FormatUint(n, 10) + o.def.Unit.Suffix()
	case config.Bool:
		o.value = yesNo(value == "yes" || given && value == "")
		o.isDeflt = o.value == deflt
	default:
		o.value = value
		o.isDeflt = value == deflt
	}
	return o
}

// quoted tells whether `show` puts the value into quotes.
func (o shownOption) quoted() bool {
	return o.def.Type == config.String && o.def.Name != "resync-after"
}

// quote is a string of drbd.conf.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// section prints one section of options with 8.4's `show`, even an empty one.
func section(w io.Writer, indent string, name string, s config.Section, names []string, set map[string]string, defaults bool) {
	fmt.Fprintf(w, "%s%s {\n", indent, name)
	for _, n := range names {
		o := lookOption(s, n, set)
		if o.isDeflt && !defaults {
			continue
		}
		value := o.value
		if o.quoted() {
			value = quote(value)
		}
		var notes []string
		if q := o.def.Quantity; q != "" && !noUnit[n] {
			notes = append(notes, q)
		}
		if o.isDeflt {
			notes = append(notes, "default")
		}
		fmt.Fprintf(w, "%s    %-16s\t%s;", indent, n, value)
		if notes != nil {
			fmt.Fprintf(w, " # %s", strings.Join(notes, ", "))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s}\n", indent)
}

// address is ADDRESS of connect ("ipv4:10.0.0.1:7788", "[fe80::1]:7788") as
// drbd.conf has it: "ipv4 10.0.0.1:7788".
func address(a string) string {
	family, rest, ok := strings.Cut(a, ":")
	switch {
	case ok && (family == "ipv4" || family == "ipv6" || family == "ssocks" || family == "sdp"):
	case strings.HasPrefix(a, "["):
		family, rest = "ipv6", a
	default:
		family, rest = "ipv4", a
	}
	host, port, ok := cutPort(rest)
	if !ok {
		port = "7788"
	}
	return family + " " + host + ":" + cmp.Or(port, "7788")
}

// cutPort splits HOST:PORT and [HOST]:PORT.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || i < strings.LastIndexByte(s, ']') {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
