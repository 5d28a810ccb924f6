// Package outdate tests fencing over heartbeat's links: two machines with both daemons,
// heartbeat on one network and replication on another, and drbd-peer-outdater as the
// fence-peer handler.
//
//	serv-a  eth0 ── heartbeat ─── eth0  serv-b
//	        eth1 ── replication ─ eth1
//
// On one of them Heartbeat may be the real 3.0.6 with its dopd, which runs our drbdadm as
// hacluster: there drbdsetup and drbdmeta are set-uid, as drbdadm advises.
//
//	HB_ROLES=real,ours go test -v ./tests/drbd/outdate
package outdate

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

func TestMain(m *testing.M) { rig.Main(m) }

const (
	limit       = 60 * time.Second // 3.0.6 sends a group back half a minute after its start failed
	replication = 1                // segment
)

const haCf = `logfacility local0
keepalive 200ms
warntime 1
deadtime 2
initdead 5
bcast eth0
auto_failback off
node serv-a serv-b
respawn hacluster /usr/lib/heartbeat/dopd
`

// For the real program: where Debian has dopd, and its right to connect.
const haCfReal = `apiauth dopd uid=hacluster gid=haclient
`

func drbdConf(fencing string) string {
	return fmt.Sprintf(`global { usage-count no; }
resource r0 {
	protocol C;
	net { ping-int 2; connect-int 2; timeout 15; ping-timeout 5; }
	disk { fencing %s; resync-rate 200M; c-plan-ahead 0; }
	handlers { fence-peer "/usr/lib64/heartbeat/drbd-peer-outdater -t 20"; }
	device /dev/drbd0;
	disk /dev/sda1;
	meta-disk internal;
	on serv-a { address 10.0.8.1:7788; }
	on serv-b { address 10.0.8.2:7788; }
}
`, fencing)
}

// cluster is two machines; A is Primary when it is new.
type cluster struct {
	*rig.Rig
	roles [2]string
}

// newCluster starts both daemons on both machines. resources is the line of haresources.
func newCluster(t *testing.T, roles [2]string, fencing, resources string) *cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("short tests only")
	}
	if why := rig.Missing("nft"); why != "" {
		t.Skip(why)
	}
	if why := pair.Missing(roles); why != "" {
		t.Skip(why)
	}
	cf := haCf
	if roles[0] == "real" || roles[1] == "real" {
		cf = strings.Replace(cf, "/usr/lib/", "/usr/libexec/", 1) + haCfReal
	}
	c := &cluster{roles: roles}
	c.Rig = rig.New(t, rig.Options{
		Image: rig.Pair, Conf: drbdConf(fencing), Disks: rig.FileDisks(64 << 20),
		Cluster: map[string]string{"ha.cf": cf, "authkeys": "auth 1\n1 sha1 secret\n", "haresources": resources},
		Segments: []lab.Segment{
			{Prefix: netip.MustParsePrefix("130.66.201.0/24"), Hub: 254},
			{Prefix: netip.MustParsePrefix("10.0.8.0/24"), Hub: 254},
		},
	})
	for i, n := range c.nodes() {
		if roles[i] == "real" {
			n.Power()
			n.SetImage(realImage(c))
			n.Restore()
		}
		n.Do("drbdadm", "--", "--force", "create-md", "r0")
		n.Start()
		n.Do("drbdadm", "up", "r0")
	}
	c.A.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", limit)
	c.A.Do("drbdadm", "--", "--clear-bitmap", "new-current-uuid", "r0") // both disks are zeroes
	c.A.Expect("Connected Secondary/Secondary UpToDate/UpToDate", limit)
	for _, n := range c.nodes() {
		c.Must(n.Node.Start())
	}
	for _, n := range c.nodes() {
		c.Wait(limit, "dopd of "+n.Name(), func() bool { _, err := os.Stat(n.Path("/run/heartbeat/dopd/outdater")); return err == nil })
	}
	c.Wait(limit, "the nodes know each other", func() bool {
		return c.A.Sees("serv-b") == "active" && c.B.Sees("serv-a") == "active"
	})
	return c
}

func (c *cluster) nodes() []*rig.Node { return []*rig.Node{c.A, c.B} }

// realImage has the machine's Heartbeat and our DRBD.
func realImage(c *cluster) *lab.Image {
	ours, err := rig.Programs(rig.Ours)
	c.Must(err)
	dir, remove, err := lab.Scratch("outdate-")
	c.Must(err)
	c.Cleanup(remove)
	sbin := filepath.Join(dir, "usr/sbin")
	for _, args := range [][]string{{"mkdir", "-p", sbin, dir + "/etc", dir + "/var/lib"}, {"cp", "-a", ours + "/.", sbin}, {"cp", "-a", "/etc/ha.d", dir + "/etc"}, {"cp", "-a", "/var/lib/heartbeat", dir + "/var/lib"}} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			c.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	group, err := user.LookupGroup("haclient")
	c.Must(err)
	gid, _ := strconv.Atoi(group.Gid)
	for _, p := range []string{"drbdsetup-84", "drbdmeta"} {
		p = filepath.Join(sbin, p)
		c.Must(os.Chown(p, 0, gid))
		c.Must(os.Chmod(p, 0o750|os.ModeSetuid))
	}
	return &lab.Image{Name: "real Heartbeat", Root: dir}
}

// cut cuts the replication network.
func (c *cluster) cut() {
	c.Helper()
	c.Must(c.Lab.CutSegment(replication, "serv-a", "serv-b"))
	c.Must(c.Lab.CutSegment(replication, "serv-b", "serv-a"))
}

// writer writes to the device of a machine, a block after the other.
type writer struct {
	c *cluster
	n *rig.Node
}

// write starts a writer. Each block that is durable is a line of a log.
func (c *cluster) write(n *rig.Node) *writer {
	c.Helper()
	const script = `i=0
while [ ! -e /run/stop-writer ]; do
	dd if=/dev/urandom of=/dev/drbd0 bs=4k count=1 seek=$((i % 4096)) oflag=direct conv=notrunc 2>/dev/null || { echo failed >>/run/writes; exit; }
	i=$((i + 1))
	echo $i >>/run/writes
done`
	c.Must(os.WriteFile(n.Path("/run/writer"), []byte(script), 0o755))
	n.Do("sh", "-c", "rm -f /run/stop-writer /run/writes; : >/run/writes; ( sh /run/writer & ) </dev/null >/dev/null 2>&1")
	w := &writer{c, n}
	w.more(20)
	return w
}

func (w *writer) count() int {
	b, _ := os.ReadFile(w.n.Path("/run/writes"))
	if strings.Contains(string(b), "failed") {
		w.c.Fatalf("%s: a write failed", w.n.Name())
	}
	return strings.Count(string(b), "\n")
}

// more waits for more durable blocks.
func (w *writer) more(blocks int) {
	w.c.Helper()
	was := w.count()
	w.c.Wait(limit, "more writes", func() bool { return w.count() >= was+blocks })
}

func (w *writer) stop() {
	w.c.Helper()
	w.n.Do("touch", "/run/stop-writer")
	w.c.Wait(limit, "the writer's end", func() bool {
		return w.n.Run("pgrep", "-f", "/run/writer").Code != 0
	})
}

// logged waits for a text in what a machine's Heartbeat logged.
func (c *cluster) logged(n *rig.Node, text string) {
	c.Helper()
	c.Wait(limit, n.Name()+" logs "+text, func() bool {
		b, _ := os.ReadFile(n.LogPath("syslog"))
		return strings.Contains(string(b), text)
	})
}
