package config_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/config/sysenv"
)

const realHeartbeat = "/usr/libexec/heartbeat/heartbeat"

// realScript runs inside fresh mount, network, UTS, IPC and PID namespaces. Every
// case gets a PID namespace of its own, which dies with the parent that the
// real daemon detaches from: nothing survives the case. $1 is the work
// directory; /etc/ha.d, /var/lib/heartbeat, /var/log and /run are private.
const realScript = `set -e
mount --make-rprivate /
hostname node1
ip link set lo up
for i in 0 1 2; do ip link add eth$i type veth peer name p$i; ip link set eth$i up; done
ip addr add 10.77.1.1/24 brd + dev eth0
ip addr add 10.78.1.1/24 brd + dev eth1
mount -t tmpfs none /run
install -d -m 750 -o hacluster -g haclient /run/heartbeat
mkdir -p $1/ha.d $1/lib $1/log
cp -a /var/lib/heartbeat/. $1/lib
mount --bind $1/ha.d /etc/ha.d; mount --bind $1/lib /var/lib/heartbeat; mount --bind $1/log /var/log
cd $1/log
for c in $1/cases/*; do
	rm -rf /etc/ha.d/* /run/heartbeat.pid
	cp -p $c/etc/* /etc/ha.d/
	rc=0
	unshare -p --fork --mount-proc --kill-child timeout 2 ` + realHeartbeat + ` </dev/null >$c/out 2>&1 || rc=$?
	echo $rc >$c/rc
done
`

// labEnv describes the machine that realScript makes.
func labEnv() config.Env {
	in := func(list ...string) func(string) bool {
		return func(name string) bool { return slices.Contains(list, name) }
	}
	ids := func(list map[string]int) func(string) (int, bool) {
		return func(name string) (int, bool) { id, ok := list[name]; return id, ok }
	}
	var e config.Env
	e.Hostname = "node1"
	e.CorePattern, e.CoreUsesPID = "core", "0"
	e.LookupUser = ids(map[string]int{"root": 0, "hacluster": 104})
	e.LookupGroup = ids(map[string]int{"root": 0, "haclient": 108})
	e.StonithType = in("null", "meatware", "ssh", "suicide", "external/ssh")
	e.Service = func(string, string) (int, bool) { return 0, false }
	e.ServiceAt = func(port int, proto string) (string, bool) { return "domain", port == 53 }
	e.Stat = func(path string) config.FileInfo {
		switch path {
		case "/dev/null", "/dev/ttyS0":
			return config.FileInfo{Kind: config.CharDevice, Mode: 0o660}
		case "/dev", "/bin":
			return config.FileInfo{Kind: config.Directory, Mode: 0o755}
		case "/etc/passwd":
			return config.FileInfo{Kind: config.Regular, Mode: 0o644}
		case "/bin/true", realHeartbeat, "/usr/libexec/heartbeat/ipfail":
			return config.FileInfo{Kind: config.Regular, Mode: 0o755}
		}
		return config.FileInfo{}
	}
	e.Interface = func(name string) (config.Interface, bool) {
		return config.Interface{Up: true, IPv4: name != "eth2" && name != "eth0:0"}, slices.Contains([]string{"lo", "eth0", "eth0:0", "eth1", "eth2"}, name)
	}
	e.Resolve = func(string, string) (netip.Addr, error) { return netip.Addr{}, config.ErrUnknownHost }
	return e
}

// noise is what the real daemon prints that we leave out on purpose: debug
// lines, lines of the plugin loader, the two notes on the order of directives
// that it prints even when the order is right, a race of this test.
var noise = regexp.MustCompile(`^(debug: |ERROR: (LoadPlugin on |Lookup extended|Table size: |heartbeat: could not create pidfile)|` +
	`info: (AUTH: |Heartbeat Hg Version|glib: parse config info|glib: external_run_cmd)|WARN: glib: external_status|$)`)

var (
	stamp     = regexp.MustCompile(`(?m)^(\w{3} [ \d]\d \d\d:\d\d:\d\d node1 heartbeat: \[\d+\]|heartbeat\[\d+\]): (\d{4}/\S+ )?`)
	fileStamp = regexp.MustCompile(`(?m)^heartbeat\[\d+\]: \S+ `)
	glued     = regexp.MustCompile(`heartbeat: (udpport|baudrate) setting must precede media statements`)
)

func realLines(out []byte) []string {
	s := glued.ReplaceAllString(string(out), "")
	s = stamp.ReplaceAllString(fileStamp.ReplaceAllString(s, ""), "")
	var lines []string
	for _, l := range strings.Split(s, "\n") {
		if !noise.MatchString(l) {
			lines = append(lines, l)
		}
	}
	return lines
}

func ourLines(log []config.LogLine) []string {
	var lines []string
	for _, l := range log {
		if l.Ours {
			continue
		}
		text := l.Text
		if l.Level != "" {
			text = l.Level + ": " + text
		}
		for _, t := range strings.Split(text, "\n") {
			if !noise.MatchString(t) {
				lines = append(lines, t)
			}
		}
	}
	return lines
}

// TestRealDaemonAgrees feeds every case to the real Heartbeat and compares
// whether it starts and what it prints with what we find.
func TestRealDaemonAgrees(t *testing.T) {
	if os.Getenv("HB_INTEROP") != "1" {
		t.Skip("HB_INTEROP=1 compares with the real heartbeat")
	}
	if _, err := os.Stat(realHeartbeat); err != nil || os.Getuid() != 0 {
		t.Skip("needs root and the package heartbeat: ", realHeartbeat)
	}
	dir := t.TempDir()
	cases := realCases()
	for i, c := range cases {
		etc := filepath.Join(dir, "cases", fmt.Sprintf("%04d", i), "etc")
		if err := os.MkdirAll(etc, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, f := range map[string]config.File{"ha.cf": c.files.HA, "authkeys": c.files.Authkeys, "haresources": c.files.Haresources} {
			if f.Err == nil {
				path := filepath.Join(etc, name)
				if err := os.WriteFile(path, f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, f.Mode); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	cmd := exec.Command("unshare", "-m", "-n", "-u", "-i", "-p", "--fork", "--mount-proc", "--kill-child", "sh", "-c", realScript, "sh", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("namespaces: %v\n%s", err, out)
	}
	env := labEnv()
	here := sysenv.Env("/nonexistent")
	env.CorePattern, env.CoreUsesPID = here.CorePattern, here.CoreUsesPID
	var record strings.Builder
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			base := filepath.Join(dir, "cases", fmt.Sprintf("%04d", i))
			out, err := os.ReadFile(filepath.Join(base, "out"))
			if err != nil {
				t.Fatal(err)
			}
			rc, err := os.ReadFile(filepath.Join(base, "rc"))
			if err != nil {
				t.Fatal(err)
			}
			_, found := config.Load(c.files, env)
			log, ok := config.StartLog(found)
			realOK := string(bytes.TrimSpace(rc)) == "0"
			fmt.Fprintf(&record, "=== %s\nstarts %v\n", c.name, realOK)
			if c.differs == "" {
				for _, l := range realLines(out) {
					if !coreDump.MatchString(l) {
						fmt.Fprintln(&record, l)
					}
				}
			}
			if realOK != c.realStarts(ok) {
				t.Errorf("real daemon exits %s, we say start=%v (case is marked %q)\nreal:\n%s\nours:\n%v", bytes.TrimSpace(rc), ok, c.differs, out, log)
				return
			}
			if c.differs != "" {
				return
			}
			real, ours := realLines(out), ourLines(log)
			if !slices.Equal(real, ours) {
				t.Errorf("lines differ\nreal:\n  %s\nours:\n  %s", strings.Join(real, "\n  "), strings.Join(ours, "\n  "))
			}
		})
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(recorded, []byte(record.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// coreDump are the lines that depend on the settings of the machine's kernel.
var coreDump = regexp.MustCompile(`^WARN: (Core dumps could be lost|Consider setting )`)

const recorded = "testdata/real-heartbeat.txt"

var update = flag.Bool("update", false, "with HB_INTEROP=1: record the answers of the real daemon")

// TestAsRecordedFromRealDaemon compares with the answers that the real daemon
// gave when TestRealDaemonAgrees was last run with -update.
func TestAsRecordedFromRealDaemon(t *testing.T) {
	data, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, block := range strings.Split(string(data), "=== ")[1:] {
		lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
		want[lines[0]] = lines[1:]
	}
	env := labEnv()
	for _, c := range realCases() {
		t.Run(c.name, func(t *testing.T) {
			w, ok := want[c.name]
			if !ok {
				t.Fatal("not recorded; run with HB_INTEROP=1 -update as root where heartbeat is installed")
			}
			_, found := config.Load(c.files, env)
			log, starts := config.StartLog(found)
			if realOK := w[0] == "starts true"; realOK != c.realStarts(starts) {
				t.Fatalf("real daemon: %s; ours: %v (marked %q)\n%v", w[0], starts, c.differs, log)
			}
			if c.differs == "forgiven" && !starts || c.differs == "refused" && starts {
				t.Fatalf("marked %q, but start=%v", c.differs, starts)
			}
			if c.differs != "" {
				return
			}
			ours := slices.DeleteFunc(ourLines(log), coreDump.MatchString)
			if !slices.Equal(ours, w[1:]) {
				t.Errorf("lines differ\nreal:\n  %s\nours:\n  %s", strings.Join(w[1:], "\n  "), strings.Join(ours, "\n  "))
			}
		})
	}
}
