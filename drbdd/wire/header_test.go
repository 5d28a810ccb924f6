package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHeaders: the three headers of section 2 and when each is used.
func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		version int
		cmd     Command
		vol     uint16
		length  int
		want    string
	}{
		{80, CmdInitialData, 0, 0, "83740267 fff2 0000"},
		{80, CmdFeatures, 0, 72, "83740267 fffe 0048"},
		{101, CmdFeatures, 0, 72, "83740267 fffe 0048"},
		{101, CmdInitialMeta, 0, 0, "83740267 fff1 0000"},
		{86, CmdData, 0, 32792, "83740267 0000 8018"},
		{94, CmdData, 0, 32768, "83740267 0000 8000"},
		{95, CmdData, 0, 32768, "83740267 0000 8000"},
		{95, CmdData, 0, 32769, "835a 0000 00008001"},
		{99, CmdRSDataReply, 0, 131096, "835a 0002 00020018"},
		{100, CmdPing, 0, 0, "8620ec20 0000 0013 00000000 00000000"},
		{101, CmdData, 7, 1048600, "8620ec20 0007 0000 00100018 00000000"},
	} {
		d := Dialect{Version: c.version}
		b := d.AppendHeader([]byte("x"), c.cmd, c.vol, c.length)
		if want := append([]byte("x"), unhex(t, c.want)...); !bytes.Equal(b, want) {
			t.Errorf("version %d %s: % x, want % x", c.version, c.cmd, b, want)
			continue
		}
		if early(c.cmd) {
			d = Initial
		}
		h, n, err := d.ParseHeader(b[1:])
		if err != nil || n != len(b)-1 || h != (Header{d.KindFor(c.cmd, c.length), c.cmd, c.vol, uint32(c.length)}) {
			t.Errorf("version %d %s: parsed %+v %d %v", c.version, c.cmd, h, n, err)
		}
		if _, _, err := d.ParseHeader(b[1 : len(b)-1]); err != ErrShort {
			t.Errorf("short: %v", err)
		}
	}
}

// TestWrongMagic: the kernel's words for a header that this version does not have.
func TestWrongMagic(t *testing.T) {
	for _, c := range []struct {
		version   int
		hex, want string
	}{
		{101, "83740267 0013 0000 0000000000000000", "Wrong magic value 0x83740267 in protocol version 101"},
		{86, "8620ec20 0000 0013", "Wrong magic value 0x8620ec20 in protocol version 86"},
		{80, "00000000 0000 0000", "Wrong magic value 0x00000000 in protocol version 80"},
		{100, "8620ec20 0000 0013 00000000 00000001", "Header padding is not zero"},
	} {
		_, _, err := Dialect{Version: c.version}.ParseHeader(unhex(t, c.hex))
		var e *Error
		if !errors.As(err, &e) || e.Reason != BadMagic || e.Text != c.want {
			t.Errorf("version %d %s: %v, want %s", c.version, c.hex, err, c.want)
		}
	}
	// 80 and 95 are accepted interchangeably before version 100.
	for _, v := range []int{86, 95, 99} {
		for _, x := range []string{"83740267 0013 0000", "835a 0013 00000000"} {
			if h, _, err := (Dialect{Version: v}).ParseHeader(unhex(t, x)); err != nil || h.Cmd != CmdPing {
				t.Errorf("version %d %s: %+v %v", v, x, h, err)
			}
		}
	}
}

// TestAgree: the feature handshake of section 4.
func TestAgree(t *testing.T) {
	own := OwnFeatures(AllFeatures)
	for _, c := range []struct {
		peer    Features
		version int
		feat    Feature
		err     string
	}{
		{Features{86, 101, 0xf}, 101, 0xf, ""},
		{Features{86, 100, 0x15}, 100, 0x5, ""},
		{Features{Min: 86, Max: 0}, 86, 0, ""},
		{Features{Min: 80, Max: 90, Flags: 1}, 90, 1, ""},
		{Features{Min: 86, Max: 122, Flags: 0xff}, 101, 0xf, ""},
		{Features{Min: 110, Max: 122}, 0, 0, "incompatible DRBD dialects: I support 86-101, peer supports 110-122"},
		{Features{Min: 80, Max: 85}, 0, 0, "incompatible DRBD dialects: I support 86-101, peer supports 80-85"},
		{Features{}, 0, 0, "incompatible DRBD dialects: I support 86-101, peer supports 0-0"},
		{Features{Min: 1<<32 - 1}, 0, 0, "incompatible DRBD dialects: I support 86-101, peer supports 4294967295-4294967295"},
	} {
		d, err := Agree(own, c.peer)
		if text := fmt.Sprint(err); err != nil && text != c.err || (err == nil) != (c.err == "") || d.Version != c.version || d.Features != c.feat {
			t.Errorf("%s: %+v %v", c.peer, d, err)
		}
	}
	for f, want := range map[Feature]string{
		0xf: "0xf TRIM THIN_RESYNC WRITE_SAME WRITE_ZEROES", 5: "0x5 TRIM WRITE_SAME", 0: "0x0 none", 0x10: "0x10 none",
	} {
		if f.String() != want {
			t.Errorf("%q, want %q", f, want)
		}
	}
}

// TestDialectLimits: what changes with the version (section 2).
func TestDialectLimits(t *testing.T) {
	for _, c := range []struct {
		d              Dialect
		data, affected int
		room           int
	}{
		{Dialect{Version: 86}, 32 << 10, 4 << 20, 4088},
		{Dialect{Version: 94}, 32 << 10, 4 << 20, 4088},
		{Dialect{Version: 95}, 128 << 10, 4 << 20, 4088},
		{Dialect{Version: 99}, 128 << 10, 4 << 20, 4088},
		{Dialect{Version: 100, Features: 0xb}, 1 << 20, 4 << 20, 4080},
		{Dialect{Version: 101, Features: FeatWSame}, 1 << 20, 128 << 20, 4080},
	} {
		if c.d.MaxData() != c.data || c.d.MaxAffected() != c.affected || c.d.BitmapRoom() != c.room {
			t.Errorf("%+v: %d %d %d", c.d, c.d.MaxData(), c.d.MaxAffected(), c.d.BitmapRoom())
		}
	}
}

// TestTable: every packet of the specification is there, once, with the socket,
// version and size of section 3.
func TestTable(t *testing.T) {
	want := strings.Fields(`
0x00 data 86 24  0x01 data 86 24  0x02 data 86 24  0x03 data 86 8  0x04 data 86 0  0x07 data 86 0  0x08 data 86 24
0x09 data 86 24  0x0a data 86 4   0x0b data 86 24  0x0c data 86 48 0x0d data 86 32 0x0e data 86 4  0x0f data 86 8
0x10 data 86 0   0x11 data 86 0   0x12 data 86 8   0x13 meta 86 0  0x14 meta 86 0  0x15 meta 86 24 0x16 meta 86 24
0x17 meta 86 24  0x18 meta 86 24  0x19 meta 86 24  0x1a meta 86 24 0x1b meta 86 24 0x1c meta 86 8  0x1d meta 86 4
0x1e data 88 24  0x1f data 88 24  0x20 meta 88 24  0x21 data 89 24 0x22 meta 89 24 0x23 data 89 132 0x24 data 90 1
0x27 both 93 8   0x28 data 96 16  0x29 meta 96 24  0x2a data 100 8 0x2b meta 100 4 0x2c meta 100 24 0x2d data 100 24
0x31 data 100 28 0x32 data 101 24 0x33 data 101 16 0x34 data 100 28 0x36 data 100 28
0xfff1 meta 0 0  0xfff2 data 0 0  0xfffe data 0 72`)
	n := 0
	names := map[string]bool{}
	for _, c := range Commands() {
		s := c.spec()
		if names[s.name] || names[s.logName] || s.name == "" || s.logName == "" {
			t.Errorf("names of %d: %q %q", c, s.name, s.logName)
		}
		names[s.name], names[s.logName] = true, true
		if s.sock == 0 {
			continue
		}
		sock := map[Socket]string{DataSocket: "data", MetaSocket: "meta", bothSocket: "both"}[s.sock]
		got := []string{fmt.Sprintf("0x%02x", uint16(c)), sock, fmt.Sprint(s.since), fmt.Sprint(s.fixed)}
		if n+4 > len(want) || strings.Join(got, " ") != strings.Join(want[n:n+4], " ") {
			t.Fatalf("%s: %v", c, got)
		}
		if (s.fixed > 0) != (s.parse != nil) {
			t.Errorf("%s: %d bytes, parser %v", c, s.fixed, s.parse != nil)
		}
		n += 4
	}
	if n != len(want) {
		t.Errorf("%d packets, want %d", n/4, len(want)/4)
	}
	if Command(0x30).String() != "P_0x0030" || Command(0xabcd).LogName() != "Unknown" {
		t.Error("names of unknown packets")
	}
}
