package simworld

import (
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// params is what a seed draws: the configuration of the resource, the machines,
// and how bad the world is.
type params struct {
	volumes, extents int
	usedExtents      float64
	internal         bool // metadata behind the data
	equal            bool // both disks begin with the same content
	skipSync         bool // the administrator skips the first sync
	lossy            bool // disks lose their cache
	version          [2]uint32
	features         [2]wire.Feature
	zeroes, discards [2]bool
	maxBio           [2]uint32

	net  replica.NetOptions
	disk replica.DiskOptions
	res  replica.ResourceOptions

	diskMin, diskMax time.Duration
	netMin, netMax   time.Duration
	perByte          time.Duration
	netRoom          int
	upSkew           time.Duration
	noticeMax        time.Duration
	commCut          bool // a cut of the network also cuts what fence-peer uses

	depth                  int
	think                  time.Duration
	burst                  float64
	reads, flushes, trims  int
	fua, small             float64
	overlap                bool
	chaos                  time.Duration
	pace                   time.Duration // between two faults
	power, kill, reset     int           // weights of faults
	netcut, pause, ioerr   int
	slow, both, split      int
	admin                  int // weight of commands of the administrator
	detach, verify, resize int
}

// policies tells whether a split brain may be resolved by itself.
func (p *params) policies() bool {
	return p.net.AfterSB0P != 0 || p.net.AfterSB1P != 0 || p.net.AfterSB2P != 0
}

// draw draws the world of this seed.
func (w *world) draw() {
	p := &w.p
	pick := func(xs ...int) int { return xs[w.Intn(len(xs))] }
	p.volumes = pick(1, 1, 1, 1, 1, 2)
	p.extents = pick(2, 3, 4, 6, 8, 10, 10)
	if w.Chance(0.03) {
		p.extents = 40 // more than one block of bitmap
	}
	p.usedExtents = []float64{0.5, 0.9, 1}[w.Intn(3)]
	p.internal = w.Chance(0.4)
	p.equal = w.Chance(0.5)
	p.skipSync = p.equal && w.Chance(0.8)
	p.lossy = w.Chance(0.9)

	for i := range 2 {
		p.version[i], p.features[i] = 101, wire.AllFeatures
		p.zeroes[i], p.discards[i] = w.Chance(0.5), w.Chance(0.8)
		p.maxBio[i] = uint32(pick(1<<20, 1<<20, 128<<10, 32<<10))
	}
	if w.Chance(0.35) {
		p.version[w.Intn(2)] = uint32(86 + w.Intn(16))
	}
	if w.Chance(0.35) {
		p.features[w.Intn(2)] = wire.Feature(w.Intn(16))
	}
	if p.volumes > 1 {
		p.version = [2]uint32{max(100, p.version[0]), max(100, p.version[1])}
	}
	w.drawOptions()

	p.diskMin, p.diskMax = 20*time.Microsecond, time.Duration(pick(100, 1000, 5000, 20000))*time.Microsecond
	p.netMin, p.netMax = 10*time.Microsecond, time.Duration(pick(50, 300, 2000, 20000))*time.Microsecond
	p.perByte = time.Duration(pick(0, 1, 10)) * time.Nanosecond
	p.netRoom = pick(8<<10, 64<<10, 256<<10, 1<<20)
	p.upSkew = time.Duration(pick(0, 1, 50, 500)) * time.Millisecond
	p.noticeMax = time.Duration(pick(1, 100, 3000)) * time.Millisecond
	p.commCut = w.Chance(0.5)

	p.depth = pick(1, 2, 4, 8, 16)
	p.think = time.Duration(pick(50, 200, 500, 1500)) * time.Millisecond
	p.burst = []float64{0, 0.3, 0.7}[w.Intn(3)]
	p.reads = pick(10, 40, 70)
	p.flushes = pick(0, 3, 10)
	p.trims = pick(0, 0, 5, 15)
	p.fua = []float64{0, 0.1, 0.5}[w.Intn(3)]
	p.small = []float64{0, 0.1, 0.6}[w.Intn(3)]
	p.overlap = w.Chance(0.15)

	p.chaos = time.Duration(pick(20, 40, 60)) * time.Second
	p.pace = time.Duration(pick(1, 3, 8, 15)) * time.Second
	weight := func(chance float64, xs ...int) int {
		if w.Chance(chance) {
			return pick(xs...)
		}
		return 0
	}
	p.power, p.kill = weight(0.7, 1, 3, 10), weight(0.6, 1, 3, 10)
	p.reset, p.netcut = weight(0.7, 1, 3, 10), weight(0.6, 1, 3, 10)
	p.pause, p.slow = weight(0.3, 1, 3), weight(0.3, 1, 3)
	p.ioerr = weight(0.25, 1, 3)
	p.both = weight(0.3, 1, 2)
	p.split = weight(0.15, 1, 4)
	p.admin = weight(0.6, 1, 4, 10)
	p.detach, p.verify = weight(0.5, 1, 2), weight(0.7, 1, 2)
	if !p.lossy && w.Chance(0.5) {
		p.disk.Flushes = false
		p.disk.MDFlushes = w.Chance(0.5)
	}
}

// drawOptions draws what an administrator would configure.
func (w *world) drawOptions() {
	p := &w.p
	pick := func(xs ...int) int { return xs[w.Intn(len(xs))] }
	o := replica.DefaultNetOptions()
	o.Protocol = "CCCCCAABB"[w.Intn(9)]
	o.Timeout = time.Duration(pick(10, 30, 60)) * 100 * time.Millisecond
	o.PingInt = time.Duration(pick(1, 3, 10)) * time.Second
	o.PingTimeout = time.Duration(pick(1, 5, 10)) * 100 * time.Millisecond
	o.ConnectInt = time.Duration(pick(1, 3, 10)) * time.Second
	o.KoCount = uint32(pick(0, 2, 7, 7))
	o.MaxEpochSize = uint32(pick(1, 2, 20, 2048))
	o.MaxBuffers = uint32(pick(32, 128, 2048, 8000))
	o.UseRLE = w.Chance(0.7)
	algs := []string{"", "", "", "crc32c", "md5", "sha1"}
	o.VerifyAlg = algs[2+w.Intn(4)]
	o.CsumsAlg = algs[w.Intn(6)]
	o.CsumsCrash = w.Chance(0.3)
	if w.Chance(0.2) {
		o.IntegrityAlg = algs[3+w.Intn(3)]
	}
	// What old versions cannot say.
	oldest := min(p.version[0], p.version[1])
	if oldest < 88 {
		o.VerifyAlg = ""
	}
	if oldest < 89 {
		o.CsumsAlg = ""
	}
	if oldest < 87 {
		o.IntegrityAlg = ""
	}
	if w.Chance(0.3) {
		o.AfterSB0P = wire.Policy(pick(1, 2, 3, 4, 5, 6))
		o.AfterSB1P = wire.Policy(pick(0, 7, 8, 9, 10))
		o.AfterSB2P = wire.Policy(pick(0, 9, 10))
		if o.AfterSB0P == 5 || o.AfterSB0P == 6 {
			o.AfterSB0P = 3 // these would have to differ on the two nodes
		}
		o.AlwaysASBP = w.Chance(0.3)
	}
	o.RRConflict = replica.RRConflict(pick(0, 0, 0, 1, 2))
	if o.Protocol == 'A' && oldest >= 96 && w.Chance(0.5) {
		o.OnCongestion = replica.OnCongestion(pick(1, 1, 2))
		o.CongFill = uint64(pick(0, 16, 100, 2000))
		o.CongExtents = uint32(pick(2, 5, 1237))
	}
	p.net = o

	d := replica.DefaultDiskOptions()
	d.ALExtents = uint32(pick(2, 3, 5, 7, 61, 1237))
	d.ALUpdates = w.Chance(0.96)
	d.OnIOError = replica.OnIOError(pick(0, 0, 1, 2, 3))
	d.Fencing = replica.Fencing(pick(0, 0, 0, 1, 2))
	if d.Fencing == replica.ResourceAndStonith && o.Protocol == 'A' {
		d.Fencing = replica.ResourceOnly // the other is refused
	}
	d.ResyncRate = uint32(pick(4000, 20000, 100000))
	d.PlanAhead = uint32(pick(0, 0, 5, 20))
	d.FillTarget = uint32(pick(0, 100, 1000))
	d.MaxRate = uint32(pick(20000, 102400))
	d.MinRate = uint32(pick(0, 250, 20000))
	if w.Chance(0.15) {
		d.DiskTimeout = time.Duration(pick(2, 10)) * time.Second
	}
	if w.Chance(0.4) {
		d.Balancing = replica.ReadBalancing(w.Intn(10))
	}
	if w.Chance(0.3) {
		d.RSDiscard = uint32(pick(4096, 65536, 1<<20))
	}
	d.DiscardZeroesIfAligned = w.Chance(0.7)
	p.disk = d
	p.res.SuspendOnNoData = w.Chance(0.3)
}
