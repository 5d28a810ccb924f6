package export

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"testing"

	"classicha/drbdd/blockdev"
)

// talk is a client that says what it says, whatever it hears.
type talk struct {
	in  io.Reader
	out bytes.Buffer
}

func (t *talk) Read(p []byte) (int, error)  { return t.in.Read(p) }
func (t *talk) Write(p []byte) (int, error) { return t.out.Write(p) }

func FuzzNegotiate(f *testing.F) {
	f.Add(appendOption(hello(3), optGo, make([]byte, 6)))
	f.Add(appendOption(appendOption(hello(1), optStructuredReply, nil), optExportName, []byte("drbd0")))
	f.Add(appendOption(appendOption(hello(3), optList, nil), optAbort, nil))
	f.Add(appendOption(hello(3), optInfo, []byte{0, 0, 0, 1, 'x', 0, 1, 0, 3}))
	f.Add(appendOption(hello(3), 99, []byte("?")))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &talk{in: bytes.NewReader(b)}
		a, err := negotiate(c, "drbd0", func() blockdev.Info { return blockdev.Info{Size: 1 << 30, BlockSize: 512} }, func() bool { return true })
		if err == nil && !a.over && c.out.Len() < 18+10 {
			t.Errorf("granted after an answer of %d bytes", c.out.Len())
		}
		if limit := 18 + 134 + maxOptions*200; c.out.Len() > limit {
			t.Errorf("answered %d bytes to %d", c.out.Len(), len(b))
		}
	})
}

func FuzzCommand(f *testing.F) {
	f.Add(appendCommand(nil, 0, cmdRead, 1, 0, 4096))
	f.Add(appendCommand(nil, cmdFlagFUA, cmdWrite, 1<<63, math.MaxUint64, math.MaxUint32))
	f.Add(appendCommand(nil, cmdFlagNoHole, cmdWriteZeroes, 2, 1<<62, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCommand(b)
		if err != nil {
			return
		}
		if again := appendCommand(nil, c.flags, c.kind, c.cookie, c.off, c.length); !bytes.Equal(again, b[:requestHeaderSize]) {
			t.Errorf("%s: written again as %x, came as %x", c, again, b)
		}
		op, flags, err := c.operation()
		if err == nil && (op < blockdev.Read || op > blockdev.WriteZeroes || int64(c.off) < 0) {
			t.Errorf("%s: taken for %s %b", c, op, flags)
		}
	})
}

func FuzzGo(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 1, 'x', 0, 1, 0, 3})
	f.Add(binary.BigEndian.AppendUint32(nil, math.MaxUint32))
	f.Fuzz(func(t *testing.T, b []byte) {
		if g, ok := parseGo(b); ok && 6+len(g.name)+2*len(g.infos) != len(b) {
			t.Errorf("%x: name %q, %d kinds of information", b, g.name, len(g.infos))
		}
	})
}
