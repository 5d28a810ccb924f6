package wire

import (
	"bytes"
	"testing"

	"classicha/drbdd/wire/recorded"
)

// dialectOf draws a dialect from fuzz input.
func dialectOf(version, features, digest uint8) Dialect {
	d := Dialect{Version: 80 + int(version)%22, Features: Feature(features) & AllFeatures}
	d.Digest = []int{0, 4, 16, 20, 64}[digest%5]
	return d
}

// checkPacket holds what every accepted packet promises.
func checkPacket(t *testing.T, d Dialect, sock Socket, p *Packet, raw []byte) {
	t.Helper()
	if len(p.Payload) > d.MaxData() && len(p.Payload) > SocketBuffer || len(p.Digest) > maxDigest {
		t.Fatalf("%s: %d bytes of payload, %d of digest", p.Cmd, len(p.Payload), len(p.Digest))
	}
	if line := p.String(); len(line) > 1000 || bytes.ContainsAny([]byte(line), "\n\r\x00\x1b") {
		t.Fatalf("not a line for a log: %q", line)
	}
	again := d.Append(nil, p)
	q, n, err := d.Next(sock, again)
	if err != nil || n != len(again) || q.String() != p.String() {
		t.Fatalf("%s encodes to %x, which is %s %v", p.String(), again, q.String(), err)
	}
	if !bytes.Equal(d.Append(nil, &q), again) {
		t.Fatalf("%s: not stable", p.String())
	}
	// Text may have had bytes after its NUL, and a header 95 where 80 would do;
	// everything else encodes to what was received.
	switch p.Body.(type) {
	case Protocol, SyncParam, Features:
		return
	}
	if d.Version >= 100 && !bytes.Equal(again, raw) {
		t.Fatalf("%s: received %x, encodes to %x", p.String(), raw, again)
	}
}

// FuzzNext reads bytes as a stream of packets.
func FuzzNext(f *testing.F) {
	for _, c := range samples {
		b := c.d.Append(nil, &c.p)
		if len(b) < 5000 {
			f.Add(b, uint8(c.d.Version-80), uint8(c.d.Features), uint8(0), c.p.Cmd.spec().sock != MetaSocket)
		}
	}
	for name, b := range recorded.Files() {
		if len(b) < 3000 && bytes.HasSuffix([]byte(name), []byte(".bin")) {
			f.Add(b, uint8(21), uint8(15), uint8(0), !bytes.Contains([]byte(name), []byte("meta")))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, version, features, digest uint8, data bool) {
		d := dialectOf(version, features, digest)
		sock := MetaSocket
		if data {
			sock = DataSocket
		}
		for len(b) > 0 {
			p, n, err := d.Next(sock, b)
			if err != nil {
				if reason(err) == 0 && err != ErrShort {
					t.Fatalf("error of another kind: %v", err)
				}
				return
			}
			if n < d.HeaderSize() || n > len(b) {
				t.Fatalf("%d bytes of %d", n, len(b))
			}
			checkPacket(t, d, sock, &p, b[:n])
			b = b[n:]
		}
	})
}

// FuzzPacket gives a parser its bytes without the trouble of a header.
func FuzzPacket(f *testing.F) {
	for _, c := range samples {
		p := c.p
		var body []byte
		if p.Body != nil {
			body = p.Body.Append(nil)
		}
		f.Add(uint16(p.Cmd), append(append(body, p.Digest...), p.Payload[:min(len(p.Payload), 512)]...), uint8(c.d.Version-80), uint8(c.d.Features), uint8(0))
	}
	f.Fuzz(func(t *testing.T, cmd uint16, body []byte, version, features, digest uint8) {
		d := dialectOf(version, features, digest)
		c := Command(cmd)
		if len(body) > 60000 {
			return
		}
		raw := append(d.AppendHeader(nil, c, 0, len(body)), body...)
		for _, sock := range []Socket{DataSocket, MetaSocket} {
			e := d
			if early(c) {
				e = Initial
			}
			p, n, err := e.Next(sock, raw)
			if err != nil {
				if reason(err) == 0 {
					t.Fatalf("%v", err)
				}
				continue
			}
			if n != len(raw) {
				t.Fatalf("%s took %d of %d bytes", c, n, len(raw))
			}
			checkPacket(t, e, sock, &p, raw)
		}
	})
}

// FuzzPlan: whatever a header claims, the plan adds up and is bounded.
func FuzzPlan(f *testing.F) {
	f.Add(uint16(0), uint32(24+4096), uint8(21), uint8(15), uint8(0))
	f.Add(uint16(0x24), uint32(4080), uint8(21), uint8(15), uint8(0))
	f.Add(uint16(0x1f), uint32(1<<32-1), uint8(6), uint8(0), uint8(3))
	f.Fuzz(func(t *testing.T, cmd uint16, length uint32, version, features, digest uint8) {
		d := dialectOf(version, features, digest)
		for _, sock := range []Socket{DataSocket, MetaSocket} {
			p, err := d.Plan(sock, Header{Cmd: Command(cmd), Length: length})
			if err != nil {
				if reason(err) == 0 {
					t.Fatal(err)
				}
				continue
			}
			if p.Body < 0 || p.Digest < 0 || p.Payload < 0 || p.Body+p.Digest+p.Payload != int(length) {
				t.Fatalf("%+v for %d bytes", p, length)
			}
			if p.Body > SocketBuffer || p.Digest > maxDigest || p.Payload > 1<<20 || !p.Bulk && p.Payload > SocketBuffer {
				t.Fatalf("%s: too large: %+v", Command(cmd), p)
			}
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(full.AppendHeader(nil, CmdData, 3, 4120), uint8(21))
	f.Add(Dialect{Version: 95}.AppendHeader(nil, CmdData, 0, 131096), uint8(15))
	f.Add(Initial.AppendHeader(nil, CmdFeatures, 0, 72), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, version uint8) {
		d := dialectOf(version, 0, 0)
		h, n, err := d.ParseHeader(b)
		if err != nil {
			if err != ErrShort && reason(err) != BadMagic {
				t.Fatal(err)
			}
			return
		}
		if d.KindFor(h.Cmd, int(h.Length)) != h.Kind {
			return // one that we would not send so
		}
		if again := d.AppendHeader(nil, h.Cmd, h.Volume, int(h.Length)); !bytes.Equal(again, b[:n]) {
			t.Fatalf("%+v: %x, want %x", h, again, b[:n])
		}
	})
}

// TestHotPathAllocs: the packets of the write path cost no allocation.
func TestHotPathAllocs(t *testing.T) {
	buf := make([]byte, 0, 4096)
	raw := full.Append(nil, &samples[0].p)
	ack := BlockAck{1, 2, 3, 4}.Append(nil)
	if n := testing.AllocsPerRun(100, func() {
		b := full.AppendHeader(buf[:0], CmdData, 1, dataSize+4096)
		b = Data{8, 9, 10, DPRWSync}.Append(b)
		b = full.AppendHeader(b, CmdWriteAck, 1, blockAckSize)
		b = BlockAck{8, 9, 4096, 1}.Append(b)
		b = full.AppendHeader(b, CmdBarrier, 0, barrierSize)
		_ = Barrier{Number: 7}.Append(b)
		h, k, _ := full.ParseHeader(raw)
		if _, err := full.Plan(DataSocket, h); err != nil {
			t.Fatal(err)
		}
		if _, err := ParseData(full, raw[k:k+dataSize]); err != nil {
			t.Fatal(err)
		}
		if _, err := ParseBlockAck(full, ack); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestGarbageAllocs: a hostile length does not make anything large.
func TestGarbageAllocs(t *testing.T) {
	b := make([]byte, 16)
	full.AppendHeader(b[:0], CmdData, 0, 0)
	copy(b[8:12], []byte{255, 255, 255, 255})
	if n := testing.AllocsPerRun(10, func() {
		if _, _, err := full.Next(DataSocket, b); reason(err) != BadSize {
			t.Fatal(err)
		}
	}); n > 10 {
		t.Errorf("%v allocations for a refused header", n)
	}
}

func BenchmarkAppendData(b *testing.B) {
	buf := make([]byte, 0, 64)
	for b.Loop() {
		x := full.AppendHeader(buf, CmdData, 1, dataSize+4096)
		_ = Data{8, 9, 10, DPRWSync}.Append(x)
	}
}

func BenchmarkParseData(b *testing.B) {
	raw := full.Append(nil, &samples[0].p)
	for b.Loop() {
		h, k, _ := full.ParseHeader(raw)
		plan, _ := full.Plan(DataSocket, h)
		if _, err := ParseData(full, raw[k:k+plan.Body]); err != nil {
			b.Fatal(err)
		}
	}
}
