// Package pair is a cluster of two Heartbeat nodes under test. Each node runs
// the real program or ours. A watcher looks at the resources from outside all
// the time; what a test expects is compared with that and with what cl_status
// says on each node.
package pair
