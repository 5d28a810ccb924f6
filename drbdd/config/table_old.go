package config

// oldTable is what became of the words of older versions (drbd-config 4.3, 6
// and 7).
var oldTable = []OldWord{
	// 8.0 to 8.3: section syncer, moved to disk, net and options.
	{Section: SectionSyncer, Name: "rate", Since: "0.7", Until: "8.3", To: SectionDisk, ToName: "resync-rate", Accepted: true, Meaning: "is resync-rate in disk"},
	{Section: SectionSyncer, Name: "after", Since: "8.0", Until: "8.3", To: SectionDisk, ToName: "resync-after", Accepted: true, Meaning: "is resync-after in disk"},
	{Section: SectionSyncer, Name: "al-extents", Since: "0.7", Until: "8.3", To: SectionDisk, ToName: "al-extents", Accepted: true, Meaning: "moved to disk; 127 was the default, 7..3833 the range"},
	{Section: SectionSyncer, Name: "c-plan-ahead", Since: "8.3.9", Until: "8.3", To: SectionDisk, ToName: "c-plan-ahead", Accepted: true, Meaning: "moved to disk; 0 was the default"},
	{Section: SectionSyncer, Name: "c-delay-target", Since: "8.3.9", Until: "8.3", To: SectionDisk, ToName: "c-delay-target", Accepted: true, Meaning: "moved to disk"},
	{Section: SectionSyncer, Name: "c-fill-target", Since: "8.3.9", Until: "8.3", To: SectionDisk, ToName: "c-fill-target", Accepted: true, Meaning: "moved to disk"},
	{Section: SectionSyncer, Name: "c-max-rate", Since: "8.3.9", Until: "8.3", To: SectionDisk, ToName: "c-max-rate", Accepted: true, Meaning: "moved to disk"},
	{Section: SectionSyncer, Name: "c-min-rate", Since: "8.3.9", Until: "8.3", To: SectionDisk, ToName: "c-min-rate", Accepted: true, Meaning: "moved to disk; 4096 was the default"},
	{Section: SectionSyncer, Name: "verify-alg", Since: "8.2", Until: "8.3", To: SectionNet, ToName: "verify-alg", Accepted: true, Meaning: "moved to net"},
	{Section: SectionSyncer, Name: "csums-alg", Since: "8.3", Until: "8.3", To: SectionNet, ToName: "csums-alg", Accepted: true, Meaning: "moved to net"},
	{Section: SectionSyncer, Name: "use-rle", Since: "8.3.2", Until: "8.3", To: SectionNet, ToName: "use-rle", Accepted: true, Meaning: "moved to net; no was the default"},
	{Section: SectionSyncer, Name: "cpu-mask", Since: "8.2", Until: "8.3", To: SectionOptions, ToName: "cpu-mask", Accepted: true, Meaning: "moved to options"},
	{Section: SectionSyncer, Name: "on-no-data-accessible", Since: "8.3.9", Until: "8.3", To: SectionOptions, ToName: "on-no-data-accessible", Accepted: true, Meaning: "moved to options"},

	{Section: SectionDisk, Name: "rate", Since: "8.4", Until: "8.4", To: SectionDisk, ToName: "resync-rate", Accepted: true, Meaning: "is resync-rate"},
	{Section: SectionDisk, Name: "after", Since: "8.4", Until: "8.4", To: SectionDisk, ToName: "resync-after", Accepted: true, Meaning: "is resync-after"},
	{Section: SectionDisk, Name: "no-disk-barrier", Since: "8.3", Until: "8.3", To: SectionDisk, ToName: "disk-barrier", Invert: true, Accepted: true, Meaning: "is disk-barrier no"},
	{Section: SectionDisk, Name: "no-disk-flushes", Since: "8.0", Until: "8.3", To: SectionDisk, ToName: "disk-flushes", Invert: true, Accepted: true, Meaning: "is disk-flushes no"},
	{Section: SectionDisk, Name: "no-disk-drain", Since: "8.3", Until: "8.3", To: SectionDisk, ToName: "disk-drain", Invert: true, Accepted: true, Meaning: "is disk-drain no"},
	{Section: SectionDisk, Name: "no-md-flushes", Since: "8.0", Until: "8.3", To: SectionDisk, ToName: "md-flushes", Invert: true, Accepted: true, Meaning: "is md-flushes no"},
	{Section: SectionNet, Name: "no-tcp-cork", Since: "8.3", Until: "8.3", To: SectionNet, ToName: "tcp-cork", Invert: true, Accepted: true, Meaning: "is tcp-cork no"},
	{Section: SectionHandlers, Name: "outdate-peer", Since: "8.0", Until: "8.2", To: SectionHandlers, ToName: "fence-peer", Accepted: true, Meaning: "is fence-peer"},
	{Section: SectionResource, Name: "protocol", Since: "0.7", Until: "8.3", To: SectionNet, ToName: "protocol", Accepted: true, Meaning: "moved to net"},
	{Section: SectionResource, Name: "syncer", Since: "0.7", Until: "8.3", Accepted: true, Meaning: "its options moved to disk, net and options"},
	{Section: SectionResource, Name: "ignore-on", Since: "8.3", Until: "8.3", Type: Hosts, Accepted: true, Meaning: "has no effect: a host that no section names ignores the resource"},

	// 0.7.
	{Section: SectionResource, Name: "incon-degr-cmd", Since: "0.7", Until: "0.7", To: SectionHandlers, ToName: "pri-on-incon-degr", Meaning: "is the handler pri-on-incon-degr"},
	{Section: SectionSyncer, Name: "group", Since: "0.7", Until: "0.7", Type: Number, Meaning: "resources of a smaller group go first: resync-after is set to the last resource of the next smaller group"},
	{Section: SectionNet, Name: "on-disconnect", Since: "0.7", Until: "0.7", Type: Enum, Meaning: "reconnect is what happens today; stand_alone stays disconnected after a loss; freeze_io is nearest to fencing resource-and-stonith"},
	{Section: SectionGlobal, Name: "disable-io-hints", Since: "0.7", Until: "0.7", Type: Flag, Meaning: "has no effect"},
	{Section: SectionHost, Name: "meta-index", Since: "0.7", Until: "0.7", Type: Number, Meaning: "the slot is written behind the device: meta-disk DEVICE [N]"},
	{Section: SectionHost, Name: "port", Since: "0.7", Until: "0.7", Type: Number, Meaning: "the port is written behind the address: address A.B.C.D:PORT"},
}

// droppedOptions are accepted with a value in every section but syncer, and
// thrown away (drbd-config 4.3).
var droppedOptions = []string{"delay-probe-volume", "delay-probe-interval", "throttle-threshold", "hold-off-threshold"}

// proxyStrays are options of syncer that drbdadm 8.4 takes for options of proxy
// (seen). Numbers among them are checked as in disk.
var proxyStrays = []string{"rate", "after", "al-extents", "c-plan-ahead", "c-delay-target", "c-fill-target", "c-max-rate", "c-min-rate",
	"verify-alg", "csums-alg", "use-rle", "cpu-mask", "on-no-data-accessible"}

// panicWord is the 0.7 value of on-io-error that no later version has
// (drbd-config 6): stop the node.
const panicWord = "panic"
