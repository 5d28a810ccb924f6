package e2e

import (
	"regexp"
	"strings"
	"testing"

	"classicha/tests/demo/seed"
	"classicha/tests/drbd/rig"
	"classicha/tests/lab"
)

// TestArticle is section 4.3 of the article, command by command: the first sync,
// a file system, a large file, and the other machine has it; then back.
func TestArticle(t *testing.T) {
	need(t, "mkfs.ext3", "mount")
	t.Parallel()
	r := rig.New(t, rig.Options{Conf: seed.DrbdConf, Disks: rig.FileDisks(160 * mib), Etc: initScript(t, "proc-format 0.7")})
	started := make(chan lab.Result, 2)
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Do("drbdadm", "--", "--force", "create-md", "user")
		r.Step("%s: /etc/init.d/drbd start", n.Name())
		go func() { started <- n.Run("/etc/init.d/drbd", "start") }()
	}
	for range 2 {
		if res := <-started; res.Code != 0 || !strings.Contains(res.Out, "Starting DRBD resources") {
			t.Fatalf("exit code %d\n%s", res.Code, res.Out)
		}
	}
	r.A.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", soon)
	r.Step("/proc/drbd in three styles")
	wantProc(r, "Connected", regexp.MustCompile(`(?m)^ 0: cs:Connected st:Secondary/Secondary ld:Inconsistent$`), func() string { return r.A.Proc() })
	proc := r.A.Do("drbdadm", "proc", "--style", "8.4")
	if !strings.Contains(proc, " 0: cs:Connected ro:Secondary/Secondary ds:Inconsistent/Inconsistent C r-----\n") {
		t.Errorf("drbdadm proc --style 8.4:\n%s", proc)
	}

	r.Step("drbdsetup /dev/drbd0 primary --do-what-I-say")
	r.A.Fails(17, []string{"(-2) Need access to UpToDate data"}, "drbdsetup", "/dev/drbd0", "primary")
	r.A.Do("drbdsetup", "/dev/drbd0", "primary", "--do-what-I-say")
	wantProc(r, "the progress of the sync", regexp.MustCompile(`(?s) 0: cs:SyncSource st:Primary/Secondary ld:Consistent\n.*\t\[[=>.]{20,21}\] sync'ed: +[0-9.]+% \(\d+/\d+\)K\n\tfinish: \d+:\d\d:\d\d speed: [0-9,]+ \([0-9,]+\) K/sec\n`), func() string {
		return r.A.Do("drbdadm", "proc", "--style", "0.7")
	})
	r.A.Expect(primary, syncLimit)
	r.B.Expect(secondary, soon)
	r.Step("in sync")
	r.Equal("sda1", r.A.DeviceSize(0))

	r.A.Do("mkfs.ext3", "-q", "/dev/drbd0")
	r.A.Do("mkdir", "-p", "/run/user0")
	r.A.Do("mount", "-t", "ext3", "/dev/drbd0", "/run/user0")
	r.Step("a large file on serv-a")
	r.A.Do("sh", "-c", "dd if=/dev/urandom of=/run/user0/large bs=1M count=60 status=none && sync /run/user0/large")
	sum := r.A.Do("md5sum", "/run/user0/large")
	move(r, r.A, r.B)
	if got := r.B.Do("md5sum", "/run/user0/large"); got != sum {
		t.Fatalf("md5sum on serv-b %q, on serv-a it was %q", got, sum)
	}
	r.Step("serv-b has the same file, and changes it")
	r.B.Do("sh", "-c", "echo more >>/run/user0/large && dd if=/dev/urandom of=/run/user0/second bs=1M count=20 status=none")
	sum = r.B.Do("md5sum", "/run/user0/large", "/run/user0/second")
	move(r, r.B, r.A)
	if got := r.A.Do("md5sum", "/run/user0/large", "/run/user0/second"); got != sum {
		t.Fatalf("md5sums on serv-a %q, on serv-b they were %q", got, sum)
	}
	r.A.Do("umount", "/run/user0")
	r.A.Do("drbdadm", "secondary", "user")
	r.Equal("sda1", r.A.DeviceSize(0))
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Do("/etc/init.d/drbd", "stop")
		if n.Daemon() != 0 {
			t.Errorf("drbdd of %s runs after the stop", n.Name())
		}
	}
	r.Step("stopped")
}

// move takes the file system from one machine to the other.
func move(r *rig.Rig, from, to *rig.Node) {
	r.Helper()
	r.Step("from %s to %s", from.Name(), to.Name())
	to.Do("mkdir", "-p", "/run/user0")
	from.Do("umount", "/run/user0")
	from.Do("drbdadm", "secondary", "user")
	to.Do("drbdadm", "primary", "user")
	to.Do("mount", "-t", "ext3", "/dev/drbd0", "/run/user0")
}

// wantProc waits until a text matches.
func wantProc(r *rig.Rig, what string, want *regexp.Regexp, get func() string) {
	r.Helper()
	text := ""
	for range 400 {
		if text = get(); want.MatchString(text) {
			return
		}
	}
	r.Fatalf("%s: no match of %s in\n%s", what, want, text)
}
