package drbdsetup

import (
	"strings"

	"classicha/drbdd/config"
)

// oldCommand is a command of 0.7 to 8.3: drbdsetup DEVICE COMMAND ... (drbd-cli 4).
type oldCommand struct {
	name string
	// now is the request's name, if it is another.
	now  string
	args []string // by their names in usage texts
	opts []oldOption
	// only07 commands are not in 8.x; what they print is 0.7's.
	only07 bool
	run    func(t *tool, c *oldCall) error
}

// oldOption is an option of those commands. Its name is that of 8.3 and its range,
// in the usage text and in errors, too.
type oldOption struct {
	option
	// section and to are where the value goes today; to is empty if nowhere.
	section config.Section
	to      string
	invert  bool // no-disk-barrier
	only07  bool
	// note tells what becomes of an option without a counterpart.
	note string
}

func oldFlag(name string, short byte, s config.Section, to string) oldOption {
	return oldOption{option: option{name: name, kind: flagOpt, short: short}, section: s, to: to}
}

func oldNot(name string, short byte, s config.Section, to string) oldOption {
	o := oldFlag(name, short, s, to)
	o.invert = true
	return o
}

// oldNumber has the range of 8.3; unit and the rest are those of today's option.
func oldNumber(name string, short byte, s config.Section, to string, lo, hi uint64) oldOption {
	return oldOption{option: option{name: name, kind: numberOpt, short: short, min: lo, max: hi, unit: config.Lookup(s, to).Unit}, section: s, to: to}
}

// oldSame takes words or text as today's option does.
func oldSame(name string, short byte, s config.Section, to string) oldOption {
	return oldOption{option: option{name: name, short: short, def: config.Lookup(s, to)}, section: s, to: to}
}

func only07(o oldOption, note string) oldOption {
	o.only07, o.hidden, o.note = true, true, note
	return o
}

// maxSectors83 is the largest size of 8.3, 16 TiB.
const maxSectors83 = 1 << 35

// none is the section of options that belong to the command itself.
const none = config.SectionNone

func oldSize(name string, short byte) oldOption {
	return oldOption{option: option{name: name, kind: numberOpt, short: short, max: maxSectors83, unit: config.Sector}, to: name}
}

// oldGeneral are taken by every command: devices are made when they are needed, and
// what --set-defaults means is for syncer.
var oldGeneral = []oldOption{
	{option: option{name: "set-defaults", kind: flagOpt, hidden: true}},
	{option: option{name: "create-device", kind: flagOpt, hidden: true}},
}

var oldWait = []oldOption{
	{option: option{name: "wfc-timeout", kind: argNeeded, short: 't'}},
	{option: option{name: "degr-wfc-timeout", kind: argNeeded, short: 'd'}},
	{option: option{name: "outdated-wfc-timeout", kind: argNeeded, short: 'o'}},
	{option: option{name: "wait-after-sb", kind: argOptional, short: 'w'}},
}

func oldDisk() []oldOption {
	const s = config.SectionDisk
	return []oldOption{
		{option: option{name: "size", kind: numberOpt, short: 'd', max: maxSectors83, unit: config.Sector}, section: s, to: "size"},
		oldSame("on-io-error", 'e', s, "on-io-error"), oldSame("fencing", 'f', s, "fencing"),
		oldFlag("use-bmbv", 'b', s, ""), oldNot("no-disk-barrier", 'a', s, "disk-barrier"), oldNot("no-disk-flushes", 'i', s, "disk-flushes"),
		oldNot("no-disk-drain", 'D', s, "disk-drain"), oldNot("no-md-flushes", 'm', s, "md-flushes"),
		oldNumber("max-bio-bvecs", 's', s, "max-bio-bvecs", 0, 128), oldNumber("disk-timeout", 't', s, "disk-timeout", 0, 6000),
	}
}

// noOnDisconnect: drbd-config 6.
const noOnDisconnect = "on-disconnect: drbdd always tries to connect again"

func oldNet() []oldOption {
	const s = config.SectionNet
	return []oldOption{
		oldNumber("timeout", 't', s, "timeout", 1, 600), oldNumber("max-epoch-size", 'e', s, "max-epoch-size", 1, 20000),
		oldNumber("max-buffers", 'b', s, "max-buffers", 32, 131072), oldNumber("unplug-watermark", 'u', s, "unplug-watermark", 1, 131072),
		oldNumber("connect-int", 'c', s, "connect-int", 1, 120), oldNumber("ping-int", 'i', s, "ping-int", 1, 120),
		oldNumber("sndbuf-size", 'S', s, "sndbuf-size", 0, 10<<20), oldNumber("rcvbuf-size", 'r', s, "rcvbuf-size", 0, 10<<20),
		oldNumber("ko-count", 'k', s, "ko-count", 0, 200), oldFlag("allow-two-primaries", 'm', s, "allow-two-primaries"),
		oldSame("cram-hmac-alg", 'a', s, "cram-hmac-alg"), oldSame("shared-secret", 'x', s, "shared-secret"),
		oldSame("after-sb-0pri", 'A', s, "after-sb-0pri"), oldSame("after-sb-1pri", 'B', s, "after-sb-1pri"), oldSame("after-sb-2pri", 'C', s, "after-sb-2pri"),
		oldFlag("always-asbp", 'P', s, "always-asbp"), oldSame("rr-conflict", 'R', s, "rr-conflict"), oldNumber("ping-timeout", 'p', s, "ping-timeout", 1, 100),
		oldFlag("discard-my-data", 'D', s, "discard-my-data"), oldSame("data-integrity-alg", 'd', s, "data-integrity-alg"),
		oldNot("no-tcp-cork", 'o', s, "tcp-cork"), oldFlag("dry-run", 'n', s, "tentative"), oldSame("on-congestion", 'g', s, "on-congestion"),
		oldNumber("congestion-fill", 'f', s, "congestion-fill", 0, 10<<21), oldNumber("congestion-extents", 'h', s, "congestion-extents", 7, 3833),
		only07(oldOption{option: option{name: "on-disconnect", kind: argNeeded}}, noOnDisconnect),
	}
}

func oldSyncer() []oldOption {
	const d, n, r = config.SectionDisk, config.SectionNet, config.SectionOptions
	return []oldOption{
		oldNumber("rate", 'r', d, "resync-rate", 1, 4<<20),
		{option: option{name: "after", short: 'a', def: config.Lookup(d, "resync-after")}, section: d, to: "resync-after"},
		oldNumber("al-extents", 'e', d, "al-extents", 7, 3833), oldSame("csums-alg", 'C', n, "csums-alg"), oldSame("verify-alg", 'v', n, "verify-alg"),
		oldSame("cpu-mask", 'c', r, "cpu-mask"), oldFlag("use-rle", 'R', n, "use-rle"), oldSame("on-no-data-accessible", 'n', r, "on-no-data-accessible"),
		oldNumber("c-plan-ahead", 'p', d, "c-plan-ahead", 0, 300), oldNumber("c-delay-target", 'd', d, "c-delay-target", 1, 100),
		oldNumber("c-fill-target", 's', d, "c-fill-target", 0, 1<<20), oldNumber("c-max-rate", 'M', d, "c-max-rate", 250, 4<<20),
		oldNumber("c-min-rate", 'm', d, "c-min-rate", 0, 4<<20),
		only07(oldOption{option: option{name: "use-csums", kind: flagOpt}}, "use-csums: name an algorithm, csums-alg"),
		only07(oldOption{option: option{name: "skip-sync", kind: flagOpt, short: 'k'}}, "skip-sync: drbdd always resyncs what differs"),
		only07(oldOption{option: option{name: "group", kind: argNeeded, short: 'g'}}, "group: use after (resync-after)"),
	}
}

// oldCommands in the order of 8.3's help, then those of 0.7.
var oldCommands []*oldCommand

func init() {
	same := func(name string, opts ...oldOption) *oldCommand {
		return &oldCommand{name: name, opts: opts, run: oldChange}
	}
	ask := func(name string, run func(*tool, *oldCall) error, opts ...oldOption) *oldCommand {
		return &oldCommand{name: name, opts: opts, run: run}
	}
	toForce := func(name string, short byte) oldOption { return oldFlag(name, short, none, "force") }
	oldCommands = []*oldCommand{
		{name: "primary", run: oldPrimary, opts: []oldOption{
			toForce("overwrite-data-of-peer", 'o'), toForce("force", 'f'),
			only07(toForce("human", 'h'), ""), only07(toForce("do-what-I-say", 'd'), ""),
			only07(oldFlag("timeout-expired", 't', none, ""), ""),
		}},
		same("secondary"),
		{name: "disk", args: []string{"lower_dev", "meta_data_dev", "meta_data_index"}, opts: oldDisk(), run: oldAttach},
		same("detach", toForce("force", 'f')),
		{name: "net", args: []string{"[af:]local_addr[:port]", "[af:]remote_addr[:port]", "protocol"}, opts: oldNet(), run: oldConnect},
		{name: "disconnect", opts: []oldOption{toForce("force", 'F')}, run: oldDisconnect},
		same("resize", oldSize("size", 's'), oldFlag("assume-peer-has-space", 'f', none, "assume-peer-has-space"),
			oldFlag("assume-clean", 'c', none, "assume-clean"), only07(oldSize("size", 'd'), "")),
		{name: "syncer", opts: oldSyncer(), run: oldSync},
		same("new-current-uuid", oldFlag("clear-bitmap", 'c', none, "clear-bitmap")),
		same("invalidate"), same("invalidate-remote"), same("pause-sync"), same("resume-sync"), same("suspend-io"), same("resume-io"), same("outdate"),
		same("verify", oldSize("start", 's'), oldSize("stop", 'S')),
		{name: "down", run: oldDown},
		ask("state", oldWord), ask("role", oldWord), ask("status", oldStatus), ask("sh-status", oldShStatus), ask("cstate", oldWord), ask("dstate", oldWord),
		ask("show-gi", oldGeneration), ask("get-gi", oldGeneration), ask("show", oldShow), same("check-resize"),
		ask("events", oldEvents, oldFlag("unfiltered", 'u', none, ""), oldFlag("all-devices", 'a', none, "all")),
		ask("wait-connect", oldWaits, oldWait...), ask("wait-sync", oldWaits, oldWait...),

		{name: "invalidate_remote", now: "invalidate-remote", only07: true, run: oldChange},
		{name: "wait_connect", now: "wait-connect", only07: true, run: oldWaits, opts: oldWait[:2]},
		{name: "wait_sync", now: "wait-sync", only07: true, run: oldWaits, opts: oldWait[:2]},
		{name: "on_primary", now: "role", only07: true, run: oldOnPrimary, opts: []oldOption{
			oldFlag("inc-human", 'h', none, ""), oldFlag("inc-timeout-expired", 't', none, ""),
		}},
	}
}

func findOld(name string) *oldCommand {
	for _, c := range oldCommands {
		if c.name == name {
			return c
		}
	}
	return nil
}

// oldUsage is the text about a command of 8.3.
func oldUsage(c *oldCommand) string {
	w := wrapped{width: 99, indent: "     "}
	if strings.HasPrefix(c.name, "wait") {
		w.width = 1 << 20 // one line there
	}
	w.b.WriteString("USAGE:\n " + c.name)
	w.col = 1 + len(c.name)
	for _, a := range c.args {
		w.word(a)
	}
	for _, o := range c.opts {
		if o.hidden {
			continue
		}
		text := "[{--" + o.name
		if o.short != 0 {
			text += "|-" + string(rune(o.short))
		}
		w.word(text + "}" + o.oldRange() + "]")
	}
	return w.b.String() + "\n"
}

func (o *oldOption) oldRange() string {
	switch {
	case o.to == "resync-after":
		return " -1 ... 255"
	case o.kind == flagOpt || o.kind == argNeeded || o.kind == argOptional:
		return ""
	}
	u := o.option.usage()
	switch {
	case u[:2] == "=(":
		return " " + u[2:len(u)-1]
	default:
		return " " + u[1:]
	}
}
