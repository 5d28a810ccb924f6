// Package rig is two machines with drbdd on them, for tests, the demo and the
// benchmarks. The machines are nodes of package lab; the rig gives them disks,
// /etc/drbd.conf, our programs, and watches from outside.
//
//	serv-a  eth0 130.66.201.1 ──┐                      ┌── eth0 130.66.201.2  serv-b
//	  /dev/drbd0   (drbdd)      ├── bridge of the lab ─┤      /dev/drbd0   (drbdd)
//	  /dev/sda1 ── loop ── file or memory of the test  └      /dev/sda1 ── loop ── ...
//
// A disk is a file behind a loop device, or the crashing twin of package
// disktest in the memory of the test, which a power cut robs of what was not
// flushed and which can be given bad sectors (see disk.go).
//
// Nothing is left behind. A test program moves into a mount namespace of its own
// (Main), so mounts end with it; loop devices clear themselves when the last who
// has them open is gone; all else is the lab's.
package rig
