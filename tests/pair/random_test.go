package pair

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

// TestRandom runs random schedules of faults, PAIR_SCHEDULES of them (2) from PAIR_SEED on.
// What is done to a cluster that is already in trouble may well stop the service: when all is
// mended, it must run again, with every acknowledged record.
func TestRandom(t *testing.T) {
	number := func(name string, std int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return std
	}
	first := number("PAIR_SEED", 1)
	for i := range number("PAIR_SCHEDULES", 2) {
		t.Run(fmt.Sprint("seed ", first+i), func(t *testing.T) {
			c := newCluster(t, options{})
			r := rand.New(rand.NewPCG(uint64(first+i), 1))
			for range 3 + r.IntN(3) {
				c.anyFault(r)
				time.Sleep(time.Duration(r.IntN(5000)) * time.Millisecond)
			}
			c.verdict()
		})
	}
}

// anyFault does something that may go wrong on one of the machines, or mends something.
func (c *cluster) anyFault(r *rand.Rand) {
	n := c.nodes()[r.IntN(2)]
	if !n.Up() {
		c.Step("power for %s", n.Name())
		c.restart(n)
		return
	}
	switch r.IntN(9) {
	case 0:
		c.cut(n)
	case 1:
		if n.Daemon() != 0 {
			c.Step("drbdd of %s is killed", n.Name())
			n.Kill()
		}
		time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
		c.restart(n)
	case 2:
		c.killHeartbeat(n)
	case 3:
		c.restart(n)
	case 4, 5:
		link, way := r.IntN(3), []string{"both ways", "a to b", "b to a"}[r.IntN(3)]
		c.Step("%s fails, %s", links[link], way)
		c.cutLink(link, way)
	case 6:
		c.Step("all links work")
		c.Must(c.Lab.Heal())
	case 7:
		c.Step("%s stands still", n.Name())
		c.pause(n, time.Duration(r.IntN(4000))*time.Millisecond)
	case 8:
		c.Step("hb_standby on %s", n.Name())
		n.Run("/usr/share/heartbeat/hb_standby", "all")
	}
}

// pause lets all processes of a machine stand still for a time.
func (c *cluster) pause(n *rig.Node, d time.Duration) {
	signal(n, stop, everything)
	time.Sleep(d)
	signal(n, cont, everything)
}
