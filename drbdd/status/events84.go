package status

import (
	"fmt"
	"slices"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// Events84 are the lines of `drbdsetup events` (drbd-cli 3.3) for what changed
// between two states, without newlines; with prev nil, those that begin: one of
// every volume. seq is the number in front, counted on by every event; the
// lines of one event share theirs.
func Events84(prev, now []control.Resource, seq *int) []string {
	var out []string
	for _, r := range now {
		old := find(prev, r.View.Name)
		if len(r.View.Volumes) == 0 && old == nil {
			out = append(out, fmt.Sprintf("%d R - %s", *seq, r.View.Name))
		}
		for _, v := range r.View.Volumes {
			before, ok := replica.VolumeView{}, false
			if old != nil {
				before, _, ok = volume(*old, v.Vol)
			}
			switch was, is := state84(orEmpty(old), before), state84(r, v); {
			case !ok && prev == nil:
				out = append(out, event84(*seq, "ST", r, v, is))
			case !ok:
				*seq++
				out = append(out, event84(*seq, "ST", r, v, is))
			case was != is:
				*seq++
				out = append(out, event84(*seq, "ST-prev", r, v, was), event84(*seq, "ST-new", r, v, is), event84(*seq, "ST", r, v, is))
			case resynced(v) != "" && resynced(v) != resynced(before):
				*seq++
				out = append(out, event84(*seq, "SP", r, v, resynced(v)))
			}
		}
	}
	return out
}

// Events84Helper is the line about a handler that begins or ended.
func Events84Helper(h control.Helper, rs []control.Resource, seq *int) string {
	*seq++
	minor, vol := 0, max(h.Volume, 0)
	if r := find(rs, h.Resource); r != nil {
		if v, _, ok := volume(*r, vol); ok {
			minor = v.Minor
		}
	}
	if !h.Done {
		return fmt.Sprintf("%d UH %d,%s[%d] %s", *seq, minor, h.Resource, vol, h.Name)
	}
	return fmt.Sprintf("%d UH-post %d,%s[%d] %s 0x%04x", *seq, minor, h.Resource, vol, h.Name, waitStatus(h.Code))
}

func event84(seq int, tag string, r control.Resource, v replica.VolumeView, what string) string {
	return fmt.Sprintf("%d %s %d,%s[%d] %s", seq, tag, v.Minor, r.View.Name, v.Vol, what)
}

func state84(r control.Resource, v replica.VolumeView) string {
	flags := []byte("r---")
	for i, f := range []struct {
		on bool
		c  byte
	}{{r.View.Susp, 's'}, {v.AftrISP, 'a'}, {v.PeerISP, 'p'}, {v.UserISP, 'u'}} {
		if f.on {
			flags[i] = f.c
		}
	}
	return fmt.Sprintf("{ cs:%s ro:%s/%s ds:%s/%s %s }", v.Conn, v.Role, v.Peer, v.Disk, v.Pdsk, flags)
}

// waitStatus is an exit code as the kernel has it.
func waitStatus(code int) int { return code << 8 }

func find(rs []control.Resource, name string) *control.Resource {
	if i := slices.IndexFunc(rs, func(r control.Resource) bool { return r.View.Name == name }); i >= 0 {
		return &rs[i]
	}
	return nil
}

func orEmpty(r *control.Resource) control.Resource {
	if r == nil {
		return control.Resource{View: replica.View{Conn: wire.StandAlone}}
	}
	return *r
}
