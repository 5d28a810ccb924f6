package wire

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"classicha/drbdd/wire/recorded"
)

// packet is one packet of a stream.
type packet struct {
	Packet
	head Header
	raw  []byte
	d    Dialect
}

// split cuts a whole stream into packets, as a receiver of that direction would.
func split(t *testing.T, sock Socket, b []byte) (all []packet) {
	t.Helper()
	agreed, err := Agree(OwnFeatures(AllFeatures), OwnFeatures(AllFeatures))
	if err != nil {
		t.Fatal(err)
	}
	for dec := NewDecoder(sock, agreed); len(b) > 0; {
		p, n, err := dec.Next(b[:min(len(b), 6)])
		if err != ErrShort || n != 0 {
			t.Fatalf("a piece of a packet: %d %v", n, err)
		}
		d := dec.Dialect
		if p, n, err = dec.Next(b); err != nil {
			t.Fatalf("after %d packets: %v, at % x", len(all), err, b[:min(32, len(b))])
		}
		h, _, _ := d.ParseHeader(b)
		all = append(all, packet{p, h, b[:n], d})
		b = b[n:]
	}
	return all
}

// fields renders a packet as the timeline does, which differs in places from
// Packet.String.
func (p *packet) fields() string {
	switch body := p.Body.(type) {
	case nil:
		if p.Cmd == CmdBitmap {
			s := fmt.Sprintf("%d bytes %x", len(p.Payload), p.Payload[:min(64, len(p.Payload))])
			if len(p.Payload) > 64 {
				s += "..."
			}
			return s
		}
		return fmt.Sprintf("%x", p.Payload)
	case Data:
		all := append(append([]byte{}, p.Digest...), p.Payload...)
		return fmt.Sprintf("%s data=%d first=%x", body, len(all), all[:min(4, len(all))])
	case UUIDs:
		return fmt.Sprintf("%016x %016x %016x %016x %016x %016x", body.Current, body.Bitmap, body.History0, body.History1, body.DirtyBits, body.Flags)
	case Sizes:
		return body.String() + fmt.Sprintf(" (payload %d)", p.head.Length)
	case Protocol:
		if p.Cmd == CmdProtocolUpdate {
			return fmt.Sprintf("%x", body.Append(nil))
		}
	}
	_, fields, _ := strings.Cut(p.String(), " vol=")
	_, fields, _ = strings.Cut(fields, " ")
	return fields
}

// line is the packet's line of the timeline from the offset on.
func (p *packet) line(offset int) string {
	vol := fmt.Sprint(p.Volume)
	if p.head.Kind != Header100 {
		vol = "-"
	}
	return strings.TrimSpace(fmt.Sprintf("@%d %s %s vol=%s len=%d %s", offset, p.head.Kind, p.Cmd, vol, p.head.Length, p.fields()))
}

// TestStreams: every recorded stream parses to its last byte, encodes to the same
// bytes, and reads as the timeline says.
func TestStreams(t *testing.T) {
	files := maps.Clone(recorded.Files())
	streams, packets, kinds := 0, 0, map[Command]bool{}
	for _, scenario := range recorded.Scenarios() {
		timeline, err := recorded.Timeline(scenario)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]string{} // the lines of each stream, in order
		for _, l := range timeline {
			want[l.Stream(scenario)] = append(want[l.Stream(scenario)], l.Text)
		}
		for file, lines := range want {
			b, ok := files[file]
			if !ok {
				t.Errorf("no stream %s", file)
				continue
			}
			t.Run(strings.TrimSuffix(file, ".bin"), func(t *testing.T) {
				sock := DataSocket
				if strings.HasSuffix(file, ".meta.bin") {
					sock = MetaSocket
				}
				all := split(t, sock, b)
				streams++
				packets += len(all)
				offset := 0
				for i := range all {
					p := &all[i]
					kinds[p.Cmd] = true
					if again := p.d.Append(nil, &p.Packet); !bytes.Equal(again, p.raw) {
						t.Fatalf("%s\nencodes to % x\nreceived   % x", p.String(), again[:min(len(again), 128)], p.raw[:min(len(p.raw), 128)])
					}
					if i >= len(lines) || p.line(offset) != lines[i] {
						t.Fatalf("packet %d:\n%s\ntimeline:\n%s", i, p.line(offset), append(lines, "(end)")[i])
					}
					offset += len(p.raw)
				}
				if len(all) != len(lines) {
					t.Errorf("%d packets, the timeline has %d", len(all), len(lines))
				}
			})
			delete(files, file)
		}
	}
	for name, b := range files {
		if strings.HasSuffix(name, ".bin") && len(b) > 0 {
			t.Errorf("%s is in no timeline", name)
		}
	}
	if streams != 194 || packets != 3700 || len(kinds) != 40 {
		t.Errorf("%d streams, %d packets of %d kinds, want 194, 3700, 40", streams, packets, len(kinds))
	}
}
