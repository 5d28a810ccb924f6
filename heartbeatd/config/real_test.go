package config_test

import (
	"bytes"
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
	e := sysenv.Env("/nonexistent")
	e.Hostname, e.NodeinfoUsed = "node1", false
	e.Interface = func(name string) (config.Interface, bool) {
		return config.Interface{Up: true, IPv4: name != "eth2" && name != "eth0:0"}, slices.Contains([]string{"lo", "eth0", "eth0:0", "eth1", "eth2"}, name)
	}
	e.Resolve = func(string, string) (netip.Addr, error) { return netip.Addr{}, config.ErrUnknownHost }
	e.Script, e.Scripts = nil, nil
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
}
