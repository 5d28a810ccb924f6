package drbdmeta

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"classicha/drbdd/metadata"
)

// The commands that read or change fields of the super block. Without metadata
// most of them say nothing and return 1: drbdadm asks them in passing.

func (t *tool) getGI() int {
	if t.store == nil {
		return 1
	}
	fmt.Fprintln(t.out, t.store.Super.GI())
	return 0
}

func (t *tool) showGI() int {
	if t.store == nil {
		return 1
	}
	fmt.Fprint(t.out, t.store.Super.ShowGI())
	return 0
}

func (t *tool) dstate() int {
	if t.store == nil {
		return t.fail(1, "No valid meta data found")
	}
	fmt.Fprintln(t.out, t.store.Super.Flags.DState())
	return 0
}

// writeSuper writes the super block.
func (t *tool) writeSuper(sb metadata.Superblock) int {
	t.dev.where = inSuperWrite
	if err := t.store.WriteSuper(sb); err != nil {
		return t.fail(10, errText(err))
	}
	return 0
}

func (t *tool) setGI() int {
	if t.store == nil {
		return 1
	}
	sb := t.store.Super
	if err := sb.SetGI(t.arg); err != nil {
		return t.fail(10, err.Error())
	}
	fmt.Fprintf(t.out, "previously %s\nset GI to  %s\n", t.store.Super.GI(), sb.GI())
	if !t.confirm("Write new GI to disk?") {
		fmt.Fprintln(t.out, "Operation canceled.")
		return 0
	}
	return t.writeSuper(sb)
}

func (t *tool) outdate() int {
	if t.store == nil {
		return 1
	}
	sb := t.store.Super
	switch err := sb.Outdate(); {
	case errors.Is(err, metadata.ErrNewer):
		return t.fail(17, err.Error()) // as drbdsetup
	case err != nil:
		return t.fail(5, err.Error())
	}
	return t.writeSuper(sb)
}

func (t *tool) invalidate() int {
	if t.store == nil {
		return 1
	}
	sb := t.store.Super
	sb.Invalidate()
	return t.writeSuper(sb)
}

func (t *tool) readDevUUID() int {
	if t.store == nil {
		return 1
	}
	fmt.Fprintf(t.out, "%016X\n", t.store.Super.DeviceUUID)
	return 0
}

func (t *tool) writeDevUUID() int {
	if t.store == nil {
		return 1
	}
	text := strings.TrimPrefix(strings.TrimPrefix(strings.TrimLeft(t.arg, " "), "0x"), "0X")
	id, err := strconv.ParseUint(text, 16, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return t.fail(10, fmt.Sprintf("'%s': Numerical result out of range", t.arg))
	case err != nil:
		return t.fail(10, fmt.Sprintf("'%s' is not a number.", t.arg))
	}
	sb := t.store.Super
	sb.DeviceUUID = id
	if code := t.writeSuper(sb); code != 0 {
		return code
	}
	t.saveLastKnown()
	return 0
}
