package config_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"classicha/heartbeatd/config"
)

// groupScript has the real ResourceManager take every group of every case. The
// resource scripts only write down how they were called.
const groupScript = `set -e
mount --make-rprivate /
hostname node1
mount -t tmpfs none /run
mkdir -p /run/heartbeat/rsctmp /run/resource-agents $1/log
mount --bind $1/ha.d /etc/ha.d
mount --bind $1/log /var/log
cd $1/log
export HA_LOGFACILITY=none HA_LOGFILE=/var/log/ha-log HA_DEBUGLOG=/var/log/ha-debug HA_CURHOST=node1
for c in $1/cases/*; do
	cp $c/haresources /etc/ha.d/haresources
	CALLS=$c/calls; export CALLS; : >$CALLS
	/usr/share/heartbeat/ResourceManager allkeys >$c/keys 2>>$c/err </dev/null || true
	while read -r key; do
		timeout 2 /usr/share/heartbeat/ResourceManager takegroup "$key" >>$c/err 2>&1 </dev/null || true
	done <$c/keys
done
`

const recordingScript = `#!/bin/sh
case $* in *start) echo "${0##*/} $*" >>$CALLS;; *status) echo stopped;; esac
exit 0
`

// TestRealResourceManagerAgrees compares the keys of the groups, the scripts and
// their arguments with what the original's scripts do for the same file.
func TestRealResourceManagerAgrees(t *testing.T) {
	if os.Getenv("HB_INTEROP") != "1" {
		t.Skip("HB_INTEROP=1 compares with the real heartbeat")
	}
	if _, err := os.Stat("/usr/share/heartbeat/ResourceManager"); err != nil || os.Getuid() != 0 {
		t.Skip("needs root and the package heartbeat")
	}
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", "-a", "/etc/ha.d", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, s := range []string{"LabRsc", "IPaddr", "Other"} {
		os.Remove(filepath.Join(dir, "ha.d/resource.d", s))
		write("ha.d/resource.d/"+s, recordingScript, 0o755)
	}
	// Not here: "1.2.3.4::x", for which the original's IPaddr gets x without the address.
	cases := []string{
		"node1 LabRsc::a Other\n",
		"NODE1 LabRsc::a::b::c\n",
		"node1 LabRsc::a \\\n   Other::x \\\nLabRsc::z\nnode2 Other::y\n",
		"node1 10.0.0.1/24/eth0:0/10.0.0.255 LabRsc\n",
		"node1 LabRsc::eth0:0::b LabRsc::::x::\n",
		"# c\n\n  node1\tLabRsc::a   Other # b\n",
		"node1 LabRsc::a#b Other\n",
		"node1 LabRsc::a \\#x\n Other::b\n",
		"node1 LabRsc::\"a b\"\n",
		"node1 LabRsc::a::10.0.0.1/24 Other::a::b\n",
		"node1 LabRsc::one\nnode1 LabRsc::two\n",
	}
	for i, text := range cases {
		write(filepath.Join("cases", string(rune('a'+i)), "haresources"), text, 0o644)
	}
	cmd := exec.Command("unshare", "-m", "-u", "-i", "-p", "--fork", "--mount-proc", "--kill-child", "bash", "-c", groupScript, "bash", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, text := range cases {
		h, _ := config.ParseHaresources("haresources", []byte(text), []string{"node1", "node2"}, config.Env{})
		var keys, calls []string
		for _, g := range h.Groups {
			keys = append(keys, g.Key)
			for _, r := range g.Resources {
				if slices.Contains([]string{"LabRsc", "IPaddr", "Other"}, r.Script) {
					calls = append(calls, strings.Join(slices.Concat([]string{r.Script}, r.Args, []string{"start"}), " "))
				}
			}
		}
		base := filepath.Join(dir, "cases", string(rune('a'+i)))
		realKeys, realCalls := readLines(t, base+"/keys"), readLines(t, base+"/calls")
		if !slices.Equal(keys, realKeys) || !slices.Equal(calls, realCalls) {
			t.Errorf("%q\nreal keys %q calls %q\nours keys %q calls %q\n%s", text, realKeys, realCalls, keys, calls, strings.Join(readLines(t, base+"/err"), "\n"))
		}
	}
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSuffix(string(data), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
