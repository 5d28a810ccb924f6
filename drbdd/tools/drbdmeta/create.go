package drbdmeta

import (
	"errors"
	"fmt"

	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
)

// createMD makes new metadata, or keeps what it finds: it moves or converts it.
func (t *tool) createMD() int {
	if t.moved != nil {
		switch {
		case t.opt.ring != t.moved.store.Layout.Ring:
			return t.fail(20, "Cannot move after offline resize and change AL-striping at the same time, yet.")
		case !t.opt.force && t.confirm("Move internal meta data from last-known position?\n"):
			return t.moveBehind()
		}
	}
	l, code := t.layout(t.opt.ring)
	if code != 0 {
		return code
	}
	found, code := t.findFlavour(l)
	if code != 0 {
		return code
	}
	convert, code := t.askExisting(found)
	if code != 0 {
		return code
	}
	t.sayLayout(l)
	if convert {
		fmt.Fprintln(t.out, "Converting meta data...")
	}
	if code := t.checkData(l); code != 0 {
		return code
	}
	o := metadata.CreateOptions{}
	if t.opt.maxBio != nil {
		o.PeerMaxBioSize = uint32(*t.opt.maxBio)
	}
	sb := l.Create(o)
	if code := t.withdraw(); code != 0 {
		return code
	}
	t.store = &mdio.Store{Dev: t.dev, Layout: l}
	if convert {
		code = t.convert(found, &sb)
	} else {
		code = t.initialize(l)
	}
	if code != 0 {
		return code
	}
	fmt.Fprintln(t.out, "Writing meta data...")
	if code := t.writeSuper(sb); code != 0 {
		return code
	}
	if code := t.wipeOld(found, l); code != 0 {
		return code
	}
	t.saveLastKnown()
	fmt.Fprintln(t.out, "New drbd meta data block successfully created.")
	return 0
}

// layout is where metadata with the ring would stand on the device.
func (t *tool) layout(ring metadata.Ring) (metadata.Layout, int) {
	l, err := metadata.NewLayout(t.index, t.dev.size, ring)
	if small := (*metadata.TooSmallError)(nil); errors.As(err, &small) {
		return l, t.fail(10, small.Text(t.device))
	}
	if err != nil {
		return l, t.fail(10, err.Error())
	}
	return l, 0
}

func (t *tool) sayLayout(l metadata.Layout) {
	t.say(2, "md_offset: %d\nal_offset: %d (%d)\nbm_offset: %d (%d)\nmd_size_sect: %d\nmax_usable_sect: %d",
		l.Super, l.AL, l.ALOffset, l.BM, l.BMOffset, l.MdSizeSect, l.UsableSectors(uint64(t.dev.size/metadata.SectorSize)))
}

// askExisting asks what shall become of metadata that is there.
func (t *tool) askExisting(f flavour) (convert bool, code int) {
	if f.version == "" {
		return false, 0
	}
	internal := t.index == metadata.Internal
	if internal {
		size := "flexible-size"
		if f.fixed {
			size = "fixed-size"
		}
		fmt.Fprintf(t.err, "You want me to create a v08 style flexible-size internal meta data block.\n"+
			"There appears to be a %s %s internal meta data block\nalready in place on %s at byte offset %d\n", f.version, size, t.device, f.super)
	}
	yes := false
	switch {
	case f.version == "v07":
		if t.confirm("Valid v07 meta-data found, convert to v08?") {
			return true, 0
		}
		fallthrough
	case f.version != "v08":
		yes = t.confirm("So you want me to replace the " + f.version + " meta-data\nwith newly initialized v08 meta-data?")
	case !internal:
		yes = t.confirm("Valid meta data seems to be in place.\nDo you really want to overwrite?")
	default:
		if t.store.Layout.Ring != t.opt.ring && t.confirm("Do you want to change the activity log stripe settings *only*?") {
			return false, t.fail(30, "Sorry, not yet fully implemented\nTry dump-md > dump.txt; restore-md -s x -z y dump.txt")
		}
		yes = t.confirm("Do you really want to overwrite the existing meta-data?")
	}
	if !yes {
		fmt.Fprintln(t.out, "Operation cancelled.")
		return false, 1
	}
	return false, 0
}

// withdraw wipes the super block that is about to be replaced. After a crash in
// between it would vouch for a bitmap and a log that are empty already; the original
// takes that risk.
func (t *tool) withdraw() int {
	if t.store == nil {
		return 0
	}
	t.dev.super = t.store.Layout.Super
	if err := t.store.Wipe(); err != nil {
		return t.fail(10, errText(err))
	}
	return 0
}

// initialize makes an empty log and an empty bitmap, stable before the super block
// that vouches for them is written.
func (t *tool) initialize(l metadata.Layout) int {
	t.dev.super = l.Super
	fmt.Fprintln(t.out, "initializing activity log")
	t.dev.where = inCreateAL
	if err := t.store.InitLog(); err != nil {
		return t.fail(10, errText(err))
	}
	if code := t.zeroBitmap(l.BM, min(mdio.CreateBitmapBytes(t.dev.size), t.dev.size-l.BM)); code != 0 {
		return code
	}
	return t.sync()
}

func (t *tool) sync() int {
	if err := t.dev.Sync(); err != nil {
		return t.fail(10, err.Error())
	}
	return 0
}

// zeroBitmap zeroes by the kernel's own means, or else by writing.
func (t *tool) zeroBitmap(off, n int64) int {
	t.dev.where = inCreateBM
	mode, amount := t.opt.bitmapMode, metadata.HumanKiB(uint64(n)>>10)
	switch mode {
	case "skip":
		fmt.Fprintln(t.err, "SKIPPED initializing bitmap area")
		return 0
	case "automatic", "zeroout":
		fmt.Fprintf(t.err, "initializing bitmap (%s) to all zero\n", amount)
		err := t.dev.zeroOut(off, n)
		if err == nil {
			return 0
		}
		fmt.Fprintf(t.err, "ioctl(%s, BLKZEROOUT, [%d, %d]) failed: %s\n", t.device, off, n, strerror(err))
		if mode == "zeroout" {
			return t.fail(10, "fast zero-out failed, fallback disabled")
		}
	}
	fmt.Fprintf(t.err, "initializing bitmap (%s) to all zero using pwrite\n", amount)
	const chunk = 1 << 20
	zero := make([]byte, min(n, chunk))
	for end := off + n; off < end; off += chunk {
		if _, err := t.dev.WriteAt(zero[:min(chunk, end-off)], off); err != nil {
			return t.fail(10, errText(err))
		}
	}
	return 0
}
