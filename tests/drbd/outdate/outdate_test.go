package outdate

import (
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

const service = "serv-a drbddisk::r0 LabRsc::svc\n"

// TestReplicationLinkCut: the Secondary becomes Outdated, with resource-and-stonith before
// a write of the Primary is durable again; it cannot become Primary, and a service that is
// sent there comes back. When the link is whole, all is well again.
func TestReplicationLinkCut(t *testing.T) {
	for _, roles := range pair.Roles([2]string{"ours", "ours"}, [2]string{"ours", "real"}, [2]string{"real", "ours"}) {
		t.Run(roles[0]+"+"+roles[1], func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, roles, "resource-and-stonith", service)
			c.Wait(limit, "the service runs on serv-a", func() bool { return c.A.Runs("svc") })
			w := c.write(c.A)
			c.Step("cutting the replication link")
			c.cut()
			time.Sleep(300 * time.Millisecond) // what had arrived is confirmed
			before := w.count()
			c.Wait(limit, "serv-b is Outdated", func() bool {
				now := w.count()
				is := c.B.Volume(0).Disk.String() == "Outdated"
				if now > before && !is {
					c.Fatalf("%d writes were durable before serv-b was outdated", now-before)
				}
				return is
			})
			c.Step("serv-b is Outdated; no write was durable before that")
			w.more(50)
			c.A.Expect("WFConnection Primary/Unknown UpToDate/Outdated", limit)
			if c.A.Logged("fence-peer helper returned 4 (peer was fenced)") != 1 {
				t.Error("serv-a does not say that its peer was fenced")
			}
			c.B.Fails(17, []string{"Need access to UpToDate data"}, "drbdadm", "primary", "r0")
			c.B.Fails(6, nil, "/usr/libexec/heartbeat/drbd-peer-outdater", "-p", "serv-a", "-r", "r0", "-t", "10") // it is Primary
			w.stop()

			c.Step("sending the service to serv-b")
			c.Must(c.A.Standby("all"))
			c.logged(c.B, "Giving up resources due to failure of drbddisk::r0")
			if roles[1] == "ours" {
				c.logged(c.B, "r0 cannot become Primary here: its disk is Outdated, the peer wrote after the connection was lost")
			}
			c.Wait(limit, "the service is back on serv-a", func() bool { return c.A.Runs("svc") })
			if c.B.Runs("svc") {
				t.Error("it runs on serv-b, too")
			}
			c.A.Expect("WFConnection Primary/Unknown UpToDate/Outdated", limit)

			c.Step("healing")
			c.Must(c.Lab.Heal())
			c.A.Expect("Connected Primary/Secondary UpToDate/UpToDate", limit)
			c.Wait(limit, "the cluster is quiet", func() bool { return c.A.Holding() != "transition" && c.B.Holding() != "transition" })
			time.Sleep(time.Second)
			c.Must(c.A.Standby("all"))
			c.Wait(limit, "the service runs on serv-b", func() bool { return c.B.Runs("svc") && !c.A.Runs("svc") })
			c.B.Expect("Connected Primary/Secondary UpToDate/UpToDate", limit)
			c.Equal("sda1", c.A.DeviceSize(0))
		})
	}
}

// TestResourceOnly: the writes do not wait; the Secondary becomes Outdated all the same.
func TestResourceOnly(t *testing.T) {
	t.Parallel()
	c := newCluster(t, [2]string{"ours", "ours"}, "resource-only", service)
	c.Wait(limit, "the service runs on serv-a", func() bool { return c.A.Runs("svc") })
	w := c.write(c.A)
	c.cut()
	c.B.Expect("WFConnection Secondary/Unknown Outdated/DUnknown", limit)
	c.A.Expect("WFConnection Primary/Unknown UpToDate/Outdated", limit)
	w.more(20)
	w.stop()
	c.Must(c.Lab.Heal())
	c.A.Expect("Connected Primary/Secondary UpToDate/UpToDate", limit)
	c.Equal("sda1", c.A.DeviceSize(0))
}

// TestAllLinksCut: heartbeat has lost the peer as well: the answer is 5, and the log says so.
// (No resource stands on the device here: without STONITH serv-b would take it over.)
func TestAllLinksCut(t *testing.T) {
	for _, roles := range pair.Roles([2]string{"ours", "ours"}, [2]string{"ours", "real"}, [2]string{"real", "ours"}) {
		t.Run(roles[0]+"+"+roles[1], func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, roles, "resource-and-stonith", "serv-a LabRsc::svc\n")
			c.A.Do("drbdadm", "primary", "r0")
			w := c.write(c.A)
			c.Cut(true)
			c.A.Expect("WFConnection Primary/Unknown UpToDate/Outdated", limit)
			if c.A.Logged("fence-peer helper returned 5 (peer is unreachable, assumed to be dead)") != 1 {
				t.Error("serv-a does not say that its peer is unreachable")
			}
			w.more(20)
			if roles[0] == "ours" {
				c.logged(c.A, "Cluster node: serv-b: status: dead: resource r0 there cannot be outdated")
			}
			c.Must(lab.Wait(limit, "serv-a calls serv-b dead", func() bool { return c.A.Sees("serv-b") == "dead" }))
			if got := c.B.Volume(0).Disk.String(); got != "UpToDate" && got != "Consistent" {
				t.Errorf("serv-b, which nobody could reach, is %s", got)
			}
			w.stop()
			c.Cut(false)
			c.A.Expect("Connected Primary/Secondary UpToDate/UpToDate", limit)
			c.Equal("sda1", c.A.DeviceSize(0))
		})
	}
}

// TestPeerNoticesLate: serv-b believes for seconds longer that it is connected, and refuses
// to be outdated for so long. It is asked again; the writes wait.
func TestPeerNoticesLate(t *testing.T) {
	t.Parallel()
	c := newCluster(t, [2]string{"ours", "ours"}, "resource-and-stonith", "serv-b LabRsc::svc\n")
	c.B.Do("drbdsetup", "net-options", "ipv4:10.0.8.2:7788", "ipv4:10.0.8.1:7788", "--ping-int=9")
	c.A.Do("drbdadm", "primary", "r0")
	w := c.write(c.A)
	c.Step("cutting the replication link")
	c.cut()
	time.Sleep(300 * time.Millisecond)
	before := w.count()
	c.logged(c.A, "serv-b refuses or fails, asking again")
	c.Step("refused for the first time")
	c.Wait(limit, "serv-b is Outdated", func() bool {
		now := w.count()
		is := c.B.Volume(0).Disk.String() == "Outdated"
		if now > before && !is {
			c.Fatalf("%d writes were durable before serv-b was outdated", now-before)
		}
		return is
	})
	c.Step("serv-b is Outdated")
	c.A.Expect("WFConnection Primary/Unknown UpToDate/Outdated", limit)
	w.more(20)
	w.stop()
}

// TestHeartbeatRestart: heartbeat of the Primary restarts in place when the handler begins.
// The outdater waits for it, and asks again if its question was lost.
func TestHeartbeatRestart(t *testing.T) {
	t.Parallel()
	c := newCluster(t, [2]string{"ours", "ours"}, "resource-and-stonith", "serv-b LabRsc::svc\n")
	c.A.Do("drbdadm", "primary", "r0")
	w := c.write(c.A)
	c.Must(c.A.Conf("ha.cf", haCf+"# changed\n"))
	c.cut()
	c.Wait(limit, "the handler begins", func() bool { return c.A.Logged("helper command: ") > 0 })
	c.A.Do(lab.HeartbeatProgram, "-r")
	c.B.Expect("WFConnection Secondary/Unknown Outdated/DUnknown", limit)
	c.logged(c.A, "restarted in place")
	c.A.Expect("WFConnection Primary/Unknown UpToDate/Outdated", limit)
	w.more(20)
	w.stop()
}
