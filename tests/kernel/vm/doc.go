// Package vm boots Linux with the in-kernel DRBD in QEMU: a kernel package of
// Debian, an initial memory file system with the modules, drbdsetup, drbdmeta and
// our own process 1 (tests/kernel/guest), and nothing else. There is no root file
// system and no shell: what is not on one of its disks ends with the machine.
//
//	harness ── unix socket ── virtio-serial ── guest      (package talk)
//	image files ─────────── virtio-blk ─────── /dev/vda, /dev/vdb, ...
//	tap on a bridge in the namespace of the test ── eth0
//
// A machine dies with the program that started it (PDEATHSIG) and with Kill. It
// uses KVM where that works, which is tried and not assumed, else emulation.
package vm
