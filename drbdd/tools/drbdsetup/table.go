package drbdsetup

import "classicha/drbdd/config"

// object is what the first argument of a command may be.
type object uint8

// Objects; a command takes one or more of them.
const (
	objMinor object = 1 << iota
	objResource
	objAll
)

// command is a command of 8.4.
type command struct {
	name   string
	object object // 0: none (new-minor, or the endpoints say it)
	// endpoints: LOCAL and REMOTE follow.
	endpoints bool
	// args are further arguments, by name.
	args []string
	opts []option
	run  func(t *tool, c *call) error
}

// option is one that a command takes.
type option struct {
	name string
	kind optKind
	// def describes number, word and text options of the configuration.
	def *config.OptionDef
	// min, max, deflt and unit are for numbers that are no option of drbd.conf.
	min, max uint64
	deflt    string
	unit     config.Unit
	// short is a letter that is understood, too; the help of 8.4 does not tell it.
	short byte
	// hidden options are understood and not told of. as is what a hidden one means.
	hidden bool
	as     string
}

type optKind uint8

// Kinds of options. argOptional takes any word or none.
const (
	fromTable optKind = iota
	boolOpt           // [=yes|no]
	flagOpt           // no argument
	numberOpt
	addressOpt
	argNeeded
	argOptional
)

// opts of the configuration's sections, in the order of the help.
func tableOpts(s config.Section, names ...string) []option {
	var out []option
	for _, n := range names {
		out = append(out, option{name: n, def: config.Lookup(s, n)})
	}
	return out
}

var (
	attachOnly  = []string{"size", "max-bio-bvecs"}
	diskOptions = []string{
		"on-io-error", "fencing", "disk-barrier", "disk-flushes", "disk-drain", "md-flushes", "resync-rate", "resync-after",
		"al-extents", "al-updates", "discard-zeroes-if-aligned", "disable-write-same", "c-plan-ahead", "c-delay-target", "c-fill-target",
		"c-max-rate", "c-min-rate", "disk-timeout", "read-balancing", "rs-discard-granularity",
	}
	netOptions = []string{
		"protocol", "timeout", "max-epoch-size", "max-buffers", "unplug-watermark", "connect-int", "ping-int", "sndbuf-size", "rcvbuf-size",
		"ko-count", "allow-two-primaries", "cram-hmac-alg", "shared-secret", "after-sb-0pri", "after-sb-1pri", "after-sb-2pri", "always-asbp",
		"rr-conflict", "ping-timeout", "data-integrity-alg", "tcp-cork", "on-congestion", "congestion-fill", "congestion-extents", "csums-alg",
		"csums-after-crash-only", "verify-alg", "use-rle", "socket-check-timeout",
	}
	resourceOptions = []string{"cpu-mask", "on-no-data-accessible"}
)

const maxSectors = 1 << 41

var (
	setDefaults = option{name: "set-defaults", kind: flagOpt}
	force       = option{name: "force", kind: boolOpt}
	sizeOpt     = option{name: "size", kind: numberOpt, max: maxSectors, deflt: "0", unit: config.Sector}
	waitOpts    = []option{
		{name: "wfc-timeout", kind: argNeeded, short: 't'},
		{name: "degr-wfc-timeout", kind: argNeeded, short: 'd'},
		{name: "outdated-wfc-timeout", kind: argNeeded, short: 'o'},
		{name: "wait-after-sb", kind: argOptional, short: 'w'},
	}
	connectOnly = []option{
		{name: "tentative", kind: boolOpt},
		{name: "dry-run", kind: boolOpt, hidden: true, as: "tentative"},
		{name: "discard-my-data", kind: boolOpt},
		{name: "alternate-address", kind: addressOpt},
		{name: "alternate-peer-address", kind: addressOpt},
	}
)

// commands in the order of the help.
var commands []*command

func init() {
	minor := func(name string, opts ...option) *command {
		return &command{name: name, object: objMinor, opts: opts, run: change}
	}
	ask := func(name string, o object, run func(*tool, *call) error, opts ...option) *command {
		return &command{name: name, object: o, opts: opts, run: run}
	}
	const any = objResource | objMinor | objAll
	disk := tableOpts(config.SectionDisk, diskOptions...)
	net := tableOpts(config.SectionNet, netOptions...)
	res := tableOpts(config.SectionOptions, resourceOptions...)
	overwrite := option{name: "overwrite-data-of-peer", kind: boolOpt, hidden: true, as: "force"}
	commands = []*command{
		minor("primary", force, overwrite),
		minor("secondary"),
		{name: "attach", object: objMinor, args: []string{"lower_dev", "meta_data_dev", "meta_data_index"},
			opts: join(tableOpts(config.SectionDisk, attachOnly...), disk), run: change},
		minor("disk-options", join([]option{setDefaults}, disk)...),
		minor("detach", force),
		{name: "connect", object: objResource, endpoints: true, opts: join(connectOnly, net), run: change},
		{name: "net-options", endpoints: true, opts: join([]option{setDefaults}, net), run: change},
		{name: "disconnect", endpoints: true, opts: []option{force}, run: change},
		minor("resize", sizeOpt,
			option{name: "assume-peer-has-space", kind: boolOpt}, option{name: "assume-clean", kind: boolOpt},
			option{name: "al-stripes", kind: numberOpt, min: 1, max: 1024, deflt: "1", unit: config.Plain},
			option{name: "al-stripe-size-kB", kind: numberOpt, min: 4, max: 16 << 20, deflt: "32", unit: config.KiB}),
		{name: "resource-options", object: objResource, opts: join([]option{setDefaults}, res), run: change},
		minor("new-current-uuid", option{name: "clear-bitmap", kind: boolOpt}),
		minor("invalidate"),
		minor("invalidate-remote"),
		minor("pause-sync"),
		minor("resume-sync"),
		minor("suspend-io"),
		minor("resume-io"),
		minor("outdate"),
		minor("verify",
			option{name: "start", kind: numberOpt, max: maxSectors, deflt: "0", unit: config.Sector},
			option{name: "stop", kind: numberOpt, max: maxSectors, deflt: "0", unit: config.Sector}),
		{name: "down", object: objResource, run: down},
		ask("state", objMinor, deprecatedState),
		ask("role", objMinor, word),
		ask("sh-status", any, shStatus),
		ask("cstate", objMinor, word),
		ask("dstate", objMinor, word),
		ask("show-gi", objMinor, generation),
		ask("get-gi", objMinor, generation),
		ask("show", any, showConfig, option{name: "show-defaults", kind: flagOpt}),
		ask("status", objResource|objAll, showStatus,
			option{name: "verbose", kind: flagOpt, short: 'v'}, option{name: "statistics", kind: flagOpt, short: 's'},
			option{name: "color", kind: argOptional, short: 'c'}, option{name: "json", kind: flagOpt, hidden: true}),
		ask("check-resize", objMinor, checkResize),
		ask("events", any, events84),
		ask("events2", objResource|objAll, events2,
			option{name: "timestamps", kind: flagOpt, short: 'T'}, option{name: "statistics", kind: flagOpt, short: 's'},
			option{name: "now", kind: flagOpt, short: 'n'}),
		ask("wait-connect", objMinor, wait, waitOpts...),
		ask("wait-sync", objMinor, wait, waitOpts...),
		{name: "new-resource", object: objResource, opts: res, run: change},
		{name: "new-minor", args: []string{"resource", "minor", "volume"}, run: change},
		minor("del-minor"),
		{name: "del-resource", object: objResource, run: change},
	}
}

func join(parts ...[]option) []option {
	var out []option
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// find looks a command up by its exact name.
func find(name string) *command {
	for _, c := range commands {
		if c.name == name {
			return c
		}
	}
	return nil
}
