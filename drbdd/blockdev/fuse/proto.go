package fuse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
)

// Numbers of linux/fuse.h, as far as one file needs them.
const (
	opForget      = 2
	opGetattr     = 3
	opSetattr     = 4
	opOpen        = 14
	opRead        = 15
	opWrite       = 16
	opStatfs      = 17
	opRelease     = 18
	opFsync       = 20
	opFlush       = 25
	opInit        = 26
	opDestroy     = 38
	opBatchForget = 42
	opFallocate   = 43

	notifyInvalInode = 2
	notifyResend     = 7
)

// Flags of INIT. The kernel's answer tells which it has.
const (
	initAsyncRead = 1 << 0
	initBigWrites = 1 << 5
	initAsyncDIO  = 1 << 15 // without it the loop device has one request at a time
	initMaxPages  = 1 << 22
	initExt       = 1 << 30 // there are flags above 31
	initResend    = 1 << 39 // Linux 6.9: unanswered requests can be had again
	wantFlags     = initAsyncRead | initBigWrites | initAsyncDIO | initMaxPages | initExt | initResend
)

// Flags of OPEN.
const (
	openDirectIO       = 1 << 0
	openNoFlush        = 1 << 5
	openParallelWrites = 1 << 6
)

// Modes of FALLOCATE, as fallocate(2).
const (
	fallocKeepSize  = 0x01
	fallocPunchHole = 0x02
	fallocZeroRange = 0x10
)

const (
	inHeaderSize  = 40
	outHeaderSize = 16
	requestSize   = inHeaderSize + 40 // of READ and WRITE, before the payload
	initOutSize   = 64
	attrOutSize   = 104
	maxBackground = 256 // requests that the kernel has in flight; its default of 12 caps the depth
	fileMode      = syscall.S_IFREG | 0o600
	attrSeconds   = 3600
)

var ne = binary.NativeEndian

type inHeader struct {
	length, opcode uint32
	unique, node   uint64
	pid            uint32
}

// parseHeader reads the header of a request of n bytes.
func parseHeader(b []byte, n int) (inHeader, error) {
	if n < inHeaderSize || len(b) < inHeaderSize {
		return inHeader{}, fmt.Errorf("request of %d bytes", n)
	}
	h := inHeader{length: ne.Uint32(b), opcode: ne.Uint32(b[4:]), unique: ne.Uint64(b[8:]), node: ne.Uint64(b[16:]), pid: ne.Uint32(b[32:])}
	if int64(h.length) != int64(n) {
		return inHeader{}, fmt.Errorf("request of %d bytes says it has %d", n, h.length)
	}
	return h, nil
}

// ioArgs are offset and size of READ and WRITE; the layouts agree that far.
func ioArgs(arg []byte) (off int64, size int) {
	return int64(ne.Uint64(arg[8:])), int(ne.Uint32(arg[16:]))
}

type fallocArgs struct {
	off, length int64
	mode        uint32
}

func parseFallocate(arg []byte) fallocArgs {
	return fallocArgs{int64(ne.Uint64(arg[8:])), int64(ne.Uint64(arg[16:])), ne.Uint32(arg[24:])}
}

// putHeader writes the header of an answer with n bytes of content.
func putHeader(b []byte, unique uint64, errno syscall.Errno, n int) []byte {
	ne.PutUint32(b, uint32(outHeaderSize+n))
	ne.PutUint32(b[4:], uint32(-int32(errno)))
	ne.PutUint64(b[8:], unique)
	return b[:outHeaderSize]
}

// answerInit makes the answer to INIT and says which flags both have.
func answerInit(arg []byte, maxWrite int) (out []byte, flags uint64, err error) {
	if len(arg) < 16 {
		return nil, 0, errors.New("INIT is too short")
	}
	major, minor := ne.Uint32(arg), ne.Uint32(arg[4:])
	if major != 7 || minor < 28 {
		return nil, 0, fmt.Errorf("the kernel speaks FUSE %d.%d, at least 7.28 (Linux 4.20) is needed", major, minor)
	}
	flags = uint64(ne.Uint32(arg[12:]))
	if flags&initExt != 0 && len(arg) >= 20 {
		flags |= uint64(ne.Uint32(arg[16:])) << 32
	}
	flags &= wantFlags
	out = make([]byte, initOutSize)
	ne.PutUint32(out, 7)
	ne.PutUint32(out[4:], min(minor, 40))
	ne.PutUint32(out[12:], uint32(flags))
	ne.PutUint16(out[16:], maxBackground)
	ne.PutUint16(out[18:], maxBackground*3/4) // from here on the kernel calls it congested
	ne.PutUint32(out[20:], uint32(maxWrite))
	ne.PutUint32(out[24:], 1) // ns of a time stamp
	ne.PutUint16(out[28:], uint16(maxWrite/4096))
	ne.PutUint32(out[32:], uint32(flags>>32))
	return out, flags, nil
}

func attrOut(size int64) []byte {
	b := make([]byte, attrOutSize)
	ne.PutUint64(b, attrSeconds)
	a := b[16:]
	ne.PutUint64(a, 1)
	ne.PutUint64(a[8:], uint64(size))
	ne.PutUint64(a[16:], uint64(size/512))
	ne.PutUint32(a[60:], fileMode)
	ne.PutUint32(a[64:], 1)
	ne.PutUint32(a[80:], 4096)
	return b
}

func openOut() []byte {
	b := make([]byte, 16)
	ne.PutUint64(b, 1)
	ne.PutUint32(b[8:], openDirectIO|openNoFlush|openParallelWrites)
	return b
}

func statfsOut(size int64) []byte {
	b := make([]byte, 80)
	ne.PutUint64(b, uint64(size/4096))
	ne.PutUint32(b[40:], 4096)
	ne.PutUint32(b[44:], 255)
	ne.PutUint32(b[48:], 4096)
	return b
}

// notification is a message of ours that answers no request.
func notification(code uint32, body []byte) []byte {
	b := make([]byte, outHeaderSize, outHeaderSize+len(body))
	ne.PutUint32(b, uint32(outHeaderSize+len(body)))
	ne.PutUint32(b[4:], code)
	return append(b, body...)
}

// invalAttr makes the kernel ask for the size again.
func invalAttr() []byte {
	body := make([]byte, 24)
	ne.PutUint64(body, 1)
	ne.PutUint64(body[8:], ^uint64(0)) // offset -1: attributes only
	return notification(notifyInvalInode, body)
}
