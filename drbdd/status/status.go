package status

import (
	"fmt"
	"io"
	"strconv"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// Options of `drbdsetup status`. Width is that of the terminal; 0 is 80.
type Options struct {
	Verbose, Statistics, Color bool
	Width                      int
}

// Status is `drbdsetup status` of one resource (drbd-cli 3.3), with the blank
// line behind it.
func Status(w io.Writer, r control.Resource, o Options) {
	if o.Width <= 0 {
		o.Width = defaultWidth
	}
	p := statusPrinter{wrapper: wrapper{w: w, width: o.Width}, Options: o, colors: palette{o.Color}, r: r, single: len(r.View.Volumes) == 1}
	p.resource()
	for _, v := range r.View.Volumes {
		p.device(v)
	}
	if hasNet(r) {
		p.connection()
	}
	p.newline()
}

type statusPrinter struct {
	wrapper
	Options
	colors palette
	r      control.Resource
	single bool // one volume: its number is shown only if it is not 0
}

func (p *statusPrinter) resource() {
	v := p.r.View
	p.word(0, v.Name, "", "", "")
	p.colored(4, "role", v.Role.String(), p.colors.role(v.Role, true))
	if p.Verbose || isSuspended(v) {
		p.field(4, "suspended", suspended(v))
	}
	if p.Verbose && p.Statistics {
		p.newline()
		p.field(4, "write-ordering", ordering(v))
	}
	p.newline()
}

// number writes "volume:N" where it is shown, and tells the indentation of
// lines that go on.
func (p *statusPrinter) number(indent, more int, vol int) int {
	if !p.Verbose && p.single && vol == 0 {
		return indent
	}
	p.word(indent, "volume:"+strconv.Itoa(vol), "", "", "")
	return more
}

func (p *statusPrinter) device(v replica.VolumeView) {
	indent := p.number(2, 6, v.Vol)
	if p.Verbose {
		p.field(indent, "minor", strconv.Itoa(v.Minor))
	}
	p.colored(indent, "disk", v.Disk.String(), p.colors.disk(v.Disk, true))
	if p.Statistics {
		p.newline()
		for _, f := range deviceCounters(v) {
			if p.Verbose || f.name == "read" || f.name == "written" {
				p.field(6, f.name, f.value)
			}
		}
		if p.Verbose {
			p.field(6, "al-suspended", yesNo(v.ALSuspended))
		}
	}
	if b := blocked(p.r, v); p.Verbose || b != "no" {
		p.field(6, "blocked", b)
	}
	p.newline()
}

func (p *statusPrinter) connection() {
	v := p.r.View
	up := connected(p.r)
	p.word(2, peerName, "", "", "")
	if p.Verbose || !up {
		p.colored(6, "connection", conn9(v.Conn), p.colors.conn(v.Conn))
	}
	if p.Verbose || up {
		p.colored(6, "role", v.Peer.String(), p.colors.role(v.Peer, false))
	}
	congested := v.Net != nil && v.Net.Congested
	if p.Verbose || congested {
		p.field(6, "congested", yesNo(congested))
	}
	p.newline()
	if p.Verbose || p.Statistics || up {
		for _, v := range v.Volumes {
			p.peerDevice(v)
		}
	}
}

func (p *statusPrinter) peerDevice(v replica.VolumeView) {
	indent := p.number(4, 8, v.Vol)
	off := v.Conn <= wire.WFReportParams
	if p.Verbose || !off {
		p.colored(indent, "replication", repl9(v.Conn), p.colors.repl(v.Conn))
		indent = 8
	}
	if p.Verbose || p.Statistics || !off || v.Pdsk != wire.DUnknown {
		p.colored(indent, "peer-disk", v.Pdsk.String(), p.colors.disk(v.Pdsk, false))
		if done, ok := percentDone(v); ok {
			p.field(8, "done", fmt.Sprintf("%.2f", done))
		}
		if s := resyncSuspended(v); p.Verbose || s != "no" {
			p.field(8, "resync-suspended", s)
		}
		if p.Statistics {
			p.newline()
			for _, f := range peerCounters(v) {
				if p.Verbose || f.name == "received" || f.name == "sent" || f.name == "out-of-sync" && v.OOS != 0 {
					p.field(8, f.name, f.value)
				}
			}
		}
	}
	p.newline()
}

// percentDone is how far a resync is, by the data that is equal; a verify, by
// the data that was looked at. The original takes the first for a verify too,
// which says nothing about its progress.
func percentDone(v replica.VolumeView) (percent float64, ok bool) {
	switch {
	case v.Conn < wire.SyncSource || v.Conn > wire.PausedSyncT:
		return 0, false
	case (v.Conn == wire.VerifyS || v.Conn == wire.VerifyT) && v.Progress != nil:
		return percentOf(v.Progress), true
	}
	return percentInSync(v), v.Size != 0
}

// percentInSync is the part of a volume that is equal on both disks.
func percentInSync(v replica.VolumeView) float64 {
	if v.Size == 0 {
		return 0
	}
	return 100 * (1 - float64(v.OOS*kibPerBit*2)/float64(v.Size))
}

// counter is one of the numbers that change all the time.
type counter struct{ name, value string }

func number[T int | uint64](name string, n T) counter { return counter{name, fmt.Sprint(n)} }

func deviceCounters(v replica.VolumeView) []counter {
	c := v.Counters
	return []counter{
		number("size", v.Size/2), number("read", c.ReadKiB), number("written", c.WrittenKiB), number("al-writes", c.ALWrites),
		number("bm-writes", c.BMWrites), number("upper-pending", c.Application), number("lower-pending", c.Local),
	}
}

func peerCounters(v replica.VolumeView) []counter {
	c := v.Counters
	return []counter{
		number("received", c.RecvKiB), number("sent", c.SentKiB), number("out-of-sync", v.OOS*kibPerBit),
		number("pending", c.Pending), number("unacked", c.Unacked),
	}
}
