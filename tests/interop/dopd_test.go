package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

const outdaterProgram = "/usr/libexec/heartbeat/drbd-peer-outdater"

// stubDrbdadm stands in the place of drbdadm: it records its calls and ends as a file says.
const stubDrbdadm = "#!/bin/sh\necho \"$*\" >>/run/outdated\n. /run/drbdadm-ends\n"

// TestDopd: drbd-peer-outdater asks on either node, and the dopd of the other program
// answers for the other node. drbdadm is a stub on both.
func TestDopd(t *testing.T) {
	t.Parallel()
	pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
		p := pair.New(t, pair.Config{
			Roles: r,
			Extra: []string{"respawn hacluster /usr/libexec/heartbeat/dopd", "apiauth dopd uid=hacluster gid=haclient"},
			// The dopd of 3.0.6 ends with SIGSEGV when its client has gone.
			// Its outdater wants a directory that a node of ours has no use for.
			Allow: []string{"/usr/libexec/heartbeat/dopd", "Cannot chdir to [/var/lib/heartbeat/cores"},
		})
		p.Start(p.A, p.B)
		p.Expect(pair.Home, bootLimit)
		for _, n := range p.Nodes {
			p.Must(os.WriteFile(n.Path("/run/drbdadm"), []byte(stubDrbdadm), 0o755))
			p.Must(os.WriteFile(n.Path("/run/outdated"), nil, 0o666))
			p.Must(os.Chmod(n.Path("/run/outdated"), 0o666))
			// A node of ours has its own beside the machine's.
			out := n.Run("sh", "-c", "for p in $(which -a drbdadm) /usr/sbin/drbdadm; do [ -e $p ] || continue; mount --bind /run/drbdadm $(readlink -f $p) || exit 1; done").Out
			if out != "" {
				t.Fatal(out)
			}
		}
		for _, n := range p.Nodes {
			other := p.Peer(n)
			cases := map[string]int{"exit 0": 4, "exit 5": 3, "exit 17": 6, "exit 1": 20}
			for end, want := range cases {
				p.Must(os.WriteFile(other.Path("/run/drbdadm-ends"), []byte(end+"\n"), 0o644))
				outdates(p, n, other.Name(), want)
			}
			// One that failed may have been called again.
			if got, _ := os.ReadFile(other.Path("/run/outdated")); strings.ReplaceAll(string(got), "outdate r0\n", "") != "" || strings.Count(string(got), "\n") < len(cases) {
				t.Errorf("drbdadm of %s was called as\n%s", other.Name(), got)
			}
		}
		p.Step("the outdater of the other program asks the dopd of this one")
		for _, n := range p.Nodes {
			other := p.Peer(n)
			p.Must(os.WriteFile(other.Path("/run/drbdadm-ends"), []byte("exit 5\n"), 0o644))
			for from, program := range map[string]string{"real": outdaterProgram, "ours": ourProgram(p)} {
				b, err := os.ReadFile(program)
				p.Must(err)
				p.Must(os.MkdirAll(n.Path("/run/"+from), 0o755))
				p.Must(os.WriteFile(n.Path("/run/"+from+"/drbd-peer-outdater"), b, 0o755))
				outdatesBy(p, n, "/run/"+from+"/drbd-peer-outdater", other.Name(), 3)
			}
		}
		p.Step("questions that nobody has to be asked")
		for _, n := range p.Nodes {
			outdates(p, n, "node9", 5)
			outdates(p, n, n.Name(), 5)
		}
		p.Cut(p.B)
		p.Must(lab.Wait(takeoverLimit, "node2 is dead", func() bool { return p.A.Sees("node2") == "dead" }))
		outdates(p, p.A, "node2", 5)
	})
}

// TestDopdDies: the peer is cut off while it is asked. Ours answers at once, that of 3.0.6
// not at all.
func TestDopdDies(t *testing.T) {
	t.Parallel()
	pair.ForRoles(t, roles(), func(t *testing.T, r [2]string) {
		p := pair.New(t, pair.Config{
			Roles: r, Failback: "off",
			Extra: []string{"respawn hacluster /usr/libexec/heartbeat/dopd", "apiauth dopd uid=hacluster gid=haclient"},
			Allow: []string{"/usr/libexec/heartbeat/dopd"},
		})
		p.Start(p.A, p.B)
		p.Expect(pair.Home, bootLimit)
		p.Must(os.WriteFile(p.B.Path("/run/drbdadm"), []byte("#!/bin/sh\ntouch /run/asked; sleep 20\n"), 0o755))
		p.B.Run("sh", "-c", "chmod 1777 /run; for p in $(which -a drbdadm) /usr/sbin/drbdadm; do [ -e $p ] || continue; mount --bind /run/drbdadm $(readlink -f $p); done")
		type end struct {
			code int
			took time.Duration
		}
		ended := make(chan end, 1)
		begin := time.Now()
		go func() {
			code := p.A.RunFor(20*time.Second, outdaterProgram, "-p", "node2", "-r", "r0", "-t", "8").Code
			ended <- end{code, time.Since(begin)}
		}()
		p.Must(lab.Wait(5*time.Second, "drbdadm of node2 runs", func() bool { _, err := os.Stat(p.B.Path("/run/asked")); return err == nil }))
		p.Cut(p.B)
		e := <-ended
		if e.code != 5 || (e.took > 5*time.Second) == (r[0] == "ours") {
			t.Errorf("exit code %d after %v", e.code, e.took)
		}
		p.Step("%d after %v", e.code, e.took)
	})
}

// ourProgram is the file that drbd-peer-outdater of ours is a name of.
func ourProgram(p *pair.Pair) string {
	p.T.Helper()
	img, err := pair.Image("ours")
	p.Must(err)
	return filepath.Join(img.Root, "usr/libexec/heartbeat/heartbeatd")
}

// outdates asks on a node about another, with the node's own program.
func outdates(p *pair.Pair, n *lab.Node, peer string, want int) {
	p.T.Helper()
	outdatesBy(p, n, outdaterProgram, peer, want)
}

func outdatesBy(p *pair.Pair, n *lab.Node, program, peer string, want int) {
	p.T.Helper()
	var r lab.Result
	// The dopd of 3.0.6 may just be starting again after the question before.
	err := lab.Wait(6*time.Second, "", func() bool {
		r = n.RunFor(20*time.Second, program, "-p", peer, "-r", "r0", "-t", "5")
		return r.Code == want
	})
	p.Step("%s (%s) asks about %s with %s: %d", n.Name(), n.Image().Name, peer, program, r.Code)
	if err != nil {
		p.T.Errorf("%s (%s) asks about %s with %s: exit code %d, want %d\n%s", n.Name(), n.Image().Name, peer, program, r.Code, want, r.Out)
	}
}
