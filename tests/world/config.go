package world

import (
	"time"

	"classicha/drbdd/replica"
	"classicha/heartbeatd/cluster"
)

// Config is what the two machines and their world are like.
type Config struct {
	Seed     uint64 // of the small things: how long a script takes, what a power cut leaves
	Protocol byte
	Fencing  replica.Fencing // of drbd.conf
	Rate     uint32          // of a resync, KiB/s; 0: drawn
	Failback cluster.Failback
	Groups   int // each with a resource of its own
	Serial   bool
	Shared   bool // the replication uses the cable of eth
	Signed   bool // authkeys: sha1, else crc

	Stonith     bool
	StonithFail float64 // how often the device fails
	StonithLate float64 // how often it answers late

	Keepalive, Deadtime, Initdead time.Duration
	WFC, DegrWFC                  time.Duration // wfc-timeout, degr-wfc-timeout
	HandlerTime                   time.Duration // drbd-peer-outdater -t

	Slow   float64 // how often a script is slow
	Fail   float64 // how often a start fails for no reason
	Hang   float64 // how often a script hangs
	Loss   float64 // of packets
	Chaos  time.Duration
	Think  time.Duration // of the client
	Faults []Fault

	Mutation Mutation
}

// strict: nothing can make two histories of the data. Both sides have to be fenced before
// anybody goes on alone.
func (c *Config) strict() bool { return c.Stonith && c.Fencing == replica.ResourceAndStonith }

// defaults are what a file in testdata need not say.
func defaults() Config {
	return Config{
		Seed: 1, Protocol: 'C', Fencing: replica.DontCare, Failback: cluster.FailbackOff, Groups: 1, Serial: true,
		Keepalive: 500 * time.Millisecond, Deadtime: 2250 * time.Millisecond, Initdead: 5 * time.Second,
		WFC: 4 * time.Second, DegrWFC: 3 * time.Second, HandlerTime: 10 * time.Second,
		Chaos: 30 * time.Second, Think: 200 * time.Millisecond,
	}
}
