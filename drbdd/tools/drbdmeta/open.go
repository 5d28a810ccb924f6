package drbdmeta

import (
	"errors"
	"fmt"

	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
)

// moved is valid metadata that stands where the end of the device was before it was
// resized.
type moved struct {
	store *mdio.Store
	size  int64 // bytes of the device then
}

// open opens the device and looks for metadata: t.store, t.moved, or neither. A
// nonzero code ends the run.
func (t *tool) open() int {
	dev, code := t.openDevice()
	if code != 0 {
		return code
	}
	t.dev = dev
	_, err := metadata.NewLayout(t.index, dev.size, metadata.DefaultRing)
	if small := (*metadata.TooSmallError)(nil); errors.As(err, &small) {
		return t.fail(10, small.Text(t.device))
	}
	if err != nil {
		return t.fail(10, err.Error())
	}
	dev.super = t.index.SuperOffset(dev.size)
	store, ok, code := t.load(dev.size)
	switch {
	case code != 0:
		return code
	case ok:
		t.store = store
	case t.index == metadata.Internal:
		return t.lookBehind()
	}
	return 0
}

// load reads and checks the super block for a device of size bytes.
func (t *tool) load(size int64) (*mdio.Store, bool, int) {
	t.dev.where = inSuperRead
	s, truncated, err := mdio.Open(t.dev, t.index, size)
	if io := (*ioError)(nil); errors.As(err, &io) {
		return nil, false, t.fail(10, io.Error())
	}
	if bad := (*mdio.Mismatch)(nil); errors.As(err, &bad) {
		t.say(1, "%v", bad.Reason)
		return nil, false, 0
	}
	if err != nil {
		t.say(1, "v08 Magic number not found")
		return nil, false, 0
	}
	if s.Super.BytesPerBit != metadata.BlockSize {
		// The original's assertion fails, or it goes on with bits of another size.
		fmt.Fprintf(t.err, "strange bm_bytes_per_bit %d (expected: %d)\n", s.Super.BytesPerBit, metadata.BlockSize)
		return nil, false, 0
	}
	if truncated != 0 {
		fmt.Fprintf(t.out, "# la-size-sect was too big (%d), truncated (%d)!\n", truncated, s.Super.LaSizeSect)
	}
	return s, true, 0
}

// lookBehind looks for internal metadata at its last known place.
func (t *tool) lookBehind() int {
	lk, ok := t.loadLastKnown()
	if !ok {
		t.say(1, "no last-known offset information available.")
		return 0
	}
	name := lk.Device
	if name == "" {
		name = "-unknown device name-"
	}
	t.say(1, " last known info: %d %s", lk.Bytes, name)
	if lk.DeviceUUID != 0 {
		t.say(1, " last known uuid: %016X", lk.DeviceUUID)
	}
	if lk.Bytes == t.dev.size {
		return 0
	}
	fits := lk.Bytes >= metadata.MinDevice && lk.Bytes <= t.dev.size
	var store *mdio.Store
	if fits {
		var code int
		t.dev.super = t.index.SuperOffset(lk.Bytes)
		if store, _, code = t.load(lk.Bytes); code != 0 {
			return code
		}
		t.dev.super = t.index.SuperOffset(t.dev.size)
	}
	on := ""
	if lk.Device != t.device && lk.Device != "" {
		on = "on " + lk.Device + " "
	}
	verdict := ", and seems to still be valid."
	if store == nil {
		verdict = ", but I cannot find it now."
	}
	t.say(1, "While checking for internal meta data for drbd%d on %s,\nit appears that it may have been relocated.\n"+
		"It used to be %sat byte offset %d%s", t.minor, t.device, on, uint64(t.index.SuperOffset(lk.Bytes)), verdict)
	if store == nil {
		if lk.Bytes > t.dev.size || !fits {
			t.say(1, "Device is too small now!")
		}
		return 0
	}
	if lk.DeviceUUID != 0 && store.Super.DeviceUUID != lk.DeviceUUID {
		fmt.Fprintf(t.err, "Last known and found uuid differ!?\n%016X != %016X\n", lk.DeviceUUID, store.Super.DeviceUUID)
		if !t.opt.force {
			fmt.Fprintln(t.err, "You may --force me to ignore that.")
			return 0
		}
		fmt.Fprintln(t.err, "You --force'ed me to ignore that.")
	}
	t.moved = &moved{store: store, size: lk.Bytes}
	return 0
}
