package drbdmeta

import (
	"encoding/binary"
	"os"
	"os/exec"
	"testing"

	"classicha/drbdd/metadata"
)

// super07Bytes is a super block of DRBD 0.7: KiB of the last agreed size, flags and
// the four counters.
func super07Bytes(laKiB uint64, gc [5]uint32, alOffset, bmOffset int32, mdKiB uint32) []byte {
	be := binary.BigEndian
	b := be.AppendUint64(nil, laKiB)
	for _, x := range gc {
		b = be.AppendUint32(b, x)
	}
	for _, x := range []uint32{metadata.MagicV07, mdKiB, uint32(alOffset), 257, uint32(bmOffset)} {
		b = be.AppendUint32(b, x)
	}
	return b
}

var gc07 = [5]uint32{0, 0x11, 0x22, 0x33, 0x44}

// fixed07 puts internal v07 metadata where DRBD 0.7 kept it.
func fixed07(la uint64, gc [5]uint32) func(*image) {
	return on(256<<20, func(m *image) { m.put(128<<20, super07Bytes(la, gc, 8, 72, 131072)) })
}

// sig puts a signature on 64 MiB.
func sig(parts ...any) func(*image) {
	return on(64<<20, func(m *image) {
		for i := 0; i < len(parts); i += 2 {
			m.put(int64(parts[i].(int)), parts[i+1].([]byte))
		}
	})
}

func le16(x uint16) []byte { return binary.LittleEndian.AppendUint16(nil, x) }
func le32(x uint32) []byte { return binary.LittleEndian.AppendUint32(nil, x) }
func le64(x uint64) []byte { return binary.LittleEndian.AppendUint64(nil, x) }
func be32(x uint32) []byte { return binary.BigEndian.AppendUint32(nil, x) }
func be64(x uint64) []byte { return binary.BigEndian.AppendUint64(nil, x) }

// ext is an ext file system: blocks, block size 1024 << log, compatible features.
func ext(blocks, log, compat uint32) []any {
	return []any{1024 + 4, le32(blocks), 1024 + 24, le32(log), 1024 + 56, le16(0xef53), 1024 + 92, le32(compat)}
}

func xfs(blocks uint64, size uint32) []any {
	return []any{0, []byte("XFSB"), 4, be32(size), 8, be64(blocks)}
}

func jfs(size uint64, unit uint32) []any {
	return []any{32768, []byte("JFS1"), 32776, le64(size), 32784, le32(4096), 32792, le32(unit)}
}

func reiser(blocks uint32, size uint16, magic string) []any {
	return []any{65536, le32(blocks), 65580, le16(size), 65588, []byte(magic)}
}

var lvm = []any{512, []byte("LABELONE"), 512 + 24, []byte("LVM2 001")}

// mkfs makes a file system with the program, if it is there.
func mkfs(words ...string) func(*image) {
	return on(64<<20, func(m *image) {
		if _, err := exec.LookPath(words[0]); err != nil {
			m.t.Skip(words[0] + " is not installed")
		}
		cmd := exec.Command(words[0], append(words[1:], m.path)...)
		cmd.Env = append(os.Environ(), "E2FSPROGS_FAKE_TIME=1000000000")
		if out, err := cmd.CombinedOutput(); err != nil {
			m.t.Fatalf("%v: %v\n%s", words, err, out)
		}
	})
}

// sameExt4 makes the same file system twice.
var sameExt4 = []string{"mkfs.ext4", "-q", "-F", "-U", "6a2ae0de-8d6b-4d48-8d4f-0d6a3c6ac001", "-E", "hash_seed=6a2ae0de-8d6b-4d48-8d4f-0d6a3c6ac002"}

// TestRealCreate: new metadata, and what stands in its way.
func TestRealCreate(t *testing.T) {
	const flex = "--force MINOR v08 DISK flex-external "
	four := metadata.Ring{Stripes: 4, Stripe4k: 8}
	rows := []row{
		{args: plain + "create-md"},
		{args: plain + "-v create-md"},
		{args: plain + "-v -v create-md"},
		{args: plain + "create-md --peer-max-bio-size 1M"},
		{args: plain + "create-md --peer-max-bio-size 4k 7"},
		{args: plain + "create-md --al-stripes 4"},
		{args: plain + "create-md --al-stripe-size-kB 64 --al-stripes 2"},
		{args: plain + "create-md -z 1M"},
		{args: plain + "create-md -z 33"},
		{args: plain + "create-md -b zeroout"},
		{args: plain + "create-md -b pwrite"},
		{args: plain + "create-md -b skip"},
		{args: plain + "create-md --dry-run"},
		{args: flex + "create-md"},
		{args: flex + "-v create-md"},
		{args: flex + "create-md", img: on(300<<20, func(m *image) { m.state = "8388608\tDISK\n" })},
		{args: "--force MINOR v08 DISK 0 create-md"},
		{args: "--force MINOR v08 DISK 1 create-md", img: on(130<<20, nil)},
		{args: "--force MINOR v08 DISK 1 create-md", img: on(130<<20, func(m *image) { m.put(100, []byte("x")) })},
		{args: "--force MINOR v08 DISK 1 create-md", img: on(100<<20, nil)},

		// Over metadata that is there.
		{args: plain + "create-md", img: made},
		{args: plain + "-v create-md", img: made},
		{args: plain + "-v create-md", img: on(200<<20, made)},
		{args: "MINOR v08 DISK internal create-md", img: made},
		{args: plain + "create-md --al-stripes 2", img: made},
		{args: plain + "create-md --al-stripes 4", img: func(m *image) { m.make(metadata.Internal, four, nil) }},
		{args: plain + "create-md", img: func(m *image) { m.make(metadata.Internal, four, nil) }},
		{args: plain + "create-md", img: sb(func(s *metadata.Superblock) { s.LaSizeSect = 1 << 40 })},
		{args: flex + "create-md", img: func(m *image) { m.make(metadata.FlexExternal, metadata.DefaultRing, nil) }},
		{args: flex + "create-md -s 2", img: func(m *image) { m.make(metadata.FlexExternal, metadata.DefaultRing, nil) }},

		// Metadata of DRBD 0.7.
		{args: plain + "create-md", img: fixed07(0, gc07)},
		{args: plain + "-v create-md", img: fixed07(60000, gc07)},
		{args: plain + "create-md", img: fixed07(0, [5]uint32{1, 0x12345678, 0x9abcdef0, 0x11223344, 0x55667788})},
		{args: plain + "get-gi", img: fixed07(0, gc07)},
		{args: plain + "wipe-md", img: fixed07(0, gc07)},
		{args: plain + "create-md", img: on(256<<20, func(m *image) { m.put(256<<20-4096, super07Bytes(0, gc07, -64, -80, 44)) })},
		{args: plain + "create-md", img: on(256<<20, func(m *image) { m.put(128<<20, super07Bytes(0, gc07, 16, 72, 131072)) })},
		{args: plain + "create-md", img: on(256<<20, func(m *image) { m.put(128<<20, super07Bytes(0, gc07, 8, 80, 131072)) })},
		{args: flex + "create-md", img: func(m *image) { m.put(0, super07Bytes(5000, gc07, 8, 72, 8192)) }},
		{args: "--force MINOR v08 DISK 1 create-md", img: fixed07(5000, [5]uint32{3, 1, 2, 3, 4})},

		// Data.
		{args: plain + "create-md", img: mkfs(sameExt4...)},
		{args: flex + "create-md", img: mkfs(sameExt4...)},
		{args: plain + "create-md", img: sig(100, []byte("x"))},
		{args: plain + "create-md", img: sig(68<<10-1, []byte("x"))},
		{args: plain + "create-md", img: sig(68<<10, []byte("x"))},
		{args: plain + "create-md", img: sig(ext(1000, 2, 4)...)},
		{args: plain + "create-md", img: sig(ext(65496, 0, 0)...)},
		{args: plain + "create-md", img: sig(ext(65497, 0, 8)...)},
		{args: plain + "create-md", img: sig(ext(32749, 1, 4)...)},
		{args: plain + "create-md", img: sig(xfs(16374, 4096)...)},
		{args: plain + "create-md", img: sig(xfs(16375, 4096)...)},
		{args: plain + "create-md", img: sig(xfs(131, 512)...)},
		{args: plain + "create-md", img: sig(jfs(131072, 512)...)},
		{args: plain + "create-md", img: sig(jfs(1001, 512)...)},
		{args: plain + "create-md", img: sig(reiser(16384, 4096, "ReIsErFs")...)},
		{args: plain + "create-md", img: sig(reiser(1000, 4096, "ReIsEr2Fs")...)},
		{args: plain + "create-md", img: sig(reiser(1000, 4096, "ReIsEr3Fs")...)},
		{args: plain + "create-md", img: sig(4086, []byte("SWAPSPACE2"))},
		{args: plain + "create-md", img: sig(8182, []byte("SWAP-SPACE"))},
		{args: flex + "create-md", img: sig(4086, []byte("SWAPSPACE2"))},
		{args: plain + "--ignore-sanity-checks create-md", img: sig(4086, []byte("SWAPSPACE2"))},
		{args: flex + "--ignore-sanity-checks create-md", img: sig(ext(1000, 2, 4)...)},
		{args: plain + "--ignore-sanity-checks create-md", img: sig(ext(100000, 2, 4)...)},
		{args: plain + "create-md", img: sig(append(ext(1000, 2, 4), xfs(100, 4096)...)...)},
		{args: plain + "create-md", img: sig(append(jfs(1000, 512), xfs(100, 4096)...)...)},
		{args: plain + "create-md", img: sig(append(jfs(1000, 512), reiser(99, 4096, "ReIsErFs")...)...)},
		{args: plain + "create-md", img: sig(append(append(lvm, ext(1000, 2, 4)...), 4086, []byte("SWAPSPACE2"))...)},
	}
	newBench(t, false).compare(rows)
}

// TestRealLVM: LVM knows the size of a physical volume.
func TestRealLVM(t *testing.T) {
	for _, script := range []string{"echo '  8192'", "echo 131072", "echo 130992", "echo 130993", "echo hello; echo 8192", "echo err >&2; exit 5",
		"echo 8192; exit 5", "echo 8192.00S"} {
		t.Run(script, func(t *testing.T) {
			b := newBench(t, false)
			bin := t.TempDir()
			if err := os.WriteFile(bin+"/pvs", []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			b.path = bin + ":" + b.path
			b.compare([]row{{args: plain + "create-md", img: sig(lvm...)}, {args: "--force MINOR v08 DISK 0 create-md", img: sig(lvm...)}})
		})
	}
}
