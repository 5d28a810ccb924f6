package drbdmeta

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strings"

	"classicha/drbdd/metadata"
)

// probeSize is how much of the device is looked at for signs of data.
const probeSize = 68 << 10

// content is what the begin of a device looks like.
type content struct {
	what   string // "" = only zeros
	kiB    uint64 // of data in use; 0 with known = nobody said
	known  bool   // a file system: it says its size
	lvm    bool   // LVM knows the size
	nobody bool   // nobody knows the size (swap space)
}

// blockBytes multiplies without overflow.
func blockBytes(blocks, size uint64) uint64 {
	hi, lo := bits.Mul64(blocks, size)
	if hi != 0 {
		return math.MaxUint64
	}
	return lo
}

func kib(bytes uint64) uint64 { return bytes>>10 + (bytes&1023+1023)>>10 }

// probe recognizes data by the signatures that the original knows, in its order.
// Sizes of ext file systems are read in full where the original cuts them: above
// 16 TiB, or with blocks of more than 4 KiB, it would place metadata inside.
func probe(b []byte) content {
	le, be := binary.LittleEndian, binary.BigEndian
	at := func(off int, sig string) bool { return string(b[off:off+len(sig)]) == sig }
	swap := func(page int) bool { return at(page-10, "SWAP-SPACE") || at(page-10, "SWAPSPACE2") }
	fs := func(what string, bytes uint64) content { return content{what: what, kiB: kib(bytes), known: true} }
	switch sb := b[1024:]; {
	case swap(4096) || swap(8192):
		return content{what: "swap space signature", nobody: true}
	case at(512, "LABELONE") && at(512+24, "LVM2 001"):
		return content{what: "LVM2 physical volume signature", lvm: true}
	case le.Uint16(sb[56:]) == 0xef53:
		blocks, size := uint64(le.Uint32(sb[4:])), uint64(4096)
		if log := le.Uint32(sb[24:]); log <= 6 {
			size = 1024 << log
		}
		if le.Uint32(sb[96:])&0x80 != 0 { // feature 64bit
			blocks |= uint64(le.Uint32(sb[0x150:])) << 32
		}
		if le.Uint32(sb[92:])&4 != 0 { // feature has_journal
			return fs("ext3 filesystem", blockBytes(blocks, size))
		}
		return fs("ext2 filesystem", blockBytes(blocks, size))
	case at(0, "XFSB"):
		return fs("xfs filesystem", blockBytes(be.Uint64(b[8:]), uint64(be.Uint32(b[4:]))))
	case at(32<<10, "JFS1"):
		jfs := b[32<<10:]
		return fs("JFS filesystem", blockBytes(le.Uint64(jfs[8:]), uint64(le.Uint32(jfs[24:]))))
	case at(64<<10+52, "ReIsErFs") || at(64<<10+52, "ReIsEr2Fs"):
		r := b[64<<10:]
		return fs("reiser filesystem", blockBytes(uint64(le.Uint32(r)), uint64(le.Uint16(r[44:]))))
	case bytes.Count(b, []byte{0}) == len(b):
		return content{}
	}
	return content{what: "some data"}
}

// askLVM asks LVM for the size of the physical volume, in KiB.
func (t *tool) askLVM() (kiB uint64, ok bool) {
	args := []string{"-vvv", "--noheadings", "--nosuffix", "--units", "s", "-o", "pv_size", "--config",
		fmt.Sprintf("devices { write_cache_state=0 filter = [ 'a|%s|', 'r|.|' ] }", t.device)}
	out, complaints := t.env.PVSize(args)
	var sectors uint64
	if n, _ := fmt.Sscanf(strings.TrimLeft(out, " "), "%d", &sectors); n == 1 && sectors > 0 {
		return kib(blockBytes(sectors, metadata.SectorSize)), true
	}
	fmt.Fprintf(t.err, "pvs stderr:+ pvs %s\n", strings.Join(args, " "))
	for line := range strings.Lines(complaints) {
		fmt.Fprintf(t.err, "pvs stderr:%s\n", strings.TrimSuffix(line, "\n"))
	}
	fmt.Fprintln(t.err)
	return 0, false
}

const (
	wouldTruncate = "Device size would be truncated, which\nwould corrupt data and result in\n'access beyond end of device' errors.\n"
	howToProceed  = "You need to either\n   * use external meta data (recommended)\n   * shrink that filesystem first\n" +
		"   * zero out the device (destroy the filesystem)\nOperation refused.\n\n"
	zeroItOut = "If you want me to do this, you need to zero out the first part\nof the device (destroy the content).\n" +
		"You should be very sure that you mean it.\nOperation refused.\n\n"
)

// checkData refuses to cut a file system, exit code 40, and asks before anything
// else that may be data is overwritten. Metadata l is about to be made.
func (t *tool) checkData(l metadata.Layout) int {
	t.dev.where, t.dev.super = inProbe, -1
	b := make([]byte, probeSize)
	if _, err := t.dev.ReadAt(b, 0); err != nil {
		return t.fail(10, errText(err))
	}
	t.dev.super = l.Super
	c := probe(b)
	if c.what == "" {
		return 0
	}
	if c.lvm {
		c.kiB, c.known = t.askLVM()
	}
	fmt.Fprintf(t.out, "md_offset %d\nal_offset %d\nbm_offset %d\n\nFound %s\n", l.Super, l.AL, l.BM, c.what)
	sure := "\nEven though it looks like this would place the new meta data into\nunused space, you still need to confirm, as this is only a guess."
	switch left := l.UsableSectors(0) / 2; {
	case c.what == "some data":
		sure = "\n ==> This might destroy existing data! <=="
	case t.index != metadata.Internal:
		return t.refuseData("\nThis would corrupt existing data.\n")
	case c.known:
		fmt.Fprintf(t.out, "%12d kB data area apparently used\n%12d kB left usable by current configuration\n", c.kiB, left)
		if c.kiB > left {
			fmt.Fprint(t.out, "\n", wouldTruncate, howToProceed)
			return 40
		}
	default:
		fmt.Fprintf(t.out, "%12d kB left usable by current configuration\n", left)
		if !c.nobody {
			fmt.Fprint(t.out, "Could not determine the size of the actually used data area.\n\n")
		}
		return t.refuseData(wouldTruncate)
	}
	fmt.Fprintln(t.out, sure)
	if !t.confirm("Do you want to proceed?") {
		fmt.Fprintln(t.out, "Operation canceled.")
		return 1
	}
	return 0
}

// refuseData refuses, unless the user insisted.
func (t *tool) refuseData(why string) int {
	fmt.Fprint(t.out, why)
	if t.opt.ignoreSanity {
		fmt.Fprint(t.out, "\nIgnoring sanity check on user request.\n\n")
		return 0
	}
	fmt.Fprint(t.out, zeroItOut)
	return 40
}
