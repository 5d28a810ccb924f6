package pair

import (
	"os"
	"strings"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

// TestPlannedPowerDown: the UPS of the active machine runs empty and apcupsd runs the
// hook. The service moves without anybody being reset, the machine leaves with its
// disk known to be old, and is switched off; when it comes back it gets what it missed.
func TestPlannedPowerDown(t *testing.T) {
	c := newCluster(t, options{})
	a, s := c.active()
	repo, err := rig.Repo()
	if err != nil {
		t.Fatal(err)
	}
	sbin, err := rig.Programs(rig.Pair)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"resource.d/doshutdown": "etc/ha.d/samples/doshutdown", "resource.d/drbd-init": "etc/init.d/drbd"} {
		text, err := os.ReadFile(repo + "/" + file)
		if err != nil {
			t.Fatal(err)
		}
		c.Must(a.Conf(name, strings.Replace(string(text), "\nPATH=", "\nPATH="+sbin+":", 1)))
	}
	c.Step("doshutdown on %s", a.Name())
	at := time.Now()
	r := a.Run("env", "DRBD=/etc/ha.d/resource.d/drbd-init", "sh", "/etc/ha.d/resource.d/doshutdown", "ups", "1", "1")
	if r.Code != 0 || !strings.Contains(r.Out, "the other node was told") || !strings.Contains(r.Out, "Stopping all DRBD resources: .") {
		t.Errorf("exit code %d\n%s", r.Code, r.Out)
	}
	c.Step("it took %.1f s", time.Since(at).Seconds())
	if a.Daemon() != 0 {
		t.Error("drbdd still runs")
	}
	c.movedTo(s)
	if _, err := s.WaitLog(at, "Received shutdown notice from '"+a.Name()+"'", time.Second); err != nil {
		t.Error(err)
	}
	if got := s.State(0); !strings.HasSuffix(got, "Primary/Unknown UpToDate/Outdated") {
		t.Errorf("%s: %q, want to know that the disk of %s is old", s.Name(), got, a.Name())
	}
	c.cut(a)
	c.acknowledged(100)
	time.Sleep(3 * time.Second) // longer than the dead time
	if c.wasFenced(a) {
		t.Errorf("%s was reset although it had left", a.Name())
	}
	// Its silence is noticed, and known to be harmless.
	if _, err := s.WaitLog(at, "Dead node "+a.Name()+" gave up resources.", 10*time.Second); err != nil {
		t.Error(err)
	}
	c.verdict()
}
