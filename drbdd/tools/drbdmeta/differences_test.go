package drbdmeta

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"classicha/drbdd/metadata"
)

const (
	noBlockSize = "ioctl(md_fd, BLKSSZGET) returned -1, assuming hard_sect_size is 512 Byte\n"
	forced      = "*** confirmation forced via --force option ***\n"
	usageText   = `
USAGE: drbdmeta [--force] DEVICE FORMAT [FORMAT ARGS...] COMMAND [CMD ARGS...]

FORMATS:
  v08 device index

COMMANDS:
  get-gi 
  show-gi 
  dump-md 
  restore-md file
  verify-dump file
  apply-al 
  wipe-md 
  outdate 
  invalidate 
  dstate 
  check-resize 
  create-md [--peer-max-bio-size {val}] [--al-stripes {val}] [--al-stripe-size-kB {val}]
`
)

// TestDifferences is the list of what we do not do as drbdmeta 9.22, and why.
func TestDifferences(t *testing.T) {
	const clean, unclean = metadata.MagicClean, metadata.MagicUnclean
	grown99 := uuidGrown("8388608\tDISK\nuuid:\t0000000000000099\n")
	exit := func(code int, err string) *result { return &result{code: code, err: err} }
	file := func(code int, err string) *result { return exit(code, noBlockSize+err) }
	const uuids = "Last known and found uuid differ!?\n0000000000000099 != 0000000000001234\nYou --force'ed me to ignore that.\n"
	rows := []row{
		// What we do not have.
		{args: "MINOR", differs: "only format v08 and its commands are here", want: &result{out: usageText, code: 20}},
		{args: "MINOR v08 DISK internal get-gi --bogus", differs: "only format v08 and its commands are here",
			want: &result{out: usageText, err: "drbdmeta: unrecognized option '--bogus'\n", code: 20}},
		{args: "MINOR v09 DISK internal get-gi", differs: "only format v08", want: exit(20, "Format 'v09' is not supported, only v08.\n")},
		{args: "MINOR v07 DISK internal get-gi", differs: "only format v08", want: exit(20, "Format 'v07' is not supported, only v08.\n")},
		{args: plain + "forget-peer", differs: "a command of v09", want: exit(20, "Unknown command 'forget-peer'.\n")},
		{args: plain + "create-md", img: on(disk, func(m *image) {
			m.put(disk-4096+60, be32(metadata.MagicV09))
			m.put(disk-4096+64, be32(80))
			m.put(disk-4096+68, be32(1<<32-64))
			m.put(disk-4096+72, be32(257))
			m.put(disk-4096+76, be32(1<<32-72))
			m.put(disk-4096+80, be32(4096))
			m.put(disk-4096+88, be32(1))
			m.put(disk-4096+96, be32(1))
			m.put(disk-4096+100, be32(8))
		}), differs: "metadata of v09 can be replaced but not converted",
			want: &result{out: "initializing activity log\nWriting meta data...\nNew drbd meta data block successfully created.\n",
				err: noBlockSize + "You want me to create a v08 style flexible-size internal meta data block.\n" +
					"There appears to be a v09 flexible-size internal meta data block\nalready in place on DISK at byte offset 8384512\n\n" +
					"So you want me to replace the v09 meta-data\nwith newly initialized v08 meta-data?\n" + forced +
					"initializing bitmap (4 KB) to all zero\nioctl(DISK, BLKZEROOUT, [8347648, 4096]) failed: Inappropriate ioctl for device\n" +
					"initializing bitmap (4 KB) to all zero using pwrite\n"}},

		// Words that the original misreads.
		{args: "--force minor99871x v08 DISK internal invalidate", img: made, differs: "the original takes it for minor -1, of which no disk is attached, and goes on",
			want: exit(20, "Cannot determine minor device number of device 'minor99871x'\n")},
		{argv: []string{"--force", "MINOR", "v08", "DISK", "", "get-gi"}, img: made, differs: "an empty word is no slot number", want: exit(20, "'' is not a valid index number.\n")},
		{args: plain + "create-md -s 4294967298", differs: "the original cuts it to 32 bits, and makes 2 of it", want: exit(10, "invalid (too large) al-stripe* settings\n")},
		{args: plain + "set-gi x", img: made, differs: "the original prints (null)", want: file(10, "'x' is not a number.\n")},
		{args: plain + "set-gi 11112222333344445", img: made, differs: "the original prints (null)", want: file(10, "'11112222333344445': Numerical result out of range\n")},
		{args: plain + "write-dev-uuid zz", img: made, differs: "the original writes 0", want: file(10, "'zz' is not a number.\n")},
		{args: plain + "write-dev-uuid 5z", img: made, differs: "the original writes 5", want: file(10, "'5z' is not a number.\n")},

		{args: plain + "outdate", img: with(func(s *metadata.Superblock) {
			s.Flags |= metadata.Consistent | metadata.WasUpToDate | metadata.PeerOutdated
		}),
			differs: "the original outdates the only good data", want: file(17, "The peer lacks what was written here: this data is not old.\n")},
		{args: plain + "outdate", img: with(func(s *metadata.Superblock) {
			s.Flags |= metadata.Consistent | metadata.WasUpToDate
			s.UUIDs.Bitmap = 0x1234
		}), differs: "the original outdates the only good data", want: file(17, "The peer lacks what was written here: this data is not old.\n")},

		// Super blocks.
		{args: plain + "get-gi", img: with(func(s *metadata.Superblock) { s.BytesPerBit = 512 }), differs: "an assertion of the original fails",
			want: file(1, "strange bm_bytes_per_bit 512 (expected: 4096)\n")},
		{args: plain + "get-gi", img: with(func(s *metadata.Superblock) { s.BytesPerBit = 8192 }), differs: "no kernel takes it",
			want: file(1, "strange bm_bytes_per_bit 8192 (expected: 4096)\n")},
		{args: plain + "-v get-gi", img: with(func(s *metadata.Superblock) { s.ALStripes = 0 }), differs: "we say what is wrong with the ring",
			want: file(1, "invalid (too small) al-stripe* settings\n last known info: 8388608 DISK\n")},

		// The activity log.
		{args: plain + "apply-al", img: al(clean, metadata.PrimaryInd, make([]byte, 32768)),
			differs: "without a log nobody knows what a crashed Primary was writing; the original calls the disk clean",
			want:    file(1, "No usable activity log found. Do you need to create-md?\n")},
		{args: plain + "apply-al", img: al(clean, 0, make([]byte, 4097)), differs: "the original judges the log by its first two blocks, we by all",
			want: file(0, "2 corrupt AL transactions found\nNo valid AL update transaction found.\nError ignored, no need to apply the AL\n")},
		{args: plain + "apply-al", img: al(unclean, metadata.PrimaryInd, make([]byte, 4096)), differs: "the original leaves the torn first block in a log that it calls clean",
			want: file(0, "1 corrupt AL transactions found\n")},

		// A resized device.
		{args: plain + "get-gi", img: grown99, differs: "the original prints 0 instead of the UUID that it found", want: file(1, uuids)},
		{args: plain + "check-resize", img: grown99, differs: "the original prints 0 instead of the UUID that it found",
			want: &result{out: "Internal drbd meta data successfully moved.\n", err: noBlockSize + uuids + "Moving the internal meta data to its proper location\n"}},
		{args: plain + "check-resize", img: func(m *image) { made(m); m.state = "" }, differs: "the original remembers nothing if it did not before; then the next resize loses the metadata",
			want: file(0, "")},
		{args: plain + "check-resize", img: grown(200<<20, on(120<<20, with(func(s *metadata.Superblock) { s.LaSizeSect = 1000 }))),
			differs: "the bits are kept when the bitmap area grows", want: nil},
		{args: plain + "wipe-md --dry-run", img: made, differs: "the original forgets the last known size in a dry run",
			want: &result{out: "Wiping meta data...\nDRBD meta data block successfully wiped out.\n",
				err: noBlockSize + "\nDo you really want to wipe out the DRBD meta data?\n" + forced + " meta_wipe_md              : pwrite(FD, ...,  4096,     8384512) SKIPPED DUE TO DRY-RUN\n"}},

		// File systems.
		{args: plain + "create-md", img: sig(append(ext(1000, 2, 4), 1024+0x150, le32(1), 1024+96, le32(0x80))...),
			differs: "the original does not read the upper half of ext4's size and would place metadata inside",
			want:    &result{out: refusal(17179873184), err: noBlockSize, code: 40}},
		{args: plain + "create-md", img: sig(ext(1000, 6, 4)...), differs: "the original takes blocks of 64 KiB for blocks of 4 KiB",
			want: &result{out: accepted(64000), err: noBlockSize + "\nDo you want to proceed?\n" + forced + "initializing bitmap (4 KB) to all zero\n" +
				"ioctl(DISK, BLKZEROOUT, [67067904, 4096]) failed: Inappropriate ioctl for device\ninitializing bitmap (4 KB) to all zero using pwrite\n"}},
		{args: plain + "create-md", img: sig(xfs(1<<60, 4096)...), differs: "the product overflows in the original",
			want: &result{out: refusal(1 << 54), err: noBlockSize, code: 40}},
		{args: plain + "create-md -s 1024", differs: "we see that it does not fit before anything is printed", want: file(10, "DISK is only 8388608 bytes. That's not enough.\n")},

		// Dumps.
		{args: plain + "verify-dump", stdin: dumpText(), differs: "the original cannot read a pipe to its end", want: &result{out: "input file parsed ok\n"}},
		{args: plain + "restore-md dump", img: text(nil), differs: "the original makes no activity log, and apply-al finds none",
			want: &result{out: "Successfully restored meta data\n", err: noBlockSize + "reinitializing\n"}},
		{args: "--force MINOR v08 DISK 0 restore-md dump", img: text(nil), differs: "the original talks of the peers of v09",
			want: &result{out: "Successfully restored meta data\n", err: noBlockSize + "reinitializing\n"}},
		{args: plain + "restore-md dump", img: text(logOnly(metadata.DefaultRing), "0x00000080", "0x00000001"), differs: "the log is empty and the disk therefore clean, whatever the dump says",
			want: &result{out: "Successfully restored meta data\n", err: noBlockSize + "reinitializing\n"}},
		{args: plain + "restore-md dump", img: text(nil, "al-stripes 1;\n", "", "al-stripe-size-4k 8;\n", ""), differs: "dumps of older versions are read",
			want: &result{out: "Successfully restored meta data\n", err: noBlockSize + "reinitializing\n"}},
		{args: plain + "restore-md dump", img: text(nil, "bm-byte-per-bit 4096", "bm-byte-per-bit 8192"), differs: "no kernel takes it",
			want: file(10, "reinitializing\nInvalid value for bm-byte-per-bit: 8192 is not supported, only 4096\n")},
		{args: plain + "restore-md dump", img: text(nil, "bm {\n", "bm {\n 1000 times 0xFFFFFFFFFFFFFFFF;\n", "la-size-sect 0", "la-size-sect 80"), differs: "the original also tells the size of its buffer",
			want: &result{out: "Successfully restored meta data\n", err: noBlockSize + "reinitializing\nBitmap info too large, truncated!\n"}},
		{args: plain + "verify-dump dump", img: text(nil, "la-size-sect 0", "la-size-sect 8000"), differs: "the original finds the size too large for a device that it did not open",
			want: &result{out: "input file parsed ok\n"}},
	}
	for i := range rows {
		rows[i].asRoot = true
		if rows[i].want == nil {
			rows[i].want = &result{out: "Internal drbd meta data successfully moved.\n", err: noBlockSize + "Moving the internal meta data to its proper location\n"}
			inner := rows[i].img
			rows[i].img = func(m *image) { inner(m); m.put(120<<20-40960, []byte{1, 2, 3}) }
		}
	}
	newBench(t, false).compare(rows)
}

const where64 = "md_offset 67104768\nal_offset 67072000\nbm_offset 67067904\n\n"

func sizes(used string) string {
	return where64 + used + " kB data area apparently used\n       65496 kB left usable by current configuration\n\n"
}

// refusal is what is printed of a file system of that many KiB on 64 MiB.
func refusal(kiB uint64) string {
	what := map[uint64]string{1 << 54: "xfs"}[kiB]
	if what == "" {
		what = "ext3"
	}
	return sizes("Found "+what+" filesystem\n"+pad(kiB)) + wouldTruncate + howToProceed
}

func accepted(kiB uint64) string {
	return sizes("Found ext3 filesystem\n"+pad(kiB)) + "Even though it looks like this would place the new meta data into\n" +
		"unused space, you still need to confirm, as this is only a guess.\ninitializing activity log\nWriting meta data...\n" +
		"New drbd meta data block successfully created.\n"
}

// TestConvert07: what the original leaves behind when it converts metadata of DRBD
// 0.7 comes along: the bitmap, and the log, which apply-al then understands.
func TestConvert07(t *testing.T) {
	m := &image{t: t, path: t.TempDir() + "/" + imageName}
	const size, old = 256 << 20, 128 << 20
	fixed07(60000, [5]uint32{3, 1, 2, 3, 4})(m) // Consistent, Primary
	bits := bytes.Repeat([]byte{0xa5, 0, 1}, 500)
	m.put(old+72*512, bits)
	log := make([]byte, 512)
	copy(log, be32(0x83740267))
	copy(log[4:], be32(7))
	for i := 8; i < 504; i++ {
		log[i] = 0xff
	}
	copy(log[8:], append(be32(3), be32(12)...)) // slot 3 holds extent 12
	copy(log[504:], be32(0xffffffff^12))        // 61 times all ones and one 12
	m.put(old+4096, log)
	e := DefaultEnv()
	e.LockDir, e.StateDir = t.TempDir(), t.TempDir()
	run := func(args ...string) (string, string) {
		var o, er bytes.Buffer
		if code := e.Main(append([]string{"--force", "-", "v08", m.path, "internal"}, args...), os.Stdin, &o, &er); code != 0 {
			t.Fatalf("%v: exit %d %s", args, code, er.String())
		}
		return o.String(), er.String()
	}
	if out, _ := run("create-md"); !strings.HasPrefix(out, "Converting meta data...\n") {
		t.Errorf("create-md says %q", out)
	}
	b := make([]byte, len(bits))
	m.do(func(f *os.File) error { _, err := f.ReadAt(b, size-4096-32768-8192); return err })
	if !bytes.Equal(b, bits) {
		t.Errorf("the bitmap did not come along: %x", b[:16])
	}
	if _, said := run("apply-al"); !strings.Contains(said, "Marked additional 4096 KB as out-of-sync based on AL.\n") {
		t.Errorf("apply-al of the converted log says %q", said)
	}
	if out, _ := run("get-gi"); out != "000100020007BABE:0000000000000000:000100020006BABE:000100020005BABE:1:0:1:0:0:0:0\n" {
		t.Errorf("generation identifiers %s", out)
	}
}

func pad(kiB uint64) string { return fmt.Sprintf("%12d", kiB) }
