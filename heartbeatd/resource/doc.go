// Package resource runs what a cluster node runs: resource scripts, rc.d jobs
// and fencing programs. It does I/O and knows no rule of the cluster; the
// daemon's core decides, this package carries out and reports.
//
// A [Resource] is one word of haresources, a [Group] one line of it. The
// [Runner] finds the script behind a word (resource.d, init.d, then a systemd
// unit), runs it with start, stop or status in a process group of its own with a
// time limit, keeps what it printed, and judges "running" by printed text as
// Heartbeat does (heartbeat-behaviour 3). [Runner.TakeGroup] and
// [Runner.GiveGroup] work through a group in order or in reverse order, with the
// retries and the log lines of the original's ResourceManager.
//
// Invariants: group operations run one after the other in the order of the calls;
// a job of rc.d never begins while one of them runs; a run is successful only if a
// program was really started and ended with exit status 0; whatever a script
// leaves running in the background keeps a place to print to and is never killed
// by a signal because of what it prints.
package resource
