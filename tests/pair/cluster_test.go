package pair

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
	"classicha/tests/lab/records"
)

const size = 64 << 20

// limit is for whatever has to happen. clockSteps gives an emulated machine more.
var limit = 60 * time.Second

// cluster is two machines that run both daemons, and the client.
type cluster struct {
	*rig.Rig
	t     *testing.T
	began time.Time
	rec   *records.Writer
	disk  [2]*rig.CrashDisk

	power sync.Mutex // one at a time switches power and starts what runs after a boot

	mu     sync.Mutex
	by     string
	fenced []string // machines whose power an agent cut
	twice  []string // when the file system was mounted on both
	stop   chan struct{}
	ended  sync.WaitGroup
}

// options change what newCluster builds.
type options struct {
	short bool   // among the tests of -short
	haCf  string // further lines
	slow  bool   // in an emulated machine: more patience, fewer records
	allow []string
	size  [2]int64
}

// newCluster brings up the service on serv-a, with the client writing.
func newCluster(t *testing.T, opt options) *cluster {
	t.Helper()
	if testing.Short() && !opt.short {
		t.Skip("in make pair")
	}
	t.Parallel()
	if why := rig.Missing("mkfs.ext4", "mount", "redis-server"); why != "" {
		t.Skip(why)
	}
	c := &cluster{t: t, began: time.Now(), stop: make(chan struct{})}
	timing, drbdConf, pause, patience, first := timing, drbdConf, 2*time.Millisecond, time.Duration(0), 100
	if opt.slow {
		timing, drbdConf = slowTiming, strings.Replace(drbdConf, net, slowNet, 1)
		pause, patience, first = 100*time.Millisecond, 5*time.Second, 10
	}
	c.Rig = rig.New(t, rig.Options{
		Image: rig.Pair, Conf: drbdConf, Own: machineFiles, Allow: opt.allow,
		Cluster: map[string]string{"ha.cf": timing + haCf + opt.haCf, "authkeys": "auth 1\n1 sha1 secret\n", "haresources": haresources},
		Segments: []lab.Segment{
			{Prefix: netip.MustParsePrefix("130.66.201.0/24"), Hub: 254},
			{Prefix: netip.MustParsePrefix("10.0.8.0/24"), Hub: 254},
		},
		Disks: func(machine int, _ string) (map[string]rig.Disk, error) {
			bytes := opt.size[machine]
			if bytes == 0 {
				bytes = size
			}
			d, err := rig.NewCrashDisk("sda1", bytes, uint64(machine+1))
			c.disk[machine] = d
			return map[string]rig.Disk{"sda1": d}, err
		},
	})
	t.Cleanup(c.dump)
	c.ended.Go(c.watch)
	t.Cleanup(func() { close(c.stop); c.ended.Wait() })
	for _, n := range c.nodes() {
		n.Do("drbdadm", "--", "--force", "create-md", "r0")
		n.Start()
		n.Do("drbdadm", "up", "r0")
	}
	c.A.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", limit)
	c.A.Do("drbdadm", "--", "--clear-bitmap", "new-current-uuid", "r0") // both disks are zeroes
	c.A.Expect("Connected Secondary/Secondary UpToDate/UpToDate", limit)
	c.A.Do("drbdadm", "primary", "r0")
	c.A.Do("sh", "-c", "mkfs.ext4 -q -E nodiscard /dev/drbd0 && mkdir -p "+mount+" && mount /dev/drbd0 "+mount+" && install -d -o redis "+mount+"/redis && umount "+mount)
	c.A.Do("drbdadm", "secondary", "r0")
	for _, n := range c.nodes() {
		c.heartbeat(n)
	}
	c.rec = &records.Writer{Lab: c.Lab, Addr: vip + ":6379", Every: pause, Patience: patience, Served: c.served}
	c.rec.Start()
	t.Cleanup(c.rec.Stop)
	c.acknowledged(first)
	// For its first five seconds a node asks for two seconds more of patience (heartbeat-wire 11).
	time.Sleep(5500 * time.Millisecond)
	c.Step("the service runs on %s", c.where())
	return c
}

// dump shows what Heartbeat logged, when the test failed.
func (c *cluster) dump() {
	if !c.t.Failed() {
		return
	}
	type line struct {
		lab.LogLine
		by string
	}
	var all []line
	for _, n := range c.nodes() {
		for _, l := range n.Log() {
			all = append(all, line{l, n.Name()})
		}
	}
	slices.SortStableFunc(all, func(a, b line) int { return a.Time.Compare(b.Time) })
	var b strings.Builder
	for _, l := range all {
		fmt.Fprintf(&b, "%7.2f %s %s\n", l.Time.Sub(c.began).Seconds(), l.by, l.Text)
	}
	c.t.Logf("what Heartbeat logged:\n%s", b.String())
}

func (c *cluster) nodes() []*rig.Node { return []*rig.Node{c.A, c.B} }

// heartbeat starts Heartbeat, on a machine that may have no memory of anything.
func (c *cluster) heartbeat(n *rig.Node) {
	n.Do("mkdir", "-p", mount)
	c.Must(n.Node.Start())
}

func (c *cluster) served(_ time.Time, by string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by = by
}

// where tells which machine answered last; "" for none.
func (c *cluster) where() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by
}

// active is the machine that serves, and the other.
func (c *cluster) active() (*rig.Node, *rig.Node) {
	c.t.Helper()
	c.Wait(limit, "somebody serves", func() bool { return c.where() != "" })
	if c.where() == c.A.Name() {
		return c.A, c.B
	}
	return c.B, c.A
}

// acknowledged waits until some more records are.
func (c *cluster) acknowledged(more int) {
	c.t.Helper()
	n := c.rec.Count()
	c.Wait(limit, "more acknowledged records", func() bool { return c.rec.Count() >= n+more })
}

// movedTo waits until a machine serves.
func (c *cluster) movedTo(n *rig.Node) {
	c.t.Helper()
	at := time.Now()
	c.Wait(limit, n.Name()+" serves", func() bool { return c.where() == n.Name() })
	c.acknowledged(20)
	c.Step("%s serves after %.1f s", n.Name(), time.Since(at).Seconds())
}

// watch cuts the power of machines that an agent asks for, and looks where the file system
// is mounted.
func (c *cluster) watch() {
	both := false
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
		for _, n := range c.nodes() {
			if n.Node == nil {
				continue
			}
			name, err := os.ReadFile(n.LogPath("power-off"))
			if err != nil {
				continue
			}
			victim := c.A
			if strings.TrimSpace(string(name)) == c.B.Name() {
				victim = c.B
			}
			c.Step("%s has the power of %s cut", n.Name(), victim.Name())
			c.mu.Lock()
			c.fenced = append(c.fenced, victim.Name())
			c.mu.Unlock()
			c.power.Lock()
			if victim.Up() {
				victim.Power()
			}
			c.power.Unlock()
			_ = os.Remove(n.LogPath("power-off"))
		}
		is := c.A.Node != nil && c.B.Node != nil && mounted(c.A) && mounted(c.B)
		if is && !both {
			c.mu.Lock()
			c.twice = append(c.twice, time.Now().Format("15:04:05.000"))
			c.mu.Unlock()
		}
		both = is
	}
}

func mounted(n *rig.Node) bool {
	if !n.Up() {
		return false
	}
	pid := strings.Split(n.Path(""), "/")[2]
	b, _ := os.ReadFile(filepath.Join("/proc", pid, "mounts"))
	return strings.Contains(string(b), " "+mount+" ")
}

// wasFenced tells whether an agent cut a machine's power.
func (c *cluster) wasFenced(n *rig.Node) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.fenced {
		if f == n.Name() {
			return true
		}
	}
	return false
}

// cut takes the power of a machine away.
func (c *cluster) cut(n *rig.Node) {
	c.power.Lock()
	defer c.power.Unlock()
	c.Step("power cut of %s", n.Name())
	n.Power()
}

// restart gives power to machines that have none, and starts daemons that do not run.
func (c *cluster) restart(nodes ...*rig.Node) {
	c.t.Helper()
	c.power.Lock()
	defer c.power.Unlock()
	for _, n := range nodes {
		if !n.Up() {
			n.Restore()
		}
		if n.Daemon() == 0 {
			n.Start()
			if n.State(0) == "" {
				n.Do("drbdadm", "up", "r0")
			}
		}
		if n.Run("cl_status", "hbstatus").Code != 0 {
			c.heartbeat(n)
		}
	}
}

// verdict restores everything and checks what must hold after any fault.
func (c *cluster) verdict() {
	c.t.Helper()
	c.Must(c.Lab.Heal())
	c.restart(c.A, c.B)
	c.Step("everything is started again")
	c.acknowledged(20)
	c.Wait(limit, "both disks up to date", func() bool {
		for _, n := range c.nodes() {
			if !n.Up() { // a reset was under way when everything was started
				c.restart(n)
			}
		}
		v := c.A.Volume(0)
		return v.Conn.String() == "Connected" && v.Disk.String() == "UpToDate" && v.Pdsk.String() == "UpToDate"
	})
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	n, lost, err := c.rec.Missing(ctx)
	if err != nil || len(lost) > 0 {
		c.Errorf("%d of %d acknowledged records are lost: %v (%v)", len(lost), n, lost[:min(len(lost), 10)], err)
	}
	c.mu.Lock()
	if len(c.twice) > 0 {
		c.Errorf("the file system was mounted on both machines at %s", strings.Join(c.twice, ", "))
	}
	c.mu.Unlock()
	c.rec.Stop()
	c.Step("%d records checked", n)
	var stops sync.WaitGroup
	for _, n := range c.nodes() {
		stops.Go(func() {
			if r := n.RunFor(30*time.Second, lab.HeartbeatProgram, "-k"); r.Code != 0 {
				c.Errorf("%s: heartbeat -k: %s", n.Name(), r.Out)
			}
		})
	}
	stops.Wait()
	c.A.Expect("Connected Secondary/Secondary UpToDate/UpToDate", limit)
	bytes := c.A.DeviceSize(0)
	c.Equal("sda1", bytes)
	c.Step("all %d acknowledged records are there; both disks are equal", n)
}

// both runs a test with the active machine and with the other.
func both(t *testing.T, opt options, f func(t *testing.T, c *cluster, victim, other *rig.Node)) {
	for _, name := range []string{"active", "standby"} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, opt)
			a, s := c.active()
			if name == "active" {
				f(t, c, a, s)
			} else {
				f(t, c, s, a)
			}
			c.verdict()
		})
	}
}
