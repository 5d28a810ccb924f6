package world

import (
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

// kinds are the faults that are drawn, with weights. Those with "; " are several, each a
// little later than the one before: bad days have more than one fault.
var kinds = []struct {
	weight int
	do     string
	on     string // "other": the machine that the first one is not on
	min    time.Duration
	max    time.Duration
	next   string // what follows
}{
	{8, "power off", "", second, 20 * second, ""},
	{2, "power off", "", second, 12 * second, "power off other"},
	{3, "pause", "", second / 20, 8 * second, ""},
	{4, "kill drbdd", "", second / 20, 4 * second, ""},
	{3, "kill heartbeatd", "", second / 20, 6 * second, ""},
	{2, "standby", "", 0, 0, ""},
	{1, "takeover", "", 0, 0, ""},
	{2, "cut eth", "", second / 5, 15 * second, ""},
	{1, "cut eth in", "", second / 5, 10 * second, ""},
	{1, "cut eth out", "", second / 5, 10 * second, ""},
	{1, "cut serial", "", second, 15 * second, ""},
	{3, "cut replication", "", second / 5, 15 * second, ""},
	{1, "cut replication in", "", second / 5, 10 * second, ""},
	{3, "cut replication", "", 5 * second, 15 * second, "power off"},
	{2, "cut heartbeat", "", second / 5, 15 * second, ""},
	{3, "cut everything", "", second / 5, 15 * second, ""},
	{1, "reset replication", "", 0, 0, ""},
}

// drawFaults spreads faults over the time: none, few, or more.
func (c *Config) drawFaults(r *sim.World) {
	sum := 0
	for _, k := range kinds {
		sum += k.weight
	}
	names := []string{"serv-a", "serv-b"}
	for range r.Intn(5) {
		x := r.Intn(sum)
		on := r.Intn(2)
		at := r.Between(0, c.Chaos-5*second)
		for _, k := range kinds {
			if x -= k.weight; x >= 0 {
				continue
			}
			c.add(r, Fault{At: at, Do: k.do, On: names[on], For: r.Between(k.min, k.max)})
			if k.next != "" {
				do := k.next
				if do == "power off other" {
					do, on = "power off", 1-on
				} else {
					on = r.Intn(2)
				}
				c.add(r, Fault{At: at + r.Between(0, 6*second), Do: do, On: names[on], For: r.Between(second, 15*second)})
			}
			break
		}
	}
}

// add adds a fault; times are round, so that they can be copied into a script.
func (c *Config) add(r *sim.World, f Fault) {
	f.At, f.For = f.At.Round(time.Millisecond)+10*second, f.For.Round(time.Millisecond)
	c.Faults = append(c.Faults, f)
	c.Chaos = max(c.Chaos, f.At+5*second)
}
