package status

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// Style is the era whose /proc/drbd is printed.
type Style uint8

// Styles. Scripts of an era know the words of that era only.
const (
	Style84 Style = iota
	Style83
	Style80
	Style07
)

var headers = [...]string{
	Style84: "version: 8.4.11 (api:1/proto:86-101)",
	Style83: "version: 8.3.16 (api:88/proto:86-97)",
	Style80: "version: 8.0.16 (api:86/proto:86)",
	Style07: "version: 0.7.7 (api:77/proto:74)",
}

// Build is the second line of what we print.
const Build = "classicha drbdd"

// Proc is the text of /proc/drbd (drbd-cli 5). build is the second line, which
// tells how the driver was built; scripts skip it. The two lines about caches
// that 8.0 prints behind each device are left out: there are no such numbers.
func Proc(w io.Writer, rs []control.Resource, s Style, build string) {
	fmt.Fprintf(w, "%s\n%s\n", headers[s], build)
	devices := minors(rs)
	if s == Style07 {
		proc07(w, devices)
		return
	}
	last := -1
	for _, d := range devices {
		if d.v.Minor != last+1 {
			fmt.Fprintln(w)
		}
		last = d.v.Minor
		d.print(w, s)
	}
}

// device is a volume with its resource.
type device struct {
	r control.Resource
	v replica.VolumeView
}

// minors are the volumes of all resources by minor.
func minors(rs []control.Resource) []device {
	var all []device
	for _, r := range rs {
		for _, v := range r.View.Volumes {
			all = append(all, device{r, v})
		}
	}
	slices.SortStableFunc(all, func(a, b device) int { return cmp.Compare(a.v.Minor, b.v.Minor) })
	return all
}

func (d device) print(w io.Writer, s Style) {
	v := d.v
	if unconfigured(v) && (s == Style80 || v.Role != wire.Primary) {
		fmt.Fprintf(w, "%2d: cs:Unconfigured\n", v.Minor)
		return
	}
	roles, letter := "ro", protocol(d.r)
	if s == Style80 {
		roles = "st"
	}
	if letter == 0 {
		letter = ' '
	}
	fmt.Fprintf(w, "%2d: cs:%s %s:%s/%s ds:%s/%s %c %s\n", v.Minor, v.Conn, roles, v.Role, v.Peer, v.Disk, v.Pdsk, letter, d.flags(s))
	c := v.Counters
	fmt.Fprintf(w, "    ns:%d nr:%d dw:%d dr:%d al:%d bm:%d lo:%d pe:%d ua:%d ap:%d",
		c.SentKiB, c.RecvKiB, c.WrittenKiB, c.ReadKiB, c.ALWrites, c.BMWrites, c.Local, c.Pending, c.Unacked, c.Application)
	if s != Style80 {
		fmt.Fprintf(w, " ep:%d wo:%c oos:%d", c.Epochs, cmp.Or(v.WriteOrdering, 'f'), v.OOS*kibPerBit)
	}
	fmt.Fprintln(w)
	syncs := v.Conn == wire.SyncSource || v.Conn == wire.SyncTarget
	switch {
	case v.Progress == nil:
	case s == Style80 && syncs:
		progress07(w, v.Progress)
	case s != Style80 && (syncs || v.Conn == wire.VerifyS || v.Conn == wire.VerifyT):
		progress83(w, v.Progress, v.Conn == wire.SyncTarget || v.Conn == wire.VerifyS)
	}
}

// flags: I/O suspended, resync paused by a dependency, by the peer, by the user;
// since 8.3 why the device is congested, and whether the activity log stands
// still.
func (d device) flags(s Style) string {
	v := d.v
	flag := func(on bool, c, otherwise byte) byte {
		if on {
			return c
		}
		return otherwise
	}
	f := []byte{flag(isSuspended(d.r.View), 's', 'r'), flag(v.AftrISP, 'a', '-'), flag(v.PeerISP, 'p', '-'), flag(v.UserISP, 'u', '-')}
	if s == Style80 {
		return string(f)
	}
	why := byte('-')
	switch {
	case v.ALCongested:
		why = 'a'
	case v.DiskCongested && v.NetCongested:
		why = 'b'
	case v.DiskCongested:
		why = 'd'
	case v.NetCongested:
		why = 'n'
	}
	return string(append(f, why, flag(v.ALSuspended, 's', '-')))
}
