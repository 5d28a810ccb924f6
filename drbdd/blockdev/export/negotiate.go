package export

import (
	"encoding/binary"
	"fmt"
	"io"

	"classicha/drbdd/blockdev"
)

// maxOptions bounds a negotiation; real clients need about five.
const maxOptions = 64

// agreed is what a negotiation ended with.
type agreed struct {
	structured bool
	over       bool // the client only asked and left
}

// negotiate speaks the fixed newstyle handshake. name is the export's; a client may also
// ask for the empty name, which means the default. info is asked once, at the end.
// grant is asked just before the client is told that it may begin: false ends it.
func negotiate(rw io.ReadWriter, name string, info func() blockdev.Info, grant func() bool) (agreed, error) {
	var a agreed
	hello := binary.BigEndian.AppendUint64(nil, magicServer)
	hello = binary.BigEndian.AppendUint64(hello, magicOption)
	hello = binary.BigEndian.AppendUint16(hello, flagFixedNewstyle|flagNoZeroes)
	if _, err := rw.Write(hello); err != nil {
		return a, err
	}
	buf := make([]byte, maxOptionSize)
	if _, err := io.ReadFull(rw, buf[:4]); err != nil {
		return a, err
	}
	flags := binary.BigEndian.Uint32(buf)
	if flags&^(flagFixedNewstyle|flagNoZeroes) != 0 || flags&flagFixedNewstyle == 0 {
		return a, fmt.Errorf("client flags %#x are not those of fixed newstyle", flags)
	}
	for range maxOptions {
		if _, err := io.ReadFull(rw, buf[:optionHeaderSize]); err != nil {
			return a, err
		}
		o, err := parseOption(buf)
		if err != nil {
			return a, err
		}
		data := buf[:o.size]
		if _, err := io.ReadFull(rw, data); err != nil {
			return a, err
		}
		var reply []byte
		done := false
		switch o.number {
		case optExportName:
			// This option has no way to refuse but to hang up.
			if !known(string(data), name) {
				return a, fmt.Errorf("there is no export %.64q", data)
			}
			reply = exportName(info(), a.structured, flags&flagNoZeroes != 0)
			done = true
		case optAbort:
			reply = appendOptionReply(nil, o.number, repAck, nil)
			a.over, done = true, true
		case optList:
			if len(data) != 0 {
				reply = appendOptionReply(nil, o.number, repErrInvalid, nil)
				break
			}
			entry := binary.BigEndian.AppendUint32(nil, uint32(len(name)))
			reply = appendOptionReply(nil, o.number, repServer, append(entry, name...))
			reply = appendOptionReply(reply, o.number, repAck, nil)
		case optInfo, optGo:
			var ok bool
			reply, ok = replyGo(o.number, data, name, info, a.structured)
			done = ok && o.number == optGo
		case optStructuredReply:
			kind := uint32(repAck)
			if len(data) != 0 {
				kind = repErrInvalid
			} else {
				a.structured = true
			}
			reply = appendOptionReply(nil, o.number, kind, nil)
		default:
			reply = appendOptionReply(nil, o.number, repErrUnsup, nil)
		}
		if done && !a.over && !grant() {
			a.over = true
			return a, nil
		}
		if _, err := rw.Write(reply); err != nil {
			if a.over {
				return a, nil // it need not wait for the answer to ABORT
			}
			return a, err
		}
		if done {
			return a, nil
		}
	}
	return a, fmt.Errorf("more than %d options", maxOptions)
}

func known(asked, name string) bool { return asked == "" || asked == name }

// replyGo answers NBD_OPT_INFO and NBD_OPT_GO; ok says whether the export was granted.
func replyGo(opt uint32, data []byte, name string, info func() blockdev.Info, structured bool) (reply []byte, ok bool) {
	g, valid := parseGo(data)
	if !valid {
		return appendOptionReply(nil, opt, repErrInvalid, nil), false
	}
	if !known(g.name, name) {
		return appendOptionReply(nil, opt, repErrUnknown, nil), false
	}
	i := info()
	b := binary.BigEndian.AppendUint16(nil, infoExport)
	b = binary.BigEndian.AppendUint64(b, uint64(i.Size))
	b = binary.BigEndian.AppendUint16(b, transmissionFlags(i, structured))
	reply = appendOptionReply(nil, opt, repInfo, b)
	// Sizes are told unasked, as the protocol recommends.
	b = binary.BigEndian.AppendUint16(nil, infoBlockSize)
	b = binary.BigEndian.AppendUint32(b, uint32(i.BlockSize))
	b = binary.BigEndian.AppendUint32(b, uint32(max(i.BlockSize, 4096)))
	b = binary.BigEndian.AppendUint32(b, uint32(i.IOLimit()))
	reply = appendOptionReply(reply, opt, repInfo, b)
	for _, want := range g.infos {
		if want == infoName {
			b = binary.BigEndian.AppendUint16(nil, infoName)
			reply = appendOptionReply(reply, opt, repInfo, append(b, name...))
			break
		}
	}
	return appendOptionReply(reply, opt, repAck, nil), true
}

// exportName is the answer to NBD_OPT_EXPORT_NAME, the only one without a reply header.
func exportName(i blockdev.Info, structured, noZeroes bool) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(i.Size))
	b = binary.BigEndian.AppendUint16(b, transmissionFlags(i, structured))
	if !noZeroes {
		b = append(b, make([]byte, 124)...)
	}
	return b
}

func transmissionFlags(i blockdev.Info, structured bool) uint16 {
	// A flush on one connection covers writes that completed on another: there is one backend.
	f := uint16(tHasFlags | tFlush | tFUA | tWriteZeroes | tMultiConn)
	if i.ReadOnly {
		f |= tReadOnly
	}
	if i.Discard {
		f |= tTrim
	}
	if structured {
		f |= tDF
	}
	return f
}
