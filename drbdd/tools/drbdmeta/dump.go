package drbdmeta

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
)

// dumpMD prints the metadata as text, also from its last known place.
func (t *tool) dumpMD() int {
	s, w := t.store, io.Writer(t.out)
	if t.moved != nil {
		s = t.moved.store
		w = t.resizedHeader(w)
	}
	if s == nil {
		return t.fail(1, "No valid meta data found")
	}
	if s.Super.NeedApplyAL() {
		fmt.Fprintln(t.err, metadata.ErrUnclean)
		if !t.opt.force {
			return 1
		}
	}
	host, err := t.env.Hostname()
	if err != nil {
		host = "localhost"
	}
	t.dev.where = inDump
	h := metadata.DumpHeader{Time: t.env.Now(), Host: host, Command: strings.Join(t.words, " ")}
	if err := s.Dump(w, h); err != nil {
		return t.fail(10, errText(err))
	}
	return 0
}

// resizedHeader puts the notes about a resized device into the head of a dump.
func (t *tool) resizedHeader(w io.Writer) io.Writer {
	note := "#\n### Device seems to have been resized!\n### dumping meta data from the last known position\n" +
		fmt.Sprintf("### current size of %s: %d byte\n", t.device, t.dev.size)
	if l, err := metadata.NewLayout(t.index, t.dev.size, t.moved.store.Layout.Ring); err == nil {
		note += fmt.Sprintf("### expected position of meta data:\n## md_offset %d\n## al_offset %d\n## bm_offset %d\n", l.Super, l.AL, l.BM)
	}
	note += fmt.Sprintf("### last known size of %s: %d byte\n### adjusted position of meta data:\n", t.device, t.moved.size)
	return &inserter{w: w, before: []byte("# md_offset "), text: note}
}

// inserter writes a text before the first line that begins with some words.
type inserter struct {
	w      io.Writer
	before []byte
	text   string
	head   []byte // kept until the place was found
	done   bool
}

func (i *inserter) Write(p []byte) (int, error) {
	if i.done {
		return i.w.Write(p)
	}
	i.head = append(i.head, p...)
	at := bytes.Index(i.head, append([]byte("\n"), i.before...))
	if at < 0 {
		return len(p), nil
	}
	i.done = true
	for _, b := range [][]byte{i.head[:at+1], []byte(i.text), i.head[at+1:]} {
		if _, err := i.w.Write(b); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// input opens the text of a dump: the named file, or standard input. It is read
// more than once, so a pipe is kept in a temporary file.
func (t *tool) input() (*os.File, int) {
	if t.hasArg {
		f, err := os.Open(t.arg)
		if err != nil {
			return nil, t.fail(20, fmt.Sprintf("open of '%s' failed.", t.arg))
		}
		return f, 0
	}
	f, err := os.CreateTemp("", "drbdmeta")
	if err == nil {
		os.Remove(f.Name())
		_, err = io.Copy(f, t.lines)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, t.fail(10, "read the dump: "+strerror(err))
	}
	return f, 0
}

// parseDump reads all of a dump and judges it as far as this is possible without
// the device. note is printed when the text is a dump of our format.
func (t *tool) parseDump(r io.Reader, note string) (metadata.Dump, int) {
	d, err := metadata.ParseDump(r, func(uint64, uint64) error { return nil })
	bad := (*metadata.DumpError)(nil)
	if isDump := errors.As(err, &bad); err != nil && !isDump {
		return d, t.fail(2, "read the dump: "+strerror(err))
	}
	if bad == nil || !strings.HasPrefix(bad.Text, "dump is ") && !strings.Contains(bad.Text, "keyword 'version' expected") {
		fmt.Fprint(t.err, note)
	}
	if bad != nil {
		return d, t.fail(10, bad.Text)
	}
	n := d.BytesPerBit
	switch {
	case n < metadata.BlockSize || n&(n-1) != 0:
		return d, t.fail(10, "Invalid value for bm-byte-per-bit: value must be a power-of-two multiple of 4096")
	case n != metadata.BlockSize:
		return d, t.fail(10, fmt.Sprintf("Invalid value for bm-byte-per-bit: %d is not supported, only %d", n, metadata.BlockSize))
	}
	return d, 0
}

func (t *tool) verifyDump() int {
	f, code := t.input()
	if code != 0 {
		return code
	}
	defer f.Close()
	if _, code := t.parseDump(f, ""); code != 0 {
		return code
	}
	fmt.Fprintln(t.out, "input file parsed ok")
	return 0
}

// restoreMD makes metadata from a dump. Nothing is written before the whole text
// was read, and the super block comes last.
func (t *tool) restoreMD() int {
	f, code := t.input()
	if code != 0 {
		return code
	}
	defer f.Close()
	if code := t.open(); code != 0 {
		return code
	}
	if (t.store != nil || t.moved != nil) && !t.confirm("Valid meta-data in place, overwrite?") {
		return 1
	}
	d, code := t.parseDump(f, "reinitializing\n")
	if code != 0 {
		return code
	}
	if t.opt.ringGiven {
		fmt.Fprintln(t.err, "override activity log striping from commandline")
		d.Ring = t.opt.ring
	}
	l, code := t.layout(d.Ring)
	if code != 0 {
		return code
	}
	t.sayLayout(l)
	sb, truncated := d.Superblock(l)
	if truncated {
		fmt.Fprintf(t.out, "# la-size-sect was too big (%d), truncated (%d)!\n", d.LaSizeSect, sb.LaSizeSect)
	}
	if code := t.checkData(l); code != 0 {
		return code
	}
	if code := t.withdraw(); code != 0 {
		return code
	}
	t.store = &mdio.Store{Dev: t.dev, Layout: l}
	t.dev.where = inRestore
	if code := t.restoreBitmap(f, sb.LaSizeSect); code != 0 {
		return code
	}
	if err := t.store.InitLog(); err != nil {
		return t.fail(10, errText(err))
	}
	if code := t.sync(); code != 0 {
		return code
	}
	if code := t.writeSuper(sb); code != 0 {
		return code
	}
	t.saveLastKnown()
	fmt.Fprintln(t.out, "Successfully restored meta data")
	return 0
}

// errEnough ends the reading of a dump with more bitmap than the device has.
var errEnough = errors.New("enough")

// restoreBitmap writes the bitmap of a dump for a device of that many sectors.
func (t *tool) restoreBitmap(f io.ReadSeeker, sectors uint64) int {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return t.fail(10, "read the dump: "+strerror(err))
	}
	bm, err := metadata.NewBitmap(metadata.Bits(sectors))
	if err != nil {
		return t.fail(10, err.Error())
	}
	room := uint64(bm.Blocks()) * (metadata.BlockSize / 8) // words, as many as are dumped
	var at uint64
	_, err = metadata.ParseDump(f, func(count, word uint64) error {
		if count > room-at {
			fmt.Fprintln(t.err, "Bitmap info too large, truncated!")
			fill(bm, at, room-at, word)
			return errEnough
		}
		fill(bm, at, count, word)
		at += count
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return t.fail(10, err.Error())
	}
	bm.MarkAllDirty()
	if _, err := t.store.WriteBitmap(bm); err != nil {
		return t.fail(10, errText(err))
	}
	return 0
}

// fill puts count equal words into the bitmap from word at on.
func fill(bm *metadata.Bitmap, at, count, word uint64) {
	switch {
	case word == 0:
		return
	case word == ^uint64(0):
		bm.Set(at*64, count*64)
		return
	}
	var b [8]byte
	for i := range b {
		b[i] = byte(word >> (8 * i))
	}
	for ; count > 0 && at*64 < bm.Bits(); at, count = at+1, count-1 {
		bm.OrWords(at, b[:])
	}
}
