// Package lab builds a whole cluster on one machine, for tests, the demo and
// the benchmarks. It needs Linux and root, and no network of its own.
//
//	                   hub namespace (no way out; the client lives here)
//	   br0 192.168.77.254 ─┬─ node1.0 ── eth0 192.168.77.1 ┐
//	                       └─ node2.0 ── eth0 192.168.77.2 │   one network, mount,
//	   br1 10.77.0.254    ─┬─ node1.1 ── eth1 10.77.0.1    │   UTS, IPC and PID
//	                       └─ node2.1 ── eth1 10.77.0.2    │   namespace per node
//	line 0 (pty pair)      ttyS0 ═══════════════════ ttyS0 ┘
//
// A node has its own /etc/ha.d, /var/lib/heartbeat and /var/log (kept over a
// power cut, as a disk is) and its own /run and /dev (lost, as memory is). Its
// process 1 is this very program again (see reexec.go): it builds the mounts,
// reaps, and records what arrives at /dev/log. Which programs a node sees as
// "heartbeat" is its Image: those that the machine has installed, or ours.
//
// Nothing can be left behind. A node's process 1 ends when the pipe from the
// program that made it closes, and the kernel then kills everything in its PID
// namespace; namespaces are held by descriptors and mounts only; directories
// are removed by Close or, if the program died, by a reaper process. Nothing is
// ever looked for by name. Several labs can live side by side.
//
// In every node HA_EMERGENCY=log is set, the commands that reboot a machine are
// replaced by a script that writes a note and kills the node, and sysrq is out
// of reach.
package lab
