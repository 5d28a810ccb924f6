package fuse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
)

// selfOpen says whether this process has the device open a second time: a test, or a
// tool in the daemon.
func (d *Device) selfOpen() bool {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return false
	}
	n := 0
	for _, fd := range fds {
		if isDevice("/proc/self/fd/"+fd.Name(), unix.Mkdev(loopMajor, uint32(d.st.Loop))) {
			n++
		}
	}
	return n > 1
}

// Close implements blockdev.FrontEnd. While somebody has the device open or mounted it
// returns a *BusyError.
func (d *Device) Close(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return nil
	}
	if d.lp != nil {
		h, err := d.holders()
		if err != nil {
			return err
		}
		if len(h) > 0 {
			return &blockdev.BusyError{Device: d.st.Node, Holders: h}
		}
		// From here on nobody finds the device by its name; the kernel has the last word.
		removeNode(d.st.Node, d.st.Loop)
		if err := d.lp.detachPatiently(); err != nil {
			if e := makeNode(d.st.Node, d.st.Loop); e != nil {
				d.opt.Log("%s: %v", d.opt.Name, e)
			}
			if errors.Is(err, unix.EBUSY) {
				h, _ := d.holders()
				return &blockdev.BusyError{Device: d.st.Node, Holders: h}
			}
			return err
		}
	}
	d.drop()
	d.closeLoop()
	if err := d.s.pause(ctx); err != nil {
		return err
	}
	return d.finish()
}

// Abort implements blockdev.FrontEnd: everything that waits in the kernel fails with EIO.
func (d *Device) Abort(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return nil
	}
	if !d.aborted {
		d.aborted = true
		d.drop()
		removeNode(d.st.Node, d.st.Loop)
		// The last copy of the descriptor: closing it ends the connection. Requests in the backend
		// go on, for their buffers are ours; their answers go nowhere.
		if err := d.s.close(); err != nil {
			d.opt.Log("%s: close /dev/fuse: %v", d.opt.Name, err)
		}
		if d.lp != nil {
			if err := d.lp.clear(); err != nil {
				d.opt.Log("%s: %v", d.opt.Name, err)
			}
		}
		d.closeLoop()
	}
	if err := d.s.gate.Drain(ctx); err != nil {
		return err
	}
	return d.finish()
}

// Handover ends this process's part: requests that were taken are completed, the others stay in the
// kernel, and the device stays with the keeper for a successor. Applications see a pause.
func (d *Device) Handover(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone || !d.kept {
		return fmt.Errorf("%s: there is nothing that a successor could go on with", d.opt.Name)
	}
	if err := d.s.pause(ctx); err != nil {
		return err
	}
	d.gone = true
	d.s.close()
	d.closeLoop()
	d.pool.Close()
	return d.opt.Keeper.Release(d.opt.Name)
}

func (d *Device) closeLoop() {
	if d.lp != nil {
		d.lp.f.Close()
		d.lp = nil
	}
}

// drop takes the copies back from the keeper: after that our end is the device's end.
func (d *Device) drop() {
	if !d.kept {
		return
	}
	d.kept = false
	if err := d.opt.Keeper.Drop(d.opt.Name); err != nil {
		d.opt.Log("%s: take the descriptors back from the keeper: %v", d.opt.Name, err)
	}
}

// finish frees what is left when nothing is in flight any more.
func (d *Device) finish() error {
	d.gone = true
	err := unmount(d.st.File)
	d.s.close()
	d.pool.Close()
	return err
}

// Clean removes what a predecessor that was killed without a keeper left at these places: a dead
// mount, the loop device on it, the node. Applications that still hold the loop device keep
// it until they end. A mount whose server lives is left alone, with an error.
func Clean(file, node string) error {
	there := mounted(file)
	if there && alive(file) {
		return fmt.Errorf("%s is served by another process", file)
	}
	loops, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return err
	}
	for _, l := range loops {
		name, err := os.ReadFile(l)
		if err != nil || !backing(string(name), file) {
			continue
		}
		var n int
		if _, err := fmt.Sscanf(l, "/sys/block/loop%d/", &n); err != nil {
			continue
		}
		removeNode(node, n)
		if l, err := openLoop(n); err == nil {
			l.clear()
			l.f.Close()
		}
	}
	if there {
		return unmount(file)
	}
	return nil
}

// alive says whether somebody serves the mount. A server that is stuck counts: its
// requests hang, and so would ours. Only statfs is never answered from memory.
func alive(file string) bool {
	answer := make(chan error, 1)
	go func() {
		var st unix.Statfs_t
		answer <- unix.Statfs(file, &st)
	}()
	select {
	case err := <-answer:
		return err == nil
	case <-time.After(time.Second):
		return true
	}
}

// backing compares the name of a loop device's file; the kernel marks removed ones.
func backing(name, file string) bool {
	name = strings.TrimSuffix(strings.TrimSpace(name), " (deleted)")
	abs, err := filepath.Abs(file)
	return err == nil && name == abs
}

// mounted says whether something of ours is mounted on the file, without touching the mount.
func mounted(file string) bool {
	abs, err := filepath.Abs(file)
	if err != nil {
		return false
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) > 4 && unescape(f[4]) == abs && strings.Contains(line, " fuse.drbdd ") {
			return true
		}
	}
	return false
}
