package interop

// Errors that the real 3.0.6 logs in a scenario with a real peer (HB_ROLES=real,real), or because of what it rightly
// sees.
var (
	// Both sides say so of the other when a partition heals (heartbeat-wire 14);
	// that both own everything is true then, and ours says what it holds at once.
	partitionErrors = []string{"returning after partition", "Late heartbeat: Node", "Both machines own", "both nodes run the"}
	// Messages that were lost come late, and then out of order.
	lossErrors = []string{"Both machines own", "No one owns", "Ignored standby message", "Attempt to remove timeout"}
	// SIGHUP interrupts the reader of its serial line. And its processes read the new keys one after the other:
	// what it broadcasts itself in between comes back to a reader that is ahead of the writer (heartbeat-wire 6).
	keyErrors = []string{"EOF in ttygets", "authtoken does not match", "netstring authentication failed", "MSG"}
	// Processes that were killed, and what both then rightly say.
	killedErrors = []string{"Emergency Shutdown", "process died", "Killed", "Exiting", "killed", "No one owns", "Both machines own",
		"was started again without having stopped"}
)
