package crash

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
)

// fioJob writes and checks blocks all the time; the first error ends it.
func fioJob(seconds int) []string {
	return []string{
		"fio", "--name=v", "--filename=/dev/drbd0", "--direct=1", "--ioengine=libaio", "--rw=randwrite", "--bs=4k", "--iodepth=16",
		"--size=40m", "--verify=crc32c", "--verify_backlog=512", "--verify_fatal=1", "--time_based", fmt.Sprint("--runtime=", seconds), "--output-format=terse",
	}
}

// TestKillPrimary: kill -9 of the Primary's drbdd under fio, again and again, a
// successor started at once.
func TestKillPrimary(t *testing.T) { underFio(t, func(r *rig.Rig) *rig.Node { return r.A }) }

// TestKillSecondary: the same on the other machine.
func TestKillSecondary(t *testing.T) { underFio(t, func(r *rig.Rig) *rig.Node { return r.B }) }

func underFio(t *testing.T, victim func(*rig.Rig) *rig.Node) {
	need(t, "fio")
	t.Parallel()
	rnd := random(t)
	r := pair(t, rig.FileDisks(48*mib))
	n := victim(r)
	for killed := 0; killed < crashes(); {
		end := make(chan lab.Result, 1)
		go func() { end <- r.A.RunFor(3*time.Minute, fioJob(10)...) }()
		for running := true; running; {
			select {
			case res := <-end:
				running = false
				if res.Code != 0 {
					r.Fatalf("fio after %d times kill -9: exit code %d\n%s", killed, res.Code, res.Out)
				}
			case <-time.After(between(rnd, 300*time.Millisecond, 3*time.Second)):
				if killed == crashes() {
					continue
				}
				n.Kill()
				at := time.Now()
				killed++
				if rnd.IntN(3) == 0 {
					time.Sleep(between(rnd, 0, time.Second))
				}
				n.Start()
				r.Step("%s: kill -9 number %d, and a successor", n.Name(), killed)
				if rnd.IntN(2) == 0 { // else the next one may come in the middle of the resync
					r.Wait(soon, "serv-a is Primary again", func() bool { return strings.Contains(r.A.State(0), " Primary/") })
					r.Step("applications go on after %.2f s", time.Since(at).Seconds())
					r.A.Expect(primary, syncLimit)
				}
			}
		}
	}
	r.A.Expect(primary, syncLimit)
	r.B.Expect(secondary, soon)
	r.Wait(soon, "everything is in sync", func() bool { return r.A.Volume(0).OOS == 0 })
	r.Equal("sda1", r.A.DeviceSize(0))
	r.A.Do("drbdadm", "secondary", "r0")
}

// TestReexec: the program is replaced (drbdd --reexec, and kill -TERM with a start
// after it) while a file system is mounted and being written. That of the Primary leaves its
// peer UpToDate: there is nothing to be synced.
func TestReexec(t *testing.T) {
	need(t, "mkfs.ext4", "e2fsck")
	t.Parallel()
	rnd := random(t)
	r := pair(t, rig.FileDisks(48*mib))
	r.A.Do("mkfs.ext4", "-q", "/dev/drbd0")
	r.A.Do("mkdir", "-p", mnt)
	r.A.Do("mount", "/dev/drbd0", mnt)
	w := write(r, r.A, mnt, -1)
	for i := range crashes() {
		time.Sleep(between(rnd, 300*time.Millisecond, 2*time.Second))
		n := []*rig.Node{r.A, r.B}[rnd.IntN(2)]
		r.Wait(syncLimit, "everything is in sync", func() bool { return r.A.State(0) == primary })
		syncs := strings.Count(r.B.DaemonLog(), "Began resync")
		old := n.Daemon()
		if rnd.IntN(2) == 0 {
			n.Start("--reexec")
		} else {
			n.Signal(syscall.SIGTERM)
			n.Start()
		}
		r.Wait(soon, "another process serves", func() bool { p := n.Daemon(); return p != 0 && p != old })
		n.Answers()
		r.Step("%s: replaced %d times", n.Name(), i+1)
		before, _ := w.now()
		r.Wait(syncLimit, "the application goes on", func() bool { v, fault := w.now(); return v > before || fault != "" })
		if n == r.A && strings.Count(r.B.DaemonLog(), "Began resync") != syncs {
			t.Errorf("the peer was synced because the Primary's drbdd was replaced:\n%s", r.B.DaemonLog())
		}
	}
	said := wrote(r, w, r.A, true)
	r.A.Expect(primary, syncLimit)
	r.A.Do("umount", mnt)
	r.A.Do("e2fsck", "-fn", "/dev/drbd0")
	r.Wait(soon, "everything is in sync", func() bool { return r.A.Volume(0).OOS == 0 })
	r.Equal("sda1", r.A.DeviceSize(0))
	r.A.Do("drbdadm", "secondary", "r0")
	promote(r, r.B)
	r.B.Do("mkdir", "-p", mnt)
	r.B.Do("mount", "/dev/drbd0", mnt)
	check(r, r.B, mnt, said)
}

// TestSecondaryWhileApplicationsWait: a successor of a killed drbdd that waits for its peer is
// Secondary with a file system mounted on its device. That is refused to be the end of it.
func TestSecondaryWhileApplicationsWait(t *testing.T) {
	need(t, "mkfs.ext4")
	t.Parallel()
	r := pair(t, rig.FileDisks(48*mib))
	r.A.Do("mkfs.ext4", "-q", "/dev/drbd0")
	r.A.Do("mkdir", "-p", mnt)
	r.A.Do("mount", "/dev/drbd0", mnt)
	r.B.Kill()
	r.A.Expect("WFConnection Primary/Unknown UpToDate/DUnknown", soon)
	r.A.Kill()
	r.A.Start()
	for _, command := range []string{"secondary", "down"} {
		if role := r.A.Do("drbdadm", "role", "r0"); !strings.HasPrefix(role, "Secondary") {
			t.Skipf("it is %s already: this machine is too slow for the question", role)
		}
		r.A.Fails(11, []string{"/dev/drbd0 is held by", "mounted on " + mnt}, "drbdadm", command, "r0")
	}
	r.A.Expect("WFConnection Primary/Unknown UpToDate/DUnknown", soon)
	r.A.Do("sh", "-c", "echo goes on >"+mnt+"/file && sync "+mnt+"/file && umount "+mnt)
	r.A.Do("drbdadm", "secondary", "r0")
}

// TestSecondaryLasts: a node was made Secondary while the successor of a killed drbdd waited for
// its peer, and nobody had the device open. No later successor is Primary of its own accord.
func TestSecondaryLasts(t *testing.T) {
	need(t)
	t.Parallel()
	r := pair(t, rig.FileDisks(48*mib))
	r.B.Kill()
	r.A.Expect("WFConnection Primary/Unknown UpToDate/DUnknown", soon)
	r.A.Kill()
	r.A.Start()
	r.A.Do("drbdadm", "secondary", "r0")
	const alone = "WFConnection Secondary/Unknown UpToDate/DUnknown"
	r.A.Expect(alone, soon)
	r.A.Kill()
	r.A.Start()
	time.Sleep(8 * time.Second) // a waiting one goes on after 5
	r.A.Expect(alone, soon)
	r.A.Do("drbdadm", "primary", "r0")
	r.A.Kill()
	r.A.Start()
	r.A.Expect("WFConnection Primary/Unknown UpToDate/DUnknown", soon)
	r.A.Do("drbdadm", "secondary", "r0")
}
