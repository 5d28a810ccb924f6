package replica

// Run is a row of 4 KiB blocks.
type Run struct{ First, N uint64 }

// OutOfSync appends to runs what of the volume is marked as out of sync from a block
// on, in ascending order, until runs has no more capacity.
func (r *Resource) OutOfSync(vol int, from uint64, runs []Run) []Run {
	v := r.volume(vol)
	if v == nil || v.dsk.gone() {
		return runs
	}
	bm := v.dsk.bm
	for len(runs) < cap(runs) {
		first := bm.NextSet(from)
		if first >= bm.Bits() {
			break
		}
		from = bm.NextClear(first)
		runs = append(runs, Run{first, from - first})
	}
	return runs
}
