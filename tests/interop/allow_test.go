package interop

// Errors that the real 3.0.6 logs in a scenario even with a real peer (seen with
// HB_ROLES=real,real).
var (
	// Both sides say so of the other when a partition heals (heartbeat-wire 14).
	partitionErrors = []string{"returning after partition", "Late heartbeat: Node"}
	// SIGHUP interrupts the reader of its serial line.
	keyErrors = []string{"EOF in ttygets"}
)
