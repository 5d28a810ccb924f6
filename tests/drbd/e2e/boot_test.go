package e2e

import (
	"strings"
	"testing"
	"time"

	"classicha/tests/demo/seed"
	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
)

// TestWaitAtBoot: /etc/init.d/drbd at the console of machines that boot. Both: they
// find each other and nobody is asked anything. One alone: it says for how long it
// waits and why, takes a yes, or gives up when the time is over.
func TestWaitAtBoot(t *testing.T) {
	need(t, "script")
	t.Parallel()
	conf := strings.NewReplacer("degr-wfc-timeout 240;", "degr-wfc-timeout 12;", "on-io-error panic;", "on-io-error detach;").Replace(seed.DrbdConf)
	if strings.Count(conf, "wfc-timeout 240;") != 1 || !strings.Contains(conf, "degr-wfc-timeout 12;") {
		t.Fatalf("the article's drbd.conf has changed:\n%s", conf)
	}
	r := rig.New(t, rig.Options{Conf: conf, Disks: crashDisks(32 * mib), Etc: initScript(t)})
	// boot starts DRBD on a terminal, on which something may be typed after a while.
	boot := func(n *rig.Node, typed string) (out string, took time.Duration) {
		t.Helper()
		r.Step("%s: /etc/init.d/drbd start", n.Name())
		began := time.Now()
		res := n.Run("sh", "-c", "{ sleep 11; echo "+typed+"; sleep 3; } | TERM=linux script -qfec '/etc/init.d/drbd start' /dev/null & p=$!; wait $p; exit $?")
		took = time.Since(began)
		if res.Code != 0 {
			t.Fatalf("%s: exit code %d\n%s", n.Name(), res.Code, res.Out)
		}
		return strings.ReplaceAll(res.Out, "\r\n", "\n"), took
	}
	together := func() {
		t.Helper()
		done := make(chan lab.Result, 2)
		began := time.Now()
		for _, n := range []*rig.Node{r.A, r.B} {
			go func() { done <- n.Run("sh", "-c", "script -qfec '/etc/init.d/drbd start' /dev/null </dev/null") }()
		}
		for range 2 {
			if res := <-done; res.Code != 0 || strings.Contains(res.Out, "To abort waiting") {
				t.Errorf("both boot: exit code %d\n%s", res.Code, res.Out)
			}
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("both boot: it took %s", d)
		}
	}
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Do("drbdadm", "--", "--force", "create-md", "user")
	}
	together()
	r.A.Do("drbdsetup", "/dev/drbd0", "primary", "--do-what-I-say")
	r.A.Expect(primary, syncLimit)
	r.Step("power cut of both; serv-a boots alone, and somebody types yes")
	r.A.Power() // first, so that it never was alone
	r.B.Power()
	r.A.Restore()
	out, took := boot(r.A, "yes")
	for _, want := range []string{
		" DRBD's startup script waits for the peer node(s) to appear.\n",
		"   reboot, the timeout is 12 seconds. [degr-wfc-timeout]\n", "   is 240 seconds. [wfc-timeout]\n",
		" seconds are left [wfc-timeout]:\n   the peer was there when this node went down, and may have newer data\n",
		" To abort waiting enter 'yes' [ -- ]: ", "\x1b[s\x1b[31G[  10]:\x1b[u",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%q", want, out)
		}
	}
	if took > 30*time.Second {
		t.Errorf("a yes after 11 s, and the wait took %s", took)
	}
	r.A.Expect("WFConnection Secondary/Unknown UpToDate/DUnknown", soon)

	r.Step("Primary alone, power cut, alone again: the other timeout, and nobody types")
	r.A.Do("drbdadm", "primary", "user")
	r.A.Expect("WFConnection Primary/Unknown UpToDate/DUnknown", soon)
	time.Sleep(time.Second)
	r.A.Power()
	r.A.Restore()
	out, _ = boot(r.A, "")
	if want := " of 12 seconds are left [degr-wfc-timeout]:\n   this node was Primary without its peer when it went down\n"; !strings.Contains(out, want) {
		t.Errorf("want %q in\n%q", want, out)
	}
	r.A.Expect("WFConnection Secondary/Unknown UpToDate/DUnknown", soon)

	r.Step("power cut, both boot")
	r.A.Power()
	r.A.Restore()
	r.B.Restore()
	together()
	r.A.Expect("Connected Secondary/Secondary UpToDate/UpToDate", syncLimit)
}
