package replica

import (
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica/size"
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// sendSizes tells what the device could be. flags are those of wire.Sizes.
func (v *volume) sendSizes(flags uint16) {
	v.sendSizesAs(flags, v.size)
}

func (v *volume) sendSizesAs(flags uint16, csize uint64) {
	if !v.r.peer.up {
		return
	}
	s := wire.Sizes{CSize: csize, MaxBioSize: 1 << 20, Flags: flags}
	if b := v.dsk; b != nil && v.st.Disk >= wire.Negotiating {
		s.DSize, s.USize, s.MaxBioSize = b.usable, b.opts.Size, b.maxBio
		s.Limits = b.limits
	}
	v.send(wire.CmdSizes, s.For(v.r.peer.dialect))
}

// maxIO is the largest read or write that the device takes now, in bytes.
func (v *volume) maxIO() uint32 {
	n := uint32(1 << 20)
	if b := v.dsk; b != nil {
		n = min(n, b.maxBio)
		if p := b.super.LaPeerMaxBioSize; p >= 4096 {
			n = min(n, p)
		}
	}
	if v.r.peer.up {
		n = min(n, uint32(v.r.peer.dialect.MaxData()))
	}
	return n
}

// gotSizes takes the peer's sizes (section 8).
func (v *volume) gotSizes(s wire.Sizes) {
	r := v.r
	v.p.size, v.p.csize, v.p.maxBio = s.DSize, s.CSize, s.MaxBioSize
	b := v.dsk
	if b.gone() || v.st.Disk < wire.Negotiating {
		v.gotSizesDiskless(s)
		return
	}
	for _, w := range []string{size.Considerable(size.LowerLevel, b.usable, s.DSize), size.Considerable(size.UserRequested, b.opts.Size, s.USize)} {
		if w != "" {
			v.logf(Warn, "%s", w)
		}
	}
	limit := size.User(b.opts.Size, s.USize, v.st.Conn)
	sectors, complaint := size.Agreed(size.Limits{Own: b.usable, Peer: s.DSize, Last: b.super.LaSizeSect, User: limit})
	if t := size.TooSmall(sectors, v.size, v.st.Conn, v.st.Disk, v.st.PDisk); t != "" {
		v.logf(Error, "%s", t)
		r.disconnected()
		return
	}
	if l := b.grown; l != nil && sectors > v.size {
		// The metadata makes room first; then this packet is looked at again.
		b.grown = nil
		n, unblock := r.peer.number, r.block()
		v.moveMeta(b, *l, func() {
			if r.alive(n) && !b.gone() {
				v.gotSizes(s)
			}
			unblock()
		})
		return
	}
	if limit != b.opts.Size {
		v.logf(Info, "Peer sets u_size to %d sectors (old: %d)", limit, b.opts.Size)
		b.opts.Size = limit
	}
	if complaint != "" {
		v.logf(Error, "%s", complaint)
	}
	grown := sectors > v.size && v.size != 0
	v.setSize(sectors, s.Flags&wire.DDSNoResync == 0)
	if n := min(s.MaxBioSize, 1<<20); b.super.LaPeerMaxBioSize != n {
		b.super.LaPeerMaxBioSize = n
		v.superSoon()
	}
	if v.st.Conn > wire.WFReportParams {
		if s.CSize != v.size || v.sentSize != b.usable {
			v.sentSize = b.usable
			v.sendSizes(0)
		}
		if (grown || v.resizePending) && v.st.Conn == wire.Connected && v.st.Disk >= wire.Inconsistent && v.st.PDisk >= wire.Inconsistent {
			v.resizePending = false
			if s.Flags&wire.DDSNoResync != 0 {
				v.logf(Info, "Resync of new storage suppressed with --assume-clean")
			} else {
				v.resyncAfterGrow()
			}
		}
	}
	v.sentSize = b.usable
}

// gotSizesDiskless takes the peer's size for a node without a disk.
func (v *volume) gotSizesDiskless(s wire.Sizes) {
	sectors, warning, refusal := size.Diskless(s, v.size, v.st.Role == wire.Primary)
	switch {
	case refusal != "":
		v.logf(Error, "%s", refusal)
		v.r.disconnected()
	case warning != "":
		v.logf(Warn, "%s", warning)
	case sectors != 0:
		v.setSize(sectors, false)
	}
}

// capacity notes how large a disk is now. The metadata of a disk that has grown is
// still where it was: what the device may have is known by now, and taken when
// both nodes agree.
func (r *Resource) capacity(e Capacity) {
	v := r.volume(e.Vol)
	if v == nil || v.dsk.gone() || e.Usable <= v.dsk.usable {
		return
	}
	b := v.dsk
	v.logf(Info, "the disk has grown: %d -> %d sectors", b.usable, e.Usable)
	b.size, b.usable = e.Backing, e.Usable
	if b.layout != e.Layout {
		b.grown = &e.Layout
	}
}

// setSize changes the size of the device, and the bitmap with it; set marks new
// storage as out of sync.
func (v *volume) setSize(sectors uint64, set bool) {
	b := v.dsk
	if !b.gone() {
		if bits := metadata.Bits(sectors); bits != b.bm.Bits() {
			if err := b.bm.Resize(bits, set && b.super.LaSizeSect != 0); err != nil {
				v.logf(Error, "%v", err)
				v.fail(b)
				return
			}
			v.logf(Info, "resync bitmap: bits=%d words=%d pages=%d", bits, (bits+63)/64, (bits+32767)/32768)
			b.syncBitmap(nil)
		}
		if b.super.LaSizeSect != sectors {
			b.super.LaSizeSect = sectors
			b.syncSuper(nil)
		}
	}
	if v.size == sectors {
		return
	}
	v.size = sectors
	v.logf(Info, "size = %s (%d KB)", metadata.HumanKiB(sectors/2), sectors/2)
	v.r.changes++
	v.r.do(Resized{Vol: v.nr, Sectors: sectors})
}

// resyncAfterGrow starts the resync of the storage that both disks gained. The
// Primary is the source, else the node that breaks ties.
func (v *volume) resyncAfterGrow() {
	source := v.r.peer.resolve
	if v.st.Role != v.st.Peer {
		source = v.st.Role == wire.Primary
	}
	if source {
		v.startSource()
		return
	}
	v.apply(state.SetConn(wire.WFSyncUUID), true)
}
