package world

import (
	"strings"
	"time"

	"classicha/drbdd/replica"
	"classicha/heartbeatd/cluster"
	"classicha/internal/sim"
)

// Draw is the configuration of a seed, with its faults: how bad it is, too.
func Draw(seed uint64) Config {
	r := sim.NewWorld(seed)
	pick := func(xs ...float64) float64 { return xs[r.Intn(len(xs))] }
	c := defaults()
	c.Seed = seed
	c.Protocol = "CCCCCCAB"[r.Intn(8)]
	c.Failback = []cluster.Failback{cluster.FailbackOff, cluster.FailbackOff, cluster.FailbackOn, cluster.FailbackLegacy}[r.Intn(4)]
	c.Groups = []int{1, 1, 1, 2}[r.Intn(4)]
	c.Serial, c.Shared, c.Signed = r.Chance(0.7), r.Chance(0.3), r.Chance(0.2)
	c.Stonith = r.Chance(0.6)
	c.StonithFail, c.StonithLate = pick(0, 0, 0.3, 0.6), pick(0, 0, 0.3)
	c.Fencing = []replica.Fencing{replica.DontCare, replica.ResourceOnly, replica.ResourceAndStonith, replica.ResourceAndStonith}[r.Intn(4)]
	if c.Protocol == 'A' && c.Fencing == replica.ResourceAndStonith {
		c.Fencing = replica.ResourceOnly // the other is refused
	}
	c.Keepalive = []time.Duration{500, 500, 1000}[r.Intn(3)] * time.Millisecond
	c.Deadtime = time.Duration(3+r.Intn(3))*c.Keepalive + c.Keepalive/2
	c.Initdead = max(2*c.Deadtime, 4*time.Second)
	c.WFC, c.DegrWFC = r.Between(time.Second, 10*time.Second), r.Between(time.Second, 6*time.Second)
	c.HandlerTime = r.Between(5*time.Second, 20*time.Second)
	c.Slow, c.Fail, c.Hang = pick(0, 0.1, 0.4), pick(0, 0, 0, 0.05), pick(0, 0, 0, 0, 0.02)
	c.Loss = pick(0, 0, 0, 0.02, 0.1)
	c.Think = time.Duration(pick(100, 200, 400)) * time.Millisecond
	c.Chaos = r.Between(15*time.Second, 40*time.Second)
	c.drawFaults(r)
	return c
}

// kinds are the faults that are drawn, with weights, and what follows a little later: bad days
// have more than one fault. The last word of that says on which machine.
var kinds = []struct {
	weight int
	do     string
	min    time.Duration
	max    time.Duration
	next   []string
}{
	{8, "power off", second / 2, 10 * second, nil},
	{2, "power off", second / 2, 8 * second, []string{"power off other"}},
	{2, "break", 3 * second, 15 * second, nil},
	{3, "pause", second / 20, 8 * second, nil},
	{4, "kill drbdd", second / 20, 4 * second, nil},
	{3, "kill heartbeatd", second / 20, 6 * second, nil},
	{2, "kill drbdd", second, 8 * second, []string{"kill heartbeatd same"}},
	{2, "kill heartbeatd", second, 8 * second, []string{"cut replication same"}},
	{2, "stop heartbeatd", second, 10 * second, nil},
	{2, "standby", 0, 0, nil},
	{1, "takeover", 0, 0, nil},
	{2, "cut eth", second / 5, 15 * second, nil},
	{1, "cut eth in", second / 5, 10 * second, nil},
	{1, "cut eth out", second / 5, 10 * second, nil},
	{1, "cut serial", second, 15 * second, nil},
	{3, "cut replication", second / 5, 15 * second, nil},
	{1, "cut replication in", second / 5, 10 * second, nil},
	{3, "cut replication", 5 * second, 15 * second, []string{"power off any"}},
	{1, "cut replication", 8 * second, 20 * second, []string{"stop heartbeatd same", "power off other"}},
	{2, "cut replication", 5 * second, 15 * second, []string{"break same", "break other"}},
	{1, "cut replication", 5 * second, 15 * second, []string{"standby any"}},
	{1, "cut replication", 5 * second, 15 * second, []string{"pause any"}},
	{2, "cut heartbeat", second / 5, 15 * second, nil},
	{3, "cut everything", second / 5, 15 * second, nil},
	{1, "reset replication", 0, 0, nil},
}

// drawFaults spreads faults over the time: none, few, or more.
func (c *Config) drawFaults(r *sim.World) {
	sum := 0
	for _, k := range kinds {
		sum += k.weight
	}
	for range r.Intn(5) {
		x := r.Intn(sum)
		at := r.Between(0, c.Chaos-5*second)
		for _, k := range kinds {
			if x -= k.weight; x >= 0 {
				continue
			}
			on := r.Intn(2)
			c.add(r, Fault{At: at, Do: k.do, For: r.Between(k.min, k.max)}, on)
			for _, next := range k.next {
				do, where, _ := cutLast(next)
				at += r.Between(0, 5*second)
				who := on
				switch where {
				case "other":
					who = 1 - on
				case "any":
					who = r.Intn(2)
				}
				c.add(r, Fault{At: at, Do: do, For: r.Between(second/5, 15*second)}, who)
			}
			break
		}
	}
}

// cutLast cuts the last word off.
func cutLast(s string) (before, last string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// add adds a fault on a machine; times are round, so that they can be copied into a script.
func (c *Config) add(r *sim.World, f Fault, on int) {
	f.On = []string{"serv-a", "serv-b"}[on]
	f.At, f.For = f.At.Round(time.Millisecond)+10*second, f.For.Round(time.Millisecond)
	c.Faults = append(c.Faults, f)
	c.Chaos = max(c.Chaos, f.At+5*second)
}
