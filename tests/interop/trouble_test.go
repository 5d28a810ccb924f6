package interop

import (
	"os"
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

// TestLoss: a fifth of the packets is lost in each direction from the start on.
// The cluster comes up, nobody is taken for dead, a dead node's services are
// taken over. Moves by command may come to nothing: a lost report that arrives
// after a newer one makes the real program think for ever that the other side is
// in flux (seen with HB_ROLES=real,real in two runs of six). Whatever they come
// to, every group runs once.
func TestLoss(t *testing.T) {
	t.Parallel()
	pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
		p := pair.New(t, pair.Config{Roles: r, Deadtime: "4", Initdead: "6", Failback: "off", Allow: lossErrors})
		p.Must(p.SetLoss(20))
		p.Start(p.A, p.B)
		p.ExpectPlaces(pair.Home, 2*bootLimit)
		start := time.Now()
		for _, n := range []*lab.Node{p.A, p.B, p.A} {
			time.Sleep(2 * time.Second)
			p.Step("%s (%s): hb_standby all", n.Name(), n.Image().Name)
			p.Must(n.Standby("all"))
			time.Sleep(time.Second)
			p.ExpectOnce(2*time.Second, 2*moveLimit)
		}
		for _, n := range p.Nodes {
			p.Quiet(n, start, "is dead")
		}
		p.Cut(p.A)
		p.ExpectPlaces(pair.AllB, 2*takeoverLimit)
		p.Start(p.A)
		p.Must(waitActive(p))
		p.Must(p.Heal())
		p.ExpectOnce(3*time.Second, moveLimit)
	})
}

// TestPartition: both sides declare the other dead and serve everything, then
// see each other again (heartbeat-wire 14). What each program does about it is
// its own; in the end everything runs once, where it belongs.
func TestPartition(t *testing.T) {
	t.Parallel()
	t.Run("healed", func(t *testing.T) {
		t.Parallel()
		pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
			p := pair.New(t, pair.Config{Roles: r, Media: "all", Allow: partitionErrors})
			p.Start(p.A, p.B)
			p.Expect(pair.Home, bootLimit)
			p.Tolerate(true)
			p.Step("partition")
			p.Must(p.Partition())
			p.Must(lab.Wait(takeoverLimit, "both nodes serve all", func() bool {
				return p.A.Holding() == "all" && p.B.Holding() == "all" && p.A.Runs("b") && p.B.Runs("a")
			}))
			time.Sleep(time.Second)
			p.Step("healed")
			healed := time.Now()
			p.Must(p.Heal())
			p.Must(lab.Wait(10*time.Second, "nothing runs twice", func() bool {
				return !(p.A.Runs("a") && p.B.Runs("a")) && !(p.A.Runs("b") && p.B.Runs("b"))
			}))
			p.Step("nothing runs twice any more, %.1fs after healing", time.Since(healed).Seconds())
			p.Tolerate(false)
			for _, n := range p.Nodes { // each real one restarts itself two seconds after it noticed
				if n.Image() == lab.Real {
					if _, err := n.WaitLog(healed, "Performing heartbeat restart exec", 15*time.Second); err != nil {
						t.Error(err)
					}
				}
			}
			p.Expect(pair.Home, 60*time.Second)
			settle(p)
			p.Stays(pair.Home, 2*time.Second)
		})
	})
	// Shorter than the dead time: only lost packets, which are asked for again.
	t.Run("short", func(t *testing.T) {
		t.Parallel()
		pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
			p := pair.New(t, pair.Config{Roles: r, Deadtime: "3", Initdead: "4"})
			p.Start(p.A, p.B)
			p.Expect(pair.Home, bootLimit)
			settle(p)
			start := time.Now()
			for range 3 {
				p.Must(p.Partition())
				time.Sleep(1500 * time.Millisecond)
				p.Must(p.Heal())
				p.Stays(pair.Home, 1500*time.Millisecond)
			}
			for _, n := range p.Nodes {
				p.Quiet(n, start, "is dead")
			}
			settle(p)
			p.Must(p.A.Standby("all"))
			p.Expect(pair.AllB, moveLimit)
		})
	})
}

// TestKeys changes the signing key while the cluster runs: both keys known to
// both nodes, then one node after the other signs with the new one, then the
// old one goes. Between two real nodes this works for text frames only
// (heartbeat-wire 6), that is on a serial line.
func TestKeys(t *testing.T) {
	t.Parallel()
	const both = "1 sha1 oldsecret\n2 md5 newsecret\n"
	for _, media := range []string{"serial", "bcast"} {
		t.Run(media, func(t *testing.T) {
			t.Parallel()
			pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
				if media == "bcast" && r == [2]string{"real", "real"} {
					t.Skip("two real nodes cannot do this over UDP (heartbeat-wire 6)")
				}
				p := pair.New(t, pair.Config{Roles: r, Media: media, Deadtime: "3", Initdead: "4", Authkeys: "auth 1\n" + both, Allow: keyErrors})
				p.Start(p.A, p.B)
				p.Expect(pair.Home, bootLimit)
				start := time.Now()
				change := func(n *lab.Node, text string) {
					t.Helper()
					p.Step("%s (%s): new authkeys", n.Name(), n.Image().Name)
					p.Must(n.Conf("authkeys", text))
					if r := n.Run(lab.HeartbeatProgram, "-r"); r.Code != 0 {
						t.Fatalf("heartbeat -r: exit code %d: %s", r.Code, r.Out)
					}
					if _, err := n.WaitLog(start, "Rereading authentication file", 10*time.Second); err != nil {
						t.Error(err)
					}
					p.Stays(pair.Home, 3500*time.Millisecond)
				}
				change(p.A, "auth 2\n"+both)
				change(p.B, "auth 2\n"+both)
				change(p.A, "auth 2\n2 md5 newsecret\n")
				change(p.B, "auth 2\n2 md5 newsecret\n")
				for _, n := range p.Nodes {
					p.Quiet(n, start, "is dead")
				}
				settle(p)
				p.Must(p.A.Takeover("all"))
				p.Expect(pair.AllA, moveLimit)
			})
		})
	}
}

// TestKilledReal: the daemon of a real node that runs everything is killed and started again
// within the dead time. It says that it holds nothing while its services run, and ours, without
// fencing, starts its own beside them: the log must say what is at risk. (Its own class it takes
// up again at once.)
func TestKilledReal(t *testing.T) {
	t.Parallel()
	for _, r := range roles() {
		t.Run(r[0]+"+"+r[1], func(t *testing.T) {
			t.Parallel()
			p := pair.New(t, pair.Config{Roles: r, Failback: "off", Deadtime: "10", Initdead: "12", Allow: killedErrors})
			ours, real := p.A, p.B
			if real.Image() != lab.Real {
				ours, real = real, ours
			}
			p.Start(p.A, p.B)
			p.Expect(pair.Home, 2*bootLimit)
			settle(p)
			all := pair.AllB
			if real == p.A {
				all = pair.AllA
			}
			p.Must(real.Takeover("all"))
			p.Expect(all, moveLimit)
			settle(p)
			p.Step("kill -9 of all processes of %s (real)", real.Name())
			p.Tolerate(true)
			for range 3 {
				for _, proc := range real.Processes() {
					if pr, err := os.FindProcess(proc.Pid); proc.IsHeartbeat() && err == nil {
						_ = pr.Kill()
					}
				}
			}
			since := time.Now()
			time.Sleep(time.Second)
			p.Must(real.Start())
			_, err := ours.WaitLog(since, real.Name()+" was started again without having stopped: what it held (foreign) may still run there, and on "+ours.Name()+" too", 30*time.Second)
			p.Must(err)
			if !real.Runs("a") || !real.Runs("b") {
				t.Error("the services of the killed daemon did not go on: this test shows nothing")
			}
			p.Quiet(ours, since, "is dead")
		})
	}
}
