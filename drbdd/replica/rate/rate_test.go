package rate

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The defaults of DRBD 8.4.
var defaults = Params{ResyncRate: 250, PlanAhead: 20, DelayTarget: 10, FillTarget: 100, MaxRate: 102400, MaxBuffers: 2048}

// Worked by hand from section 13.1.
func TestDynamic(t *testing.T) {
	c := New(Params{ResyncRate: 1024, PlanAhead: 4, FillTarget: 800, MaxRate: 102400, MaxBuffers: 2048})
	for i, x := range []struct {
		in    uint64
		n     int
		want  uint64
		total int64
	}{
		// want 204*4 = 816, 204 for each of four turns; 204 sectors now: 25 blocks.
		{0, 25, 1000, 612},
		// 200 in flight, 80 arrive: 800-120-612 = 68, 17 each; 80+221 = 301: 37 blocks.
		{80, 37, 1480, 612 + 68 - 221},
		// 120+296-160 = 256: 800-256-459 = 85, 21 each; 160+204+17+21 = 402: 50.
		{160, 50, 2000, 459 + 84 - 242},
	} {
		n, want := c.Turn(x.in)
		if n != x.n || want != x.want || c.total != x.total {
			t.Errorf("turn %d: %d blocks, %d KiB/s, plan %d; want %d, %d, %d", i, n, want, c.total, x.n, x.want, x.total)
		}
		c.Sent(n)
	}
}

// Division truncates toward zero: a small surplus is not corrected at all.
func TestTruncation(t *testing.T) {
	c := New(Params{PlanAhead: 20, FillTarget: 100, MaxRate: 102400, MaxBuffers: 2048})
	c.Sent(15)
	if n, _ := c.Turn(1); n != 0 || c.total != 0 { // 100-119 = -19, -19/20 = 0
		t.Errorf("%d blocks, plan %d", n, c.total)
	}
	if n, _ := c.Turn(0); n != 0 || c.total != 0 {
		t.Errorf("%d blocks, plan %d", n, c.total)
	}
	c.Sent(1) // 100-127 = -27: -1 each, and the oldest is taken
	if _, _ = c.Turn(0); c.total != -19 {
		t.Errorf("plan %d", c.total)
	}
}

func TestFixed(t *testing.T) {
	c := New(Params{ResyncRate: 250, MaxBuffers: 16, MaxRate: 1})
	for _, w := range []int{6, 2, 0, 0} { // max-buffers/2 = 8 blocks under way
		n, want := c.Turn(0)
		if n != w || want != 250 {
			t.Errorf("%d blocks at %d KiB/s, want %d", n, want, w)
		}
		c.Sent(n)
	}
	if n, _ := c.Turn(3 * blockSectors); n != 3 || c.InFlight() != 5*blockSectors {
		t.Errorf("%d blocks, %d sectors under way", n, c.InFlight())
	}
	if n, _ := New(Params{ResyncRate: math.MaxUint32, MaxBuffers: math.MaxUint32}).Turn(math.MaxUint64); n != math.MaxUint32/40 {
		t.Errorf("%d blocks", n)
	}
}

func TestMaxRate(t *testing.T) {
	c := New(Params{ResyncRate: 1 << 30, PlanAhead: 20, MaxRate: 4000, MaxBuffers: 1 << 20})
	if n, want := c.Turn(0); n != 100 || want != 4000 {
		t.Errorf("%d blocks at %d KiB/s", n, want)
	}
}

// delayTarget: the amount under way follows what arrives.
func TestDelayTarget(t *testing.T) {
	c := New(Params{ResyncRate: 1000, PlanAhead: 1, DelayTarget: 3, MaxRate: 102400, MaxBuffers: 2048})
	c.Sent(20)
	if n, _ := c.Turn(80); n != (80+3*80-80)/8 {
		t.Errorf("%d blocks", n)
	}
}

func TestSetAndReset(t *testing.T) {
	c := New(defaults)
	c.Turn(0)
	c.Sent(5)
	plan := c.total
	p := defaults
	p.FillTarget = 200
	if c.Set(p); c.total != plan || plan == 0 || c.InFlight() != 40 {
		t.Errorf("other targets: plan %d, %d under way", c.total, c.InFlight())
	}
	p.PlanAhead = math.MaxUint32
	if c.Set(p); c.total != 0 || len(c.plan) != MaxSteps || c.InFlight() != 40 {
		t.Errorf("another ring: plan %d of %d", c.total, len(c.plan))
	}
	c.Turn(0)
	if c.Reset(); c.total != 0 || c.InFlight() != 0 {
		t.Error("something was left")
	}
	if n, _ := c.Turn(0); n != 6 {
		t.Errorf("a new start: %d blocks", n)
	}
}

// The same rules written down another way, with a list that is shifted, and
// random networks: equal at every turn, and the invariants hold.
func TestAgainstList(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		p := Params{ResyncRate: r.Uint32N(100000), PlanAhead: 1 + r.Uint32N(30), DelayTarget: r.Uint32N(20),
			FillTarget: r.Uint32N(2) * r.Uint32N(5000), MaxRate: r.Uint32N(200000), MaxBuffers: 32 + r.Uint32N(4000)}
		c := New(p)
		list := make([]int64, p.PlanAhead)
		var flight int64
		for turn := range 200 {
			in := int64(0)
			if flight > 0 {
				in = r.Int64N(flight + 1)
			}
			flight -= in
			sum := int64(0)
			for _, x := range list {
				sum += x
			}
			want := int64(p.FillTarget)
			if want == 0 {
				want = in * int64(p.DelayTarget)
			}
			if flight+in == 0 {
				want = int64(p.ResyncRate*2/10) * int64(p.PlanAhead)
			}
			cps := (want - flight - sum) / int64(p.PlanAhead)
			for i := range list {
				list[i] += cps
			}
			cur := list[0]
			list = append(list[1:], 0)
			req := min(max(in+cur, 0), int64(p.MaxRate*2/10))
			blocks := int(max(0, min(req/8, int64(p.MaxBuffers)/2-flight/8)))

			n, kib := c.Turn(uint64(in))
			if n != blocks || kib != uint64(req/8*40) {
				t.Fatalf("seed %d turn %d: %d blocks at %d, want %d at %d", seed, turn, n, kib, blocks, req/8*40)
			}
			planned := int64(0)
			for _, x := range c.plan {
				planned += x
			}
			if planned != c.total || c.InFlight() != flight || c.InFlight() >= 8*int64(p.MaxBuffers/2+1) {
				t.Fatalf("seed %d turn %d: plan %d of %d, under way %d of %d", seed, turn, planned, c.total, c.InFlight(), flight)
			}
			n = r.IntN(n + 1) // the send queue may be full
			c.Sent(n)
			flight += 8 * int64(n)
		}
	}
}

// On a link that carries so much and is so late, the amount under way comes to
// rest near c-fill-target.
func TestSettles(t *testing.T) {
	p := defaults
	p.FillTarget = 2000
	c := New(p)
	const perTurn, late = 800, 2 // sectors, turns
	var pipe [late]int64
	queue := int64(0)
	for turn := range 300 {
		arrived := pipe[turn%late]
		n, _ := c.Turn(uint64(arrived))
		if turn > 150 && (c.InFlight() < 1800 || c.InFlight() > 2200) {
			t.Fatalf("turn %d: %d sectors under way", turn, c.InFlight())
		}
		c.Sent(n)
		queue += 8 * int64(n)
		pipe[turn%late] = min(queue, perTurn)
		queue -= pipe[turn%late]
	}
}

func TestBrake(t *testing.T) {
	var b Brake
	b.Reset(1000)
	for i, c := range []struct {
		min     uint32
		foreign uint64
		waiting bool
		speed   uint64
		want    bool
	}{
		{250, 1064, false, 300, false}, // too little
		{250, 1065, false, 300, true},
		{250, 1065, false, 300, false}, // nothing since
		{250, 1065, true, 300, true},
		{250, 2000, false, 250, false}, // slow enough already
		{0, 9000, true, 1 << 40, false},
	} {
		if got := b.Pause(c.min, c.foreign, c.waiting, c.speed); got != c.want {
			t.Errorf("%d: %t", i, got)
		}
	}
}

// TestAllowed: what a turn could not request for want of room may follow before the next.
func TestAllowed(t *testing.T) {
	c := New(Params{ResyncRate: 1000, MaxBuffers: 16}) // 25 blocks a turn, 8 under way
	n, _ := c.Turn(0)
	c.Sent(n)
	if n != 8 || c.Allowed() != 17 {
		t.Errorf("%d blocks, %d may follow", n, c.Allowed())
	}
	c.Sent(20)
	if c.Allowed() != 0 {
		t.Errorf("%d blocks may follow", c.Allowed())
	}
	if c.Turn(28 * blockSectors); c.Allowed() != 25 {
		t.Errorf("%d blocks in a new turn", c.Allowed())
	}
}
