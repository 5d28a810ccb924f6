package pair

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
	"classicha/tests/lab/records"
)

// TestPairGuide goes through docs/pair.md on two machines that have the programs and
// nothing else, with a client that writes as soon as the service is there.
func TestPairGuide(t *testing.T) {
	c := bareCluster(t)
	g := guide{Rig: c.Rig, page: "pair.md"}
	g.after = map[string]func(){
		"the replication cable is pulled":     func() { c.acknowledged(50); c.cutLink(2, "both ways") },
		"the replication cable is plugged in": func() { c.acknowledged(50); c.Must(c.Lab.Heal()) },
		"the plug of serv-a is pulled":        func() { c.acknowledged(50); c.cut(c.A) },
		"the plug of serv-a is back":          func() { c.movedTo(c.B); c.A.Restore() },
	}
	c.rec.Start()
	t.Cleanup(c.rec.Stop)
	g.run(readGuide(t, g.page))
	c.movedTo(c.A)
	c.verdict()
}

// bareCluster is two machines that nobody has set up, with the client that waits for them.
func bareCluster(t *testing.T) *cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("in make pair")
	}
	t.Parallel()
	if why := rig.Missing("mkfs.ext4", "mount", "redis-server"); why != "" {
		t.Skip(why)
	}
	c := &cluster{t: t, began: time.Now(), stop: make(chan struct{})}
	c.Rig = rig.New(t, rig.Options{
		Image: rig.Pair, Conf: "# to be written\n", Own: machineFiles, Etc: scripts(t), Cluster: map[string]string{},
		Segments: []lab.Segment{
			{Prefix: netip.MustParsePrefix("130.66.201.0/24"), Hub: 254},
			{Prefix: netip.MustParsePrefix("10.0.8.0/24"), Hub: 254},
		},
		Disks: func(machine int, _ string) (map[string]rig.Disk, error) {
			d, err := rig.NewCrashDisk("sda1", size, uint64(machine+1))
			c.disk[machine] = d
			return map[string]rig.Disk{"sda1": d}, err
		},
	})
	t.Cleanup(c.dump)
	c.ended.Go(c.watch)
	t.Cleanup(func() { close(c.stop); c.ended.Wait() })
	c.rec = &records.Writer{Lab: c.Lab, Addr: vip + ":6379", Every: 2 * time.Millisecond, Served: c.served}
	return c
}

// scripts are the init scripts of this tree and what they need on a machine of the lab.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	repo, err := rig.Repo()
	if err != nil {
		t.Fatal(err)
	}
	sbin, err := rig.Programs(rig.Pair)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{
		"/etc/default/drbd": "PATH=" + sbin + ":$PATH\n",
		"/etc/drbdd.cf":     "logfile /var/log/drbd.log\n",
	}
	for _, name := range []string{"/etc/init.d/drbd", "/etc/init.d/heartbeat"} {
		text, err := os.ReadFile(filepath.Join(repo, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(text)
	}
	return out
}
