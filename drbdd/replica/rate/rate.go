package rate

// MaxSteps is the largest c-plan-ahead, 30 s. A peer may send any number.
const MaxSteps = 300

// Units. A block is 4 KiB, what one bit of the bitmap stands for.
const (
	blockSectors = 8
	blockKiB     = 4
	turnsPerSec  = 10
	sectorsPerK  = 2
	// maxSectors bounds what is counted, so that nothing overflows.
	maxSectors = 1 << 40
)

// Params are the options that steer a resync.
type Params struct {
	ResyncRate  uint32 // KiB/s
	PlanAhead   uint32 // c-plan-ahead, 0.1 s; 0 = fixed rate
	DelayTarget uint32 // c-delay-target, 0.1 s
	FillTarget  uint32 // c-fill-target, sectors; 0 = use DelayTarget
	MaxRate     uint32 // c-max-rate, KiB/s
	MaxBuffers  uint32 // max-buffers, pages of 4 KiB
}

// Controller decides about one resync. Make it with New.
type Controller struct {
	p        Params
	plan     []int64 // corrections of the coming turns in sectors, a ring
	oldest   int     // the slot of this turn
	total    int64   // sum of plan
	inFlight int64   // sectors that were requested and did not arrive
	allowed  int64   // blocks that the rate of this turn still lets through
}

// New is a controller at the start of a resync.
func New(p Params) *Controller {
	c := &Controller{}
	c.Set(p)
	return c
}

// Set changes the options. What was planned is forgotten if PlanAhead changes.
func (c *Controller) Set(p Params) {
	p.PlanAhead = min(p.PlanAhead, MaxSteps)
	if c.p = p; len(c.plan) != int(p.PlanAhead) {
		c.plan, c.oldest, c.total = make([]int64, p.PlanAhead), 0, 0
	}
}

// Reset forgets plan and data under way: a resync begins, also after a pause.
func (c *Controller) Reset() {
	clear(c.plan)
	c.total, c.inFlight = 0, 0
}

// InFlight is the number of sectors that were requested and did not arrive.
func (c *Controller) InFlight() int64 { return c.inFlight }

// Turn is to be called every 100 ms, with the number of sectors that arrived, or
// were cancelled, since the last turn. n is the number of blocks to request now,
// as long as the send queue is less than half full; wantKiBs is the rate that the
// progress line shows.
func (c *Controller) Turn(sectorsIn uint64) (n int, wantKiBs uint64) {
	in := int64(min(sectorsIn, maxSectors))
	c.inFlight -= in
	var blocks int64
	if len(c.plan) == 0 {
		wantKiBs = uint64(c.p.ResyncRate)
		blocks = int64(c.p.ResyncRate) / (blockKiB * turnsPerSec)
	} else {
		blocks = c.request(in) / blockSectors
		wantKiBs = uint64(blocks) * blockKiB * turnsPerSec
	}
	c.allowed = max(0, blocks)
	// More under way would make the peer wait for pages.
	room := int64(c.p.MaxBuffers/2) - c.inFlight/blockSectors
	return int(max(0, min(blocks, room))), wantKiBs
}

// request is one turn of the dynamic controller: the sectors to request.
func (c *Controller) request(in int64) int64 {
	steps := int64(len(c.plan))
	var want int64
	switch {
	case c.inFlight+in == 0: // the start
		want = int64(c.p.ResyncRate) * sectorsPerK / turnsPerSec * steps
	case c.p.FillTarget != 0:
		want = int64(c.p.FillTarget)
	default:
		want = in * int64(c.p.DelayTarget)
	}
	each := (want - c.inFlight - c.total) / steps
	for i := range c.plan {
		c.plan[i] += each
	}
	c.total += each * steps
	now := c.plan[c.oldest]
	c.plan[c.oldest] = 0
	c.oldest = (c.oldest + 1) % len(c.plan)
	c.total -= now
	return min(max(0, in+now), int64(c.p.MaxRate)*sectorsPerK/turnsPerSec)
}

// Allowed is how many more blocks the rate lets through until the next turn, once
// there is room for them.
func (c *Controller) Allowed() int { return int(c.allowed) }

// Sent tells how many blocks were requested.
func (c *Controller) Sent(blocks int) {
	c.allowed = max(0, c.allowed-int64(blocks))
	c.inFlight = min(c.inFlight+int64(blocks)*blockSectors, maxSectors)
}
