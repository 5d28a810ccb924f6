package tools

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"classicha/heartbeatd/clientapi"
	"classicha/heartbeatd/clientapi/apitest"
	"classicha/heartbeatd/cluster"

	"golang.org/x/sys/unix"
)

const realClStatus = "/usr/bin/cl_status"

// inOwnRun runs the calling test again in a mount namespace of its own, where
// /run/heartbeat is an empty directory: programs that know only that path find
// our socket there. It reports true inside.
func inOwnRun(t *testing.T, program string) bool {
	t.Helper()
	if os.Getenv("TEST_OWN_RUN") == t.Name() {
		if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("tmpfs", "/run/heartbeat", "tmpfs", 0, "mode=755"); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("needs the real " + program + " (Debian package heartbeat)")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a mount namespace")
	}
	if err := os.MkdirAll("/run/heartbeat", 0o750); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "TEST_OWN_RUN="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
	return false
}

// clRun is what a run of cl_status printed and returned.
type clRun struct {
	stdout, stderr string
	code           int
}

var logPrefix = regexp.MustCompile(`(?m)^[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d \S+ cl_status: \[\d+\]: `)

func newRun(stdout, stderr *bytes.Buffer, code int) clRun {
	return clRun{stdout.String(), logPrefix.ReplaceAllString(stderr.String(), "DATE cl_status: [PID]: "), code}
}

func runReal(t *testing.T, args []string) clRun {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(realClStatus, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	code := cmd.ProcessState.ExitCode()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return newRun(&stdout, &stderr, code)
}

func runOurs(args []string) clRun {
	var stdout, stderr bytes.Buffer
	code := ClStatus(args, &stdout, &stderr)
	return newRun(&stdout, &stderr, code)
}

// compare runs command lines by both and wants the same bytes and codes.
func compare(t *testing.T, lines string) {
	t.Helper()
	for _, line := range strings.Split(strings.Trim(lines, "\n"), "\n") {
		args := strings.Fields(line)
		real, ours := runReal(t, args), runOurs(args)
		if real != ours {
			t.Errorf("cl_status %s\nreal %d %q %q\nours %d %q %q", line,
				real.code, real.stdout, real.stderr, ours.code, ours.stdout, ours.stderr)
		}
	}
}

const statusLines = `
hbstatus
hbstatus -v
hbstatus -m
hbstatus -v -m
hbstatus -x
hbstatus -v -x
listnodes
listnodes -n
listnodes -p
listnodes -m
listnodes -nm
listnodes -v
listnodes -n -p
listnodes -v -m
listnodes -v -p
nodestatus OURS
nodestatus NODE2
nodestatus node2 -m
nodestatus NODE2 -m
nodestatus 192.168.77.254
nodestatus 192.168.77.254 -m
listhblinks node2
listhblinks node2 -v -m
hblinkstatus node2 eth0
hblinkstatus node2 eth1
hblinkstatus node2 eth1 -m
rscstatus
rscstatus -m
`

const otherLines = `

-h
-h bogus
--help
bogus
bogus -h
hbstat
-m hbstatus
listnodes -x
listnodes --bogus
listnodes foo
nodestatus -m node2
nodestatus nosuch
nodestatus nosuch -m
nodestatus
nodestatus node2 nosuch
nodestatus -x node2
nodetype node2
nodetype -m NODE2
nodetype 192.168.77.254
nodetype nosuch
nodetype
nodetype -x
nodeweight node2
nodeweight node2 -m
nodeweight nosuch
nodeweight
nodeweight -x
nodesite node2
nodesite NODE2 -m
nodesite nosuch
nodesite
nodesite -x
listhblinks node2 -v
listhblinks node2 -m
listhblinks 192.168.77.254 -v
listhblinks nosuch
listhblinks nosuch -v -m
listhblinks
listhblinks node2 -p
listhblinks -mv node2
hblinkstatus node2 nolink
hblinkstatus nosuch eth0
hblinkstatus node2
hblinkstatus
hblinkstatus -x
hblinkstatus 192.168.77.254 192.168.77.254
hblinkstatus node2 eth0 -p
clientstatus OURS nosuch
clientstatus OURS nosuch -m
clientstatus node2 ipfail
clientstatus node2 ipfail 1000 -m
clientstatus node2 nosuch 1000
clientstatus nosuch ipfail
clientstatus nosuch ipfail 10
clientstatus 192.168.77.254 ipfail
clientstatus node2
clientstatus
clientstatus -x
clientstatus node2 ipfail 1000x
clientstatus node2 ipfail -5
rscstatus x
rscstatus -x
hbparameter -p deadtime
hbparameter -p deadtime -m
hbparameter -pdeadtime
hbparameter -p nosuch
hbparameter -p nosuch -m
hbparameter -p crm
hbparameter
hbparameter -m
hbparameter deadtime
hbparameter -p
hbparameter -p nosuch -p keepalive
hbparameter -x
-- hbstatus
hbstatus -- -v
listnodes -- -v
nodestatus -- node2
`

// TestRealClStatus: the cl_status of Debian's heartbeat works with our server,
// and ours prints what it prints (heartbeat-behaviour 5).
func TestRealClStatus(t *testing.T) {
	if !inOwnRun(t, realClStatus) {
		return
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host = strings.ToLower(host)
	b := apitest.New(host)
	lines := func(s string) string { return strings.ReplaceAll(s, "OURS", host) }
	serve := func(rules []clientapi.Rule) *clientapi.Server {
		s := clientapi.NewServer(clientapi.Options{Rules: rules, LogFacility: 128}, b)
		if err := s.Listen(); err != nil {
			t.Fatal(err)
		}
		return s
	}
	anyone := []clientapi.Rule{{Client: "anon", UIDs: []int{0}}}

	s := serve(anyone)
	t.Run("normal", func(t *testing.T) {
		compare(t, lines(statusLines))
		compare(t, lines(otherLines))
	})
	t.Run("peer dead", func(t *testing.T) {
		b.Edit(func(v *cluster.View, _ map[string]string) {
			v.Holds = "all"
			v.Nodes[2].Status = "dead"
			v.Nodes[2].Links[1].Status = "dead"
			v.Nodes[0].Status = "dead"
			v.Nodes[2].Weight, v.Nodes[2].Site = 50, "here there"
		})
		compare(t, lines(statusLines+"nodeweight node2\nnodesite node2\nnodesite node2 -m\nclientstatus node2 ipfail"))
	})
	for _, c := range []struct{ name, holds, failback, want string }{
		{"none", "none", "on", "none\n"}, {"foreign", "foreign", "on", "foreign\n"},
		{"transition", "all", "on", "transition\n"}, {"legacy", "all", "legacy", "none\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.Edit(func(v *cluster.View, _ map[string]string) {
				v.Holds, v.AutoFailback, v.Stable = c.holds, c.failback, c.name != "transition"
			})
			compare(t, "rscstatus\nrscstatus -m")
			if got := runReal(t, []string{"rscstatus"}); got != (clRun{c.want, "", 0}) {
				t.Errorf("the real one says %+v, want %q", got, c.want)
			}
		})
	}
	s.Close()

	s = serve(nil)
	t.Run("refused", func(t *testing.T) { compare(t, lines(statusLines)) })
	s.Close()

	t.Run("stopped", func(t *testing.T) {
		compare(t, lines(statusLines))
		compare(t, lines(otherLines))
	})
}
