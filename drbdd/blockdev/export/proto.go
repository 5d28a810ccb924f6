package export

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"classicha/drbdd/blockdev"
)

// Magic numbers.
const (
	magicServer  = 0x4e42444d41474943 // "NBDMAGIC"
	magicOption  = 0x49484156454f5054 // "IHAVEOPT"
	magicOptRep  = 0x0003e889045565a9
	magicRequest = 0x25609513
	magicSimple  = 0x67446698
	magicChunk   = 0x668e33ef
)

// Handshake flags.
const (
	flagFixedNewstyle = 1 << 0
	flagNoZeroes      = 1 << 1
)

// Options, their replies and kinds of information.
const (
	optExportName      = 1
	optAbort           = 2
	optList            = 3
	optInfo            = 6
	optGo              = 7
	optStructuredReply = 8

	repAck        = 1
	repServer     = 2
	repInfo       = 3
	repErrUnsup   = 1<<31 + 1
	repErrInvalid = 1<<31 + 3
	repErrUnknown = 1<<31 + 6

	infoExport    = 0
	infoName      = 1
	infoBlockSize = 3
)

// Transmission flags.
const (
	tHasFlags    = 1 << 0
	tReadOnly    = 1 << 1
	tFlush       = 1 << 2
	tFUA         = 1 << 3
	tTrim        = 1 << 5
	tWriteZeroes = 1 << 6
	tDF          = 1 << 7
	tMultiConn   = 1 << 8
)

// Commands and their flags.
const (
	cmdRead        = 0
	cmdWrite       = 1
	cmdDisc        = 2
	cmdFlush       = 3
	cmdTrim        = 4
	cmdWriteZeroes = 6

	cmdFlagFUA    = 1 << 0
	cmdFlagNoHole = 1 << 1
	cmdFlagDF     = 1 << 2
)

// Structured chunks.
const (
	chunkDone        = 1 << 0
	chunkData        = 1
	chunkError       = 1<<15 + 1
	chunkErrorOffset = 1<<15 + 2
)

const (
	optionHeaderSize  = 16
	maxOptionSize     = 16 << 10 // names are at most 4096 bytes
	requestHeaderSize = 28
	maxPayload        = 32 << 20 // what clients may send without asking for the block size
)

// Errors that end a connection.
var (
	errMagic   = errors.New("wrong magic number")
	errTooLong = errors.New("too long")
)

type option struct {
	number uint32
	size   int // bytes of data that follow
}

// parseOption reads the header of an option.
func parseOption(b []byte) (option, error) {
	if len(b) < optionHeaderSize {
		return option{}, errMagic
	}
	if binary.BigEndian.Uint64(b) != magicOption {
		return option{}, fmt.Errorf("option: %w", errMagic)
	}
	o := option{number: binary.BigEndian.Uint32(b[8:])}
	n := binary.BigEndian.Uint32(b[12:])
	if n > maxOptionSize {
		return option{}, fmt.Errorf("option %d of %d bytes: %w", o.number, n, errTooLong)
	}
	o.size = int(n)
	return o, nil
}

// goRequest is the data of NBD_OPT_INFO and NBD_OPT_GO.
type goRequest struct {
	name  string
	infos []uint16
}

func parseGo(b []byte) (goRequest, bool) {
	if len(b) < 6 {
		return goRequest{}, false
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n > uint64(len(b)-6) || n > 4096 {
		return goRequest{}, false
	}
	g := goRequest{name: string(b[4 : 4+n])}
	b = b[4+n:]
	count := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; len(b) != 2*count {
		return goRequest{}, false
	}
	for ; len(b) > 0; b = b[2:] {
		g.infos = append(g.infos, binary.BigEndian.Uint16(b))
	}
	return g, true
}

func appendOptionReply(b []byte, opt, kind uint32, data []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, magicOptRep)
	b = binary.BigEndian.AppendUint32(b, opt)
	b = binary.BigEndian.AppendUint32(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

// command is the header of a request in the transmission phase.
type command struct {
	flags, kind uint16
	cookie      uint64
	off         uint64
	length      uint32
}

func (c command) String() string {
	return fmt.Sprintf("command %d flags %#x cookie %#x %d+%d", c.kind, c.flags, c.cookie, c.off, c.length)
}

func parseCommand(b []byte) (command, error) {
	if len(b) < requestHeaderSize || binary.BigEndian.Uint32(b) != magicRequest {
		return command{}, fmt.Errorf("request: %w", errMagic)
	}
	c := command{
		flags: binary.BigEndian.Uint16(b[4:]), kind: binary.BigEndian.Uint16(b[6:]), cookie: binary.BigEndian.Uint64(b[8:]),
		off: binary.BigEndian.Uint64(b[16:]), length: binary.BigEndian.Uint32(b[24:]),
	}
	if c.kind == cmdWrite && c.length > maxPayload {
		return command{}, fmt.Errorf("%s: %w", c, errTooLong)
	}
	return c, nil
}

// operation translates the command. An error is the answer to the client; a payload
// must be read all the same.
func (c command) operation() (op blockdev.Op, flags blockdev.Flags, err error) {
	known := uint16(cmdFlagFUA)
	switch c.kind {
	case cmdRead:
		op, known = blockdev.Read, cmdFlagFUA|cmdFlagDF
	case cmdWrite:
		op = blockdev.Write
	case cmdFlush:
		op = blockdev.Flush
	case cmdTrim:
		op = blockdev.Discard
	case cmdWriteZeroes:
		op, known = blockdev.WriteZeroes, cmdFlagFUA|cmdFlagNoHole
		if c.flags&cmdFlagNoHole == 0 {
			flags |= blockdev.Unmap
		}
	default:
		return 0, 0, syscall.EINVAL
	}
	if c.flags&^known != 0 {
		return 0, 0, syscall.EINVAL
	}
	if c.flags&cmdFlagFUA != 0 && op.Changes() {
		flags |= blockdev.FUA
	}
	if c.off > 1<<63-1 {
		return 0, 0, syscall.EINVAL
	}
	return op, flags, nil
}

func appendSimple(b []byte, cookie uint64, err uint32) []byte {
	b = binary.BigEndian.AppendUint32(b, magicSimple)
	b = binary.BigEndian.AppendUint32(b, err)
	return binary.BigEndian.AppendUint64(b, cookie)
}

// appendChunk writes the header of a chunk whose content has size bytes.
func appendChunk(b []byte, flags, kind uint16, cookie uint64, size int) []byte {
	b = binary.BigEndian.AppendUint32(b, magicChunk)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint64(b, cookie)
	return binary.BigEndian.AppendUint32(b, uint32(size))
}

// wireError is the number that NBD has for an error of the backend.
func wireError(err error) uint32 {
	switch n := blockdev.Errno(err); n {
	case 0:
		return 0
	case syscall.EROFS, syscall.EPERM, syscall.EACCES:
		return 1
	case syscall.ENOMEM:
		return 12
	case syscall.EINVAL:
		return 22
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG:
		return 28
	case syscall.EOVERFLOW:
		return 75
	case syscall.EOPNOTSUPP:
		return 95
	case syscall.ESHUTDOWN:
		return 108
	}
	return 5
}
