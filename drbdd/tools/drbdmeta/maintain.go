package drbdmeta

import (
	"fmt"

	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
)

// wipeMD overwrites the super block.
func (t *tool) wipeMD() int {
	if t.store == nil {
		return t.fail(0, "There appears to be no drbd meta data to wipe out?")
	}
	if !t.confirm("Do you really want to wipe out the DRBD meta data?") {
		fmt.Fprintln(t.out, "Operation cancelled.")
		return 1
	}
	fmt.Fprintln(t.out, "Wiping meta data...")
	t.dev.where = inWipe
	if err := t.store.Wipe(); err != nil {
		return t.fail(10, errText(err))
	}
	t.forgetLastKnown()
	fmt.Fprintln(t.out, "DRBD meta data block successfully wiped out.")
	return 0
}

// checkResize moves internal metadata after the device was resized, or remembers
// the size for the next time.
func (t *tool) checkResize() int {
	switch {
	case t.index != metadata.Internal && t.store != nil:
		return 1
	case t.index != metadata.Internal:
		return t.fail(1, "Operation only supported for >= v8 internal meta data")
	case t.moved != nil:
		return t.moveBehind()
	case t.store == nil:
		return t.fail(1, "no suitable meta data found :(")
	}
	lk, ok := t.loadLastKnown()
	// Without the file the original returns 1 and remembers nothing; the next
	// resize would lose the metadata.
	if !ok || lk.Bytes != t.dev.size || lk.DeviceUUID != t.store.Super.DeviceUUID {
		t.saveLastKnown()
	}
	return 0
}

// moveBehind brings the metadata from its last known place to the end of the device.
func (t *tool) moveBehind() int {
	fmt.Fprintln(t.err, "Moving the internal meta data to its proper location")
	t.dev.where = inMove
	s, err := mdio.Move(t.dev, t.moved.size, t.dev.size)
	if err != nil {
		return t.fail(10, errText(err))
	}
	t.store, t.moved = s, nil
	t.saveLastKnown()
	fmt.Fprintln(t.out, "Internal drbd meta data successfully moved.")
	return 0
}

// applyAL makes the metadata clean, after bringing it to its place if need be.
func (t *tool) applyAL() int {
	if t.moved != nil {
		if code := t.moveBehind(); code != 0 {
			return code
		}
		t.dev.Close()
		t.dev, t.store = nil, nil
		if code := t.open(); code != 0 { // what stands there now is what counts
			return code
		}
	}
	if t.store == nil {
		return t.fail(1, "No valid meta data found")
	}
	t.dev.where = inApply
	old := t.store.Super
	a, err := t.store.ApplyAL()
	text := a.Text()
	if err == nil && a.Reason == metadata.ErrALUnusable && old.Magic == metadata.MagicClean {
		// Metadata that no 8.4 kernel wrote: the original looks for a log of the old
		// format and makes less ado when there is none.
		text = "No usable activity log found.\n"
	}
	fmt.Fprint(t.err, text)
	switch {
	case err != nil && a.Reason != nil:
		return 1
	case err != nil:
		return t.fail(10, errText(err))
	}
	return 0
}
