package rate

// busySectors is how much foreign I/O between two looks counts as use of a disk.
const busySectors = 64

// Brake holds a resync back while an application uses the disk (c-min-rate, each
// node for itself). The zero value is ready.
type Brake struct{ last uint64 }

// Reset begins a resync; foreign is as for Pause.
func (b *Brake) Reset(foreign uint64) { b.last = foreign }

// Pause tells whether to wait for 100 ms. minKiBs is c-min-rate, 0 for never;
// foreign counts all sectors that the disk read and wrote for other reasons than
// resyncs; waiting tells that writes wait for the activity log; speedKiBs is how
// fast the resync was lately.
func (b *Brake) Pause(minKiBs uint32, foreign uint64, waiting bool, speedKiBs uint64) bool {
	if minKiBs == 0 || !waiting && foreign-b.last <= busySectors {
		return false
	}
	b.last = foreign
	return speedKiBs > uint64(minKiBs)
}
