package drbdmeta

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"classicha/drbdd/metadata"
)

const disk = 8 << 20

// al puts bytes into the activity log of 8 MiB with the super block's magic and flags.
func al(magic uint32, flags metadata.Flags, log []byte) func(*image) {
	return func(m *image) {
		l := m.make(metadata.Internal, metadata.DefaultRing, func(s *metadata.Superblock) {
			s.LaSizeSect, s.Magic, s.Flags = 16000, magic, flags
		})
		if log != nil {
			m.put(l.AL, log)
		}
	}
}

// uuidGrown is metadata with a device UUID on a device that grew from 8 to 16 MiB.
func uuidGrown(state string) func(*image) {
	return grown(16<<20, func(m *image) {
		l := m.make(metadata.Internal, metadata.DefaultRing, func(s *metadata.Superblock) {
			s.DeviceUUID, s.LaSizeSect = 0x1234, 16000
			s.UUIDs = metadata.UUIDs{Current: 0xaaaa, Bitmap: 0xbbbb, History0: 0xcccc, History1: 0xdddd}
		})
		m.put(l.BM, bytes.Repeat([]byte{1, 2, 3, 0}, 62))
		m.state = state
	})
}

// TestRealMaintain: apply-al, check-resize and what a resized device means for every
// command.
func TestRealMaintain(t *testing.T) {
	const clean, unclean = metadata.MagicClean, metadata.MagicUnclean
	known := fmt.Sprintf("%d\tDISK\nuuid:\t0000000000001234\n", disk)
	rows := []row{
		{args: plain + "apply-al"},
		{args: plain + "apply-al", img: made},
		{args: plain + "apply-al x", img: al(unclean, metadata.ALClean, nil)},
		{args: plain + "apply-al", img: al(unclean, 0, make([]byte, 32768))},
		{args: plain + "apply-al", img: al(clean, 0, make([]byte, 32768))},
		{args: plain + "apply-al", img: al(clean, metadata.ALClean, bytes.Repeat([]byte("U"), 32768))},
		{args: plain + "apply-al", img: al(unclean, metadata.PrimaryInd, make([]byte, 32768))},
		{args: plain + "apply-al", img: al(unclean, metadata.PrimaryInd, make([]byte, 4097))},
		{args: plain + "get-gi", img: uuidGrown(known)},
		{args: plain + "-v get-gi", img: uuidGrown(known)},
		{args: plain + "-v get-gi", img: uuidGrown("8388608\t/dev/other\nuuid:\t0000000000001234\n")},
		{args: plain + "-v get-gi", img: uuidGrown("16777216\t/dev/other\n")},
		{args: plain + "-v get-gi", img: uuidGrown("9000000\t/dev/other\n")},
		{args: plain + "-v get-gi", img: uuidGrown("99000000\tDISK\n")},
		{args: plain + "get-gi", img: uuidGrown("junk\n")},
		{args: plain + "check-resize", img: uuidGrown("8388608\tDISK\n")},
		{args: plain + "check-resize", img: uuidGrown(known)},
		{args: plain + "check-resize", img: grown(4<<20, made)},
		{args: plain + "-v check-resize", img: grown(4<<20, made)},
		{args: plain + "check-resize x", img: made},
		{args: plain + "check-resize", img: func(m *image) { made(m); m.state = "999\tDISK\n" }},
		{args: plain + "check-resize", img: func(m *image) { made(m); m.state = "8388608\tother\n" }},
		{args: plain + "check-resize", img: func(m *image) { made(m); m.state = known }},
		{args: plain + "check-resize"},
		{args: "--force MINOR v08 DISK 0 check-resize"},
		{args: "--force MINOR v08 DISK 0 check-resize", img: func(m *image) { m.make(0, metadata.DefaultRing, nil) }},
		{args: plain + "check-resize", img: grown(120<<20, on(100<<20, with(func(s *metadata.Superblock) { s.LaSizeSect = 204000 })))},
		{args: plain + "create-md", img: uuidGrown(known)},
		{args: plain + "-v create-md", img: uuidGrown(known)},
		{args: plain + "create-md -s 4", img: uuidGrown(known)},
		{args: plain + "create-md -s 1", img: uuidGrown(known)},
		{args: plain + "create-md", img: uuidGrown("8388608\tDISK\n")},
	}
	for _, c := range strings.Split("show-gi,dstate,read-dev-uuid,outdate,invalidate,set-gi 1:2,write-dev-uuid 55,wipe-md,apply-al,create-md", ",") {
		rows = append(rows, row{args: plain + c, img: uuidGrown(known)})
	}
	// The same with a log to be applied.
	rows = append(rows, row{args: plain + "apply-al", img: grown(9<<20, al(unclean, metadata.Consistent, nil))},
		row{args: plain + "check-resize", img: grown(9<<20, al(unclean, metadata.Consistent|metadata.PrimaryInd, nil))})
	for i := range rows {
		rows[i].asRoot = true
	}
	newBench(t, false).compare(rows)
}

// flagsLine is the line of a dump that the original fills from a field of v09.
var flagsLine = regexp.MustCompile(`(?m)^    flags 0x.*\n`)

const flagsReason = "the original prints a field of format v09, always 0"

// dumpText is a dump of metadata on 8 MiB; pairs are replaced.
func dumpText(pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(`# DRBD meta data dump
version "v08";

# md_size_sect 80
uuid {
    0x0000000000000001; 0x0000000000000002; 0x0000000000000003; 0x0000000000000004;
    flags 0x00000080;
}
# al-extents 257;
la-size-sect 0;
bm-byte-per-bit 4096;
device-uuid 0x0000000000000005;
la-peer-max-bio-size 0;
al-stripes 1;
al-stripe-size-4k 8;
# bm-bytes 0;
bm {
}
# bits-set 0;
`)
}

// text puts a dump beside the device.
func text(then func(*image), pairs ...string) func(*image) {
	return func(m *image) {
		if then != nil {
			then(m)
		}
		d := &image{t: m.t, path: strings.TrimSuffix(m.path, imageName) + "dump"}
		d.put(0, []byte(dumpText(pairs...)))
	}
}

// logOnly leaves an empty activity log behind, but no metadata: the original's
// restore-md does not make one.
func logOnly(ring metadata.Ring) func(*image) {
	return func(m *image) {
		l := m.make(metadata.Internal, ring, nil)
		m.put(l.Super, make([]byte, metadata.SuperSize))
		m.state = ""
	}
}

// TestRealDumpRestore: dump-md, verify-dump, restore-md.
func TestRealDumpRestore(t *testing.T) {
	const restore, verify, flex = plain + "restore-md dump", plain + "verify-dump dump", "--force MINOR v08 DISK flex-external restore-md dump"
	two := metadata.Ring{Stripes: 2, Stripe4k: 8}
	const bits = "0xFFFFFFFFFFFFFFFF; 0x0000000000000001; 0x0000000000000000; 0x0000000080000000;\n"
	rows := []row{
		{args: plain + "dump-md", img: made},
		{args: plain + "dump-md --verbose", img: made},
		{args: "--force MINOR v08 DISK 0 dump-md", img: func(m *image) { m.make(0, metadata.DefaultRing, nil) }},
		{args: plain + "dump-md", img: sb(func(s *metadata.Superblock) { s.Flags, s.LaSizeSect = metadata.Consistent, 16304 })},
		{args: plain + "dump-md", img: sb(func(s *metadata.Superblock) { s.Magic, s.DeviceUUID = metadata.MagicUnclean, 7 })},
		{args: plain + "dump-md", img: on(300<<20, func(m *image) {
			l := m.make(metadata.Internal, metadata.DefaultRing, func(s *metadata.Superblock) { s.LaSizeSect = 600000 })
			m.put(l.BM, bytes.Repeat([]byte{0xff}, 1000))
		})},
		{args: plain + "dump-md"},
		{args: plain + "dump-md", img: made, dstate: "UpToDate/UpToDate\\n"},
	}
	for i := range rows {
		rows[i].mask, rows[i].differs = flagsLine, flagsReason
	}
	rows = append(rows, []row{
		{args: verify, img: text(nil)},
		{args: verify + " more", img: text(nil)},
		{args: plain + "verify-dump nofile"},
		{args: "MINOR v08 nofile internal verify-dump dump", img: text(nil)},
		{args: plain + "verify-dump"},
		{args: verify, img: text(nil, "v08", "v07")},
		{args: verify, img: text(nil, "uuid {", "uuid")},
		{args: verify, img: text(nil, "bm-byte-per-bit 4096", "bm-byte-per-bit 1000")},
		{args: verify, img: text(nil), dstate: "UpToDate/UpToDate\\n"},
		{args: plain + "restore-md nofile"},
		{args: restore, img: text(logOnly(metadata.DefaultRing))},
		{args: restore, img: text(made)},
		{args: "MINOR v08 DISK internal restore-md dump", img: text(made)},
		{args: restore + " more words", img: text(logOnly(metadata.DefaultRing), "la-size-sect 0", "la-size-sect 16000", "bm {\n", "bm {\n"+bits)},
		{args: restore, img: text(logOnly(metadata.DefaultRing), "la-size-sect 0", "la-size-sect 16000", "bm {\n", "bm {\n    12 times 0xFFFFFFFFFFFFFFFF;\n")},
		{args: restore, img: text(made, "v08", "v09")},
		{args: restore, img: text(made, "uuid {", "uuid")},
		{args: restore, img: text(made, "version", "verson")},
		{args: restore, img: text(made, "bm-byte-per-bit 4096", "bm-byte-per-bit 1000")},
		{args: restore, img: text(made, "la-size-sect 0", "la-size-sect 80000000")},
		{args: restore + " -s 2", img: text(logOnly(two))},
		{args: restore + " -s 1 -z 64", img: text(logOnly(two), "al-stripes 1", "al-stripes 3")},
		{args: restore, img: text(logOnly(two), "al-stripes 1", "al-stripes 2")},
		{args: restore, img: text(on(60000, nil))},
		{args: flex, img: text(func(m *image) { m.make(metadata.FlexExternal, metadata.DefaultRing, nil) })},
		{args: restore, img: text(func(m *image) { logOnly(metadata.DefaultRing)(m); m.put(0, []byte("data")) })},
		{args: restore, img: text(func(m *image) {
			for x := ext(100000, 2, 4); len(x) > 0; x = x[2:] {
				m.put(int64(x[0].(int)), x[1].([]byte))
			}
		})},
	}...)
	newBench(t, false).compare(rows)
}
