// Package kernel plays drbdd against the real thing: the DRBD 8.4 in Debian's Linux
// kernel, in a virtual machine of its own. `make interop-kernel` runs it; it is no
// part of `go test ./...`, because a machine without KVM emulates the other one and
// that takes minutes.
//
//	     namespace without a way out
//	drbdd 10.88.0.1 ── br0 ── tap1 ── eth0 10.88.0.11 Linux, drbd.ko   (package vm)
//	  │  │                                │        │
//	image NBD on a unix socket          /dev/vda  /dev/drbd0
//
// The kernel gets its commands from Debian's drbdsetup and drbdmeta, drbdd from
// ours, with the same words. A test writes on either side what talk.Fill makes and
// keeps a model of what must be there; at its end both images are compared with each
// other and with the model, block by block.
//
// Environment:
//
//	INTEROP_KERNEL=1           run at all
//	INTEROP_KERNEL_ACCEL       kvm or tcg; without it KVM is tried
//	INTEROP_KERNEL_PACKAGE     another kernel package of Debian
//	INTEROP_KERNEL_DRBDD       test this program instead of building it
//	INTEROP_KERNEL_KEEP=DIR    keep logs and, with tcpdump, the packets of each test
package kernel
