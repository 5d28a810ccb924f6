package drbdmeta

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"classicha/drbdd/metadata"
)

// lastKnownPath is the file that remembers the size of a minor's backing device
// (drbd-cli 11). All runs without a minor share one, as with the original.
func (t *tool) lastKnownPath() string {
	return filepath.Join(t.env.StateDir, fmt.Sprintf("drbd-minor-%d.lkbd", t.minor))
}

func (t *tool) loadLastKnown() (lk metadata.LastKnown, ok bool) {
	path := t.lastKnownPath()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return lk, false
	}
	if err != nil {
		fmt.Fprintf(t.err, "lk_bdev_load(%s) failed: %s\n", path, strerror(err))
		return lk, false
	}
	if lk, err = metadata.ParseLastKnown(string(text)); err != nil {
		fmt.Fprintf(t.err, "lk_bdev_load(%s): parse error\n", path)
		return lk, false
	}
	return lk, true
}

// saveLastKnown remembers the device as it is now. External metadata does not move,
// so what was known of the minor before does not matter any more. A failure is told
// and has no other consequence: the file only helps after a resize.
func (t *tool) saveLastKnown() {
	if t.index != metadata.Internal {
		t.forgetLastKnown()
		return
	}
	if t.opt.dryRun {
		return
	}
	lk := metadata.LastKnown{Bytes: t.dev.size, Device: t.device, DeviceUUID: t.store.Super.DeviceUUID}
	path := t.lastKnownPath()
	if err := replaceFile(path, lk.String()); err != nil {
		fmt.Fprintf(t.err, "lk_bdev_save(%s) failed: %s\n", path, strerror(err))
	}
}

// replaceFile writes a file so that a crash leaves the old text or the new.
func replaceFile(path, text string) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		os.Remove(path + ".new")
	}
	return err
}

func (t *tool) forgetLastKnown() {
	if t.opt.dryRun {
		return
	}
	path := t.lastKnownPath()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(t.err, "lk_bdev_delete(%s) failed: %s\n", path, strerror(err))
	}
}
