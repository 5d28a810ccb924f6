package metadata

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// DumpHeader is the part of a dump that is not metadata.
type DumpHeader struct {
	Time    time.Time
	Host    string
	Command string // the command line, words joined by blanks
}

// A dump prints words in lines of four, and a run of empty or full words as a
// count if it fills at least two lines. Every so many words a comment tells the
// position, if a line begins there.
const (
	dumpLine     = 4
	dumpPosition = 32
	dumpWordKiB  = 64 * BlockSize / 1024 // storage of one word
)

// WriteDump prints metadata as drbdmeta's dump-md does. bitmap delivers the
// on-disk bytes of the bitmap, of which BitmapBytes(s.LaSizeSect) are printed.
// Where drbdmeta 9 always prints flags 0 this prints the flags (section 7).
func WriteDump(w io.Writer, h DumpHeader, l Layout, s *Superblock, bitmap io.Reader) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# DRBD meta data dump\n# %s [%d]\n# %s> %s\n#\n\nversion \"v08\";\n\n",
		h.Time.Format("2006-01-02 15:04:05 -0700"), h.Time.Unix(), h.Host, h.Command)
	if s.NeedApplyAL() {
		b.WriteString("This_is_an_unclean_meta_data_dump._Don't_trust_the_bitmap.\n" +
			"# You should \"apply-al\" first, if you plan to restore this.\n\n")
	}
	u, size := s.UUIDs, BitmapBytes(s.LaSizeSect)
	fmt.Fprintf(b, "# md_size_sect %d\n# md_offset %d\n# al_offset %d\n# bm_offset %d\n\n", s.MdSizeSect, l.Super, l.AL, l.BM)
	fmt.Fprintf(b, "uuid {\n    0x%016X; 0x%016X; 0x%016X; 0x%016X;\n    flags 0x%08X;\n}\n",
		u.Current, u.Bitmap, u.History0, u.History1, uint32(s.Flags))
	fmt.Fprintf(b, "# al-extents %d;\nla-size-sect %d;\nbm-byte-per-bit %d;\ndevice-uuid 0x%016X;\nla-peer-max-bio-size %d;\n",
		s.ALExtents, s.LaSizeSect, s.BytesPerBit, s.DeviceUUID, s.LaPeerMaxBioSize)
	fmt.Fprintf(b, "al-stripes %d;\nal-stripe-size-4k %d;\n# bm-bytes %d;\nbm {\n", s.Ring().Stripes, s.Ring().Stripe4k, size)
	set, err := dumpBitmap(b, bufio.NewReaderSize(bitmap, 64<<10), uint64(size)/8)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "}\n# bits-set %d;\n", set)
	return b.Flush()
}

// dumpBitmap prints n words, n a multiple of dumpLine, and counts their bits.
func dumpBitmap(w *bufio.Writer, r io.Reader, n uint64) (set uint64, err error) {
	var (
		buf   [8]byte
		read  uint64 // words taken from r
		value uint64 // the words read and not printed yet: count times value, then next
		count uint64
		next  uint64
		ahead bool // next is valid
	)
	fetch := func() (uint64, error) {
		if ahead {
			ahead = false
			return next, nil
		}
		read++
		_, err := io.ReadFull(r, buf[:])
		return binary.LittleEndian.Uint64(buf[:]), err
	}
	left := func() bool { return ahead || read < n }
	for i := uint64(0); i < n; {
		if i%dumpPosition == 0 {
			fmt.Fprintf(w, "   # at %dkB\n", i*dumpWordKiB)
		}
		if count == 0 {
			if value, err = fetch(); err != nil {
				return 0, err
			}
			count = 1
		}
		for (value == 0 || value == ^uint64(0)) && left() {
			x, err := fetch()
			if err != nil {
				return 0, err
			}
			if x != value {
				next, ahead = x, true
				break
			}
			count++
		}
		if run := count &^ (dumpLine - 1); run > dumpLine {
			fmt.Fprintf(w, "    %d times 0x%016X;\n", run, value)
			set += run * uint64(bits.OnesCount64(value))
			i, count = i+run, count-run
			continue
		}
		for j := range dumpLine {
			if count == 0 {
				if value, err = fetch(); err != nil {
					return 0, err
				}
				count = 1
			}
			count--
			fmt.Fprintf(w, "%s0x%016X;", pick(j == 0, "    ", " "), value)
			set += uint64(bits.OnesCount64(value))
		}
		w.WriteByte('\n')
		i += dumpLine
	}
	return set, nil
}
