package drbdadm

import (
	"bytes"
	"slices"
)

// State errors of drbdsetup that are the answer, and not a sign that the device
// is not configured (drbd-cli 3.1).
const (
	ofNoUse    = 5 // lower than Outdated
	refused    = 11
	noGoodData = 17
)

// fallback is a command for the device, or if that is not configured, for its
// metadata on disk (drbd-cli 2.2).
func fallback(name string) func(*tool, target) (int, error) {
	return func(t *tool, x target) (int, error) { return t.deviceOrDisk(x, name, refused, noGoodData) }
}

func (t *tool) deviceOrDisk(x target, name string, final ...int) (int, error) {
	argv := t.setupCall(name, minorOf(x.vol))
	t.printCall(argv)
	if t.dry {
		return t.onDisk(x, name, t.opts...)
	}
	var said bytes.Buffer
	e := t.run(argv, short, t.in, t.out, &said)
	if !e.late && e.Signal == 0 {
		if e.Code == 0 {
			return 0, nil
		}
		if slices.Contains(final, e.Code) {
			t.err.Write(said.Bytes())
			return e.Code, nil
		}
	}
	return t.onDisk(x, name, t.opts...)
}

// outdate says nothing when it was refused: a fence-peer script asks for the exit
// code. What drbdsetup said of a disk that is of no use stands if the metadata cannot be
// asked: that disk is attached, or lost.
func (t *tool) outdate(x target) (int, error) {
	argv := t.setupCall("outdate", minorOf(x.vol))
	t.printCall(argv)
	if t.dry {
		return t.onDisk(x, "outdate", t.opts...)
	}
	e := t.run(argv, short, t.in, t.out, nil)
	known := !e.late && e.Signal == 0
	if known && (e.Code == 0 || e.Code == noGoodData) {
		return e.Code, nil
	}
	code, err := t.onDisk(x, "outdate", t.opts...)
	if known && e.Code == ofNoUse && code != 0 && code != noGoodData {
		return ofNoUse, nil
	}
	return code, err
}

// worseOutdate is what two volumes together are: dopd tells of all of them that they are
// outdated or worse, or does not.
func worseOutdate(a, b int) int {
	rank := func(code int) int {
		switch code {
		case 0:
			return 0
		case ofNoUse:
			return 1
		case noGoodData:
			return 3
		}
		return 2 // nobody knows
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

func (t *tool) sizeArgs(x target) ([]string, error) {
	args, err := t.diskArgs(x.res, x.vol)
	return only(args, "size"), err
}

// resize also notes the new size of the backing device, for its next start; that
// this may fail does not count.
func (t *tool) resize(x target) (int, error) {
	size, err := t.sizeArgs(x)
	if err != nil {
		return 0, err
	}
	code, err := t.call(t.setupCall(append([]string{"resize", minorOf(x.vol)}, size...)...), short)
	if code != 0 || err != nil {
		return code, err
	}
	_, err = t.call(t.plainCall("check-resize", minorOf(x.vol)), short)
	return 0, err
}

// checkResize resizes a device that is configured; otherwise it moves the
// metadata, if the disk grew while it was not used.
func (t *tool) checkResize(x target) (int, error) {
	size, err := t.sizeArgs(x)
	if err != nil {
		return 0, err
	}
	resize := t.setupCall(append([]string{"resize", minorOf(x.vol)}, size...)...)
	note := t.plainCall("check-resize", minorOf(x.vol))
	if t.dry {
		t.printCall(resize)
		t.printCall(note)
		return 0, nil
	}
	t.printCall(resize)
	if e := t.run(resize, short, t.in, t.out, nil); e.late || e.Signal != 0 || e.Code != 0 {
		return t.onDisk(x, "check-resize")
	}
	t.printCall(note)
	t.run(note, short, t.in, t.out, nil)
	return 0, nil
}
