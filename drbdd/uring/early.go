package uring

import "golang.org/x/sys/unix"

// CloseEarly moves a descriptor to a high number: at the end of a process the kernel lets go of its
// files from the highest number down. A process that serves a device and holds it open needs
// that for what it serves it by: what is in the page cache of the device is written when its last
// descriptor goes, and would wait for answers of a server that is just ending, in a state that not
// even kill -9 ends. A ring keeps what it polls alive, so it has a high number, too.
func CloseEarly(fd int) int {
	for _, least := range []int{4096, 512} { // as the limit of descriptors allows
		if n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, least); err == nil {
			_ = unix.Close(fd)
			return n
		}
	}
	return fd
}
