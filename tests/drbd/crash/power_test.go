package crash

import (
	"strings"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

const mnt = "/run/m"

// TestPowerCut cuts the power of the Primary, of the Secondary, or of both, while
// an application writes and syncs files; what the disks had not flushed is lost at
// random. Every file that was synced is on the survivor, fsck finds nothing, and
// the machine that comes back is brought up to date.
func TestPowerCut(t *testing.T) {
	need(t, "mkfs.ext4", "e2fsck")
	t.Parallel()
	rnd := random(t)
	r := pair(t, crashDisks(48*mib, rnd.Uint64()))
	p, s := r.A, r.B
	p.Do("mkfs.ext4", "-q", "/dev/drbd0")
	p.Do("mkdir", "-p", mnt)
	p.Do("mount", "/dev/drbd0", mnt)
	said, lost := -1, 0
	for i := range crashes() {
		w := write(r, p, mnt, said)
		time.Sleep(between(rnd, 300*time.Millisecond, 2*time.Second))
		what := []string{"Primary", "Primary", "Secondary", "both"}[rnd.IntN(4)]
		switch what {
		case "Primary":
			p.Power()
			said = wrote(r, w, p, false)
			promote(r, s)
			p, s = s, p
		case "Secondary":
			s.Power()
			// Twice: what was being written at the cut may have been safe on both.
			for range 2 {
				at, _ := w.now()
				r.Wait(soon, "the application goes on", func() bool { v, fault := w.now(); return v > at || fault != "" })
			}
			said = wrote(r, w, p, true)
			p.Do("umount", mnt)
		case "both":
			// The application's machine goes first: what it says after that nobody hears.
			p.Power()
			s.Power()
			said = wrote(r, w, p, false)
			p.Restore()
			s.Restore()
			for _, n := range []*rig.Node{p, s} {
				n.Start()
				n.Do("drbdadm", "up", "r0")
			}
			promote(r, p)
		}
		r.Step("crash %d: %s off; %d versions are safe", i+1, what, said+1)
		p.Do("mkdir", "-p", mnt)
		p.Do("mount", "/dev/drbd0", mnt) // replays the journal
		p.Do("umount", mnt)
		p.Do("e2fsck", "-fn", "/dev/drbd0")
		p.Do("mount", "/dev/drbd0", mnt)
		check(r, p, mnt, said)
		if t.Failed() {
			return
		}
		if !s.Up() {
			s.Restore()
			s.Start()
			s.Do("drbdadm", "up", "r0")
		}
		p.Expect(primary, syncLimit)
		s.Expect(secondary, soon)
		p.Do("umount", mnt)
		r.Wait(soon, "everything is in sync", func() bool { return p.Volume(0).OOS == 0 && s.Volume(0).OOS == 0 })
		r.Equal("sda1", p.DeviceSize(0))
		p.Do("mount", "/dev/drbd0", mnt)
	}
	p.Do("umount", mnt)
	for _, n := range []*rig.Node{r.A, r.B} {
		for _, c := range n.Disks["sda1"].(*rig.CrashDisk).Cuts() {
			lost += c.Lost
		}
	}
	r.Step("the disks lost %d blocks that were not flushed", lost)
}

// wrote ends the application and returns the last version that is safe. On a
// machine that lives no write may have failed.
func wrote(r *rig.Rig, w *writer, n *rig.Node, lives bool) int {
	r.Helper()
	said, fault := w.stop(r, n)
	if lives && fault != "" {
		r.Fatalf("the application on %s was told: %s", n.Name(), fault)
	}
	if fault != "" && !strings.HasPrefix(fault, "error:") {
		r.Fatalf("the application says %q", fault)
	}
	return said
}
