package drbdadm

import "classicha/drbdd/config"

// names says what a command does with the words behind it.
type names uint8

const (
	needed  names = iota // at least one, or all
	allElse              // none means all
	ignored              // it is about the whole configuration
)

// scope says how much of a resource a command is about at a time.
type scope uint8

const (
	eachVolume scope = iota
	oneVolume        // like eachVolume, but not for all volumes of a resource without saying so
	whole
	asGiven // a resource or a volume, as the words say
)

// group is where the help lists a command.
type group uint8

const (
	general group = iota
	shellGroup
	handlerGroup
	expert
	unlisted // older names
	ours     // what the original does not have
)

// command is one command of drbdadm.
type command struct {
	name  string
	group group
	names names
	scope scope
	// run is called for each target, all once with no target.
	run func(*tool, target) (int, error)
	all func(*tool) (int, error)
	// options are those of drbdsetup that may stand on the command line.
	options []setupOption
	// secretOptions: the help does not tell of them.
	secretOptions bool
	// needPeer: there must be one peer. checkIP: our address must be configured here.
	needPeer, checkIP bool
	// worse: the command goes on after a volume that failed, and this is the result of two.
	worse func(a, b int) int
	// single: the original wonders about more than one resource.
	single bool
	// byDaemon: the daemon calls it, so it is looked for in the file from which the
	// resource was configured.
	byDaemon bool
	// loud: our own warnings about the configuration are printed; not for what
	// programs call again and again.
	loud bool
	// as is today's name of an older one; deprecated says so.
	as         string
	deprecated bool
}

// setupOption is an option of drbdsetup. A flag's argument is optional.
type setupOption struct {
	name string
	flag bool
}

// setupOptions are options of the configuration's sections.
func setupOptions(s config.Section, names ...string) []setupOption {
	var out []setupOption
	for _, n := range names {
		out = append(out, setupOption{n, config.Lookup(s, n).Type == config.Bool})
	}
	return out
}

var (
	forceOption = []setupOption{{"force", true}}
	diskNames   = []string{
		"on-io-error", "fencing", "disk-barrier", "disk-flushes", "disk-drain", "md-flushes", "resync-rate", "resync-after", "al-extents",
		"al-updates", "discard-zeroes-if-aligned", "disable-write-same", "c-plan-ahead", "c-delay-target", "c-fill-target", "c-max-rate",
		"c-min-rate", "disk-timeout", "read-balancing", "rs-discard-granularity",
	}
	netNames = []string{
		"protocol", "timeout", "max-epoch-size", "max-buffers", "unplug-watermark", "connect-int", "ping-int", "sndbuf-size", "rcvbuf-size",
		"ko-count", "allow-two-primaries", "cram-hmac-alg", "shared-secret", "after-sb-0pri", "after-sb-1pri", "after-sb-2pri", "always-asbp",
		"rr-conflict", "ping-timeout", "data-integrity-alg", "tcp-cork", "on-congestion", "congestion-fill", "congestion-extents", "csums-alg",
		"csums-after-crash-only", "verify-alg", "use-rle", "socket-check-timeout",
	}
	diskOptions    = setupOptions(config.SectionDisk, diskNames...)
	attachOptions  = append(setupOptions(config.SectionDisk, "size", "max-bio-bvecs"), diskOptions...)
	netOptions     = setupOptions(config.SectionNet, netNames...)
	connectOptions = append([]setupOption{{"tentative", true}, {"discard-my-data", true}, {"alternate-address", false}, {"alternate-peer-address", false}}, netOptions...)
	resOptions     = setupOptions(config.SectionOptions, "cpu-mask", "on-no-data-accessible")
	clearOption    = []setupOption{{"clear-bitmap", true}}
)

// commands in the order of the help. It is filled at start, because the
// functions refer to it.
var commands []*command

func init() {
	commands = []*command{
		{name: "attach", run: (*tool).attach, options: attachOptions},
		{name: "status", names: allElse, scope: whole, run: simpleResource("status", short)},
		{name: "disk-options", run: simple("disk-options", medium), options: diskOptions},
		{name: "detach", run: simple("detach", medium), options: forceOption},
		{name: "connect", scope: whole, run: (*tool).connect, options: connectOptions, needPeer: true, checkIP: true, loud: true},
		{name: "net-options", scope: whole, run: (*tool).netOptions, options: netOptions, needPeer: true, checkIP: true},
		{name: "disconnect", scope: whole, run: (*tool).disconnect, options: forceOption},
		{name: "up", scope: asGiven, run: (*tool).up, needPeer: true, checkIP: true, loud: true},
		{name: "resource-options", scope: whole, run: simpleResource("resource-options", short), options: resOptions},
		{name: "down", scope: whole, run: simpleResource("down", medium)},
		{name: "primary", run: simple("primary", medium), options: forceOption},
		{name: "secondary", run: simple("secondary", medium)},
		{name: "invalidate", run: fallback("invalidate")},
		{name: "invalidate-remote", run: simple("invalidate-remote", medium), checkIP: true},
		{name: "outdate", run: (*tool).outdate, worse: worseOutdate},
		{name: "resize", run: (*tool).resize, checkIP: true},
		{name: "verify", run: simple("verify", short), checkIP: true},
		{name: "pause-sync", run: simple("pause-sync", short), checkIP: true},
		{name: "resume-sync", run: simple("resume-sync", short), checkIP: true},
		{name: "adjust", scope: whole, run: (*tool).adjust, needPeer: true, checkIP: true, loud: true},
		{name: "adjust-with-progress", scope: whole, run: (*tool).adjust, needPeer: true, checkIP: true, loud: true},
		{name: "wait-connect", run: (*tool).waitConnect, checkIP: true},
		{name: "wait-con-int", names: ignored, all: (*tool).waitConInt},
		{name: "role", run: simple("role", short)},
		{name: "cstate", run: simple("cstate", short)},
		{name: "dstate", run: fallback("dstate")},
		{name: "dump", names: allElse, scope: whole, run: (*tool).dumpOne, all: (*tool).dumpAll, checkIP: true, loud: true},
		{name: "dump-xml", names: allElse, scope: whole, run: (*tool).dumpOne, all: (*tool).dumpAll, checkIP: true, loud: true},
		{name: "create-md", run: (*tool).createMD, options: forceOption, secretOptions: true},
		{name: "show-gi", run: fallback("show-gi")},
		{name: "get-gi", run: fallback("get-gi")},
		{name: "dump-md", run: metadata("dump-md")},
		{name: "wipe-md", run: metadata("wipe-md")},
		{name: "apply-al", run: metadata("apply-al")},
		{name: "hidden-commands", names: ignored},

		{name: "sh-nop", group: shellGroup, names: ignored, all: (*tool).shNop, loud: true},
		{name: "sh-resources", group: shellGroup, names: ignored, all: (*tool).shResources},
		{name: "sh-resource", group: shellGroup, scope: whole, run: (*tool).shResource},
		{name: "sh-mod-parms", group: shellGroup, names: ignored, all: (*tool).shModParms},
		{name: "sh-dev", group: shellGroup, run: (*tool).shDev},
		{name: "sh-udev", group: shellGroup, scope: oneVolume, run: (*tool).shUdev, single: true, byDaemon: true},
		{name: "sh-minor", group: shellGroup, run: (*tool).shMinor},
		{name: "sh-ll-dev", group: shellGroup, run: (*tool).shLowDev},
		{name: "sh-md-dev", group: shellGroup, run: (*tool).shMetaDev},
		{name: "sh-md-idx", group: shellGroup, run: (*tool).shMetaIndex},
		{name: "sh-ip", group: shellGroup, run: (*tool).shIP},
		{name: "sh-lr-of", group: shellGroup, run: (*tool).shLower},
		{name: "sh-b-pri", group: shellGroup, run: (*tool).shBePrimary},
		{name: "sh-status", group: shellGroup, names: ignored, all: (*tool).shStatus},
		{name: "proxy-up", group: shellGroup, run: (*tool).noProxy, scope: whole},
		{name: "proxy-down", group: shellGroup, run: (*tool).noProxy, scope: whole},
		{name: "new-resource", group: shellGroup, scope: whole, run: (*tool).newResource},
	}
	for _, h := range []string{"before-resync-target", "after-resync-target", "before-resync-source", "pri-on-incon-degr", "pri-lost-after-sb",
		"fence-peer", "unfence-peer", "local-io-error", "pri-lost", "initial-split-brain", "split-brain", "out-of-sync"} {
		c := &command{name: h, group: handlerGroup, scope: oneVolume, run: (*tool).handler, single: true, byDaemon: true}
		if h == "fence-peer" || h == "unfence-peer" {
			c.scope = whole
		}
		commands = append(commands, c)
	}
	commands = append(commands,
		&command{name: "sh-new-minor", group: expert, run: (*tool).newMinor},
		&command{name: "new-minor", group: expert, run: (*tool).newMinor},
		&command{name: "suspend-io", group: expert, run: simple("suspend-io", short)},
		&command{name: "resume-io", group: expert, run: simple("resume-io", short)},
		&command{name: "set-gi", group: expert, scope: oneVolume, run: metadata("set-gi")},
		&command{name: "new-current-uuid", group: expert, scope: oneVolume, run: simple("new-current-uuid", short), options: clearOption},
		&command{name: "check-resize", group: expert, run: (*tool).checkResize},

		&command{name: "proc", group: ours, names: ignored, all: (*tool).proc, options: []setupOption{{"style", false}}},
		&command{name: "wait-sync", group: ours, run: (*tool).waitSync},
		&command{name: "syncer", group: ours, run: (*tool).syncer},
		splitReport,
		&command{name: "state", group: unlisted, as: "role", deprecated: true},
		// Names of 0.7.
		&command{name: "wait_connect", group: unlisted, as: "wait-connect"},
		&command{name: "wait_con_int", group: unlisted, as: "wait-con-int"},
		&command{name: "wait_sync", group: unlisted, as: "wait-sync"},
		&command{name: "invalidate_remote", group: unlisted, as: "invalidate-remote"},
	)
}

// lookup finds a command; an older name is the command of today.
func lookup(name string) (c *command, deprecated bool) {
	for _, c := range commands {
		if c.name != name {
			continue
		}
		if c.as != "" {
			now, _ := lookup(c.as)
			return now, c.deprecated
		}
		return c, false
	}
	return nil, false
}
