package uring

import "unsafe"

// Op is one operation. It may be used again once Done was called. A method says what it is;
// then Thread.Do begins it.
type Op struct {
	// Done is called in the thread with a count of bytes, 0, or a negative errno.
	Done func(op *Op, res int32)

	e    sqe
	mem  []byte // keeps the memory alive
	more func(res int32, last bool)
}

// Read fills b from off.
func (o *Op) Read(fd int, b []byte, off int64) { o.data(opRead, fd, b, off, 0) }

// Write stores b at off; flags are those of pwritev2 (RWF_DSYNC).
func (o *Op) Write(fd int, b []byte, off int64, flags uint32) { o.data(opWrite, fd, b, off, flags) }

func (o *Op) data(code uint8, fd int, b []byte, off int64, flags uint32) {
	o.mem = b
	o.e = sqe{
		opcode: code, fd: int32(fd), off: uint64(off), rw: flags,
		addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))), length: uint32(len(b)),
	}
}

// Datasync is fdatasync.
func (o *Op) Datasync(fd int) {
	o.mem, o.e = nil, sqe{opcode: opFsync, fd: int32(fd), rw: fsyncDatasync}
}

// Fallocate is fallocate.
func (o *Op) Fallocate(fd int, mode uint32, off, n int64) {
	o.mem, o.e = nil, sqe{opcode: opFallocate, fd: int32(fd), off: uint64(off), addr: uint64(n), length: mode}
}

func (o *Op) poll(fd int, events uint32) {
	o.mem, o.e = nil, sqe{opcode: opPollAdd, fd: int32(fd), rw: events, length: pollMulti}
}

func (o *Op) pollRemove(user uint64) {
	o.mem, o.e = nil, sqe{opcode: opPollRemove, fd: -1, addr: user}
}
