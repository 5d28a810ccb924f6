package drbdadm

import "regexp"

// difference is where we do something else than the original, and why. It is
// found by the name of a trial.
type difference struct {
	trials *regexp.Regexp
	reason string
}

func differenceOf(trial string) string {
	for _, d := range differences {
		if d.trials.MatchString(trial) {
			return d.reason
		}
	}
	return ""
}

var differences = []difference{
	{regexp.MustCompile(`-- --foo (attach|up|adjust) |attach .*--(size|on-io-error|disk-barrier)|--size 10M attach`),
		"options on the command line are not for the apply-al before an attach: drbdmeta refuses what it does not know, and nothing could be attached that way"},
	{regexp.MustCompile(`conf/two.conf \$ outdate all \| case .* rc=20;;`), "all volumes are outdated, also after one that could not be"},
	{regexp.MustCompile(`role /dev/drbd`), "a device is a name, too"},
	{regexp.MustCompile(`conf/after-missing.conf`), "what is wrong with a resync-after is said once"},
	{regexp.MustCompile(`conf/after-many.conf`), "a resync-after that cannot be used matters where disk options are passed on, and is said once"},
	{regexp.MustCompile(`vectors/conf-(case-Address|d9-[a-z0-9-]*|drbd9|group|incon-degr-cmd|on-disconnect|seed-07|skip-text)\.conf`),
		"the parser takes older words, capital letters and harmless words of DRBD 9 for what they mean (drbd-config 7, 9), and tells more of what it refuses"},
	{regexp.MustCompile(`vectors/conf-(bpo-both|bpo-unknown).conf .* sh-resources`), "what is wrong with a configuration keeps shell commands from answering, too"},
	{regexp.MustCompile(`conf/three.conf . (-P x )?disconnect`), "without a peer there is no connection to cut: drbdsetup is not called without addresses"},
	{regexp.MustCompile(`vectors/conf-resync-after-unknown.conf|conf/(two|many).conf host=(charlie|zulu)`), "what is wrong with a resync-after is said once, and not for resources of other hosts"},
	{regexp.MustCompile(`vectors/conf-floating.conf`), "a floating section is ours by its address, not by a host that has an address for its name"},
	{regexp.MustCompile(`adjust: show \| !on-io-error detach \| al-extents 7 `), "al-extents out of range is what drbdsetup makes of it, so that a second adjust finds nothing to do"},
	{regexp.MustCompile(`max-bio-bvecs 3; size 1M`), "the order of options has no meaning"},
	{regexp.MustCompile(`use-bmbv`), "drbdsetup 8.4 knows no use-bmbv and would refuse all options with it; it has no effect since 8.4"},
	{regexp.MustCompile(`adjust: show \|     _remote_host`), "a connection without the address of its other end is none; the original calls disconnect with N/A, or crashes"},
	{regexp.MustCompile(`adjust: bare [13] `), "the original crashes when drbdsetup shows no _this_host"},
	{regexp.MustCompile(`adjust: (volumes|other minors, more running)`), "all volumes that are configured no more go at once; the original takes the first of a row"},
	{regexp.MustCompile(`adjust: one host`), "a connection that works is not cut when the new one cannot be made, because its peer is not known"},
	{regexp.MustCompile(`\$ (-d |help )?split-brain( all| r\d)?$`), "split-brain with the name of a resource tells people of a split brain; the handler is called with minor-N, as the kernel module does"},
	{regexp.MustCompile(`-v -v -v`), "what three -v tell is about all that was compared"},
	{regexp.MustCompile(`adjust r0 r0`), "the second time a resource is named its options are the same"},
	{regexp.MustCompile(`adjust: (detach|del-minor) fails .* adjust-with-progress`), "a resource that is skipped is not disconnected either: its connect would be skipped, too"},
}
