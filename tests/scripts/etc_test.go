package scripts

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"classicha/heartbeatd/config"
)

// The samples are read without a complaint but those they are made for.
func TestSamples(t *testing.T) {
	env := config.Env{Hostname: "node1"}
	sample := func(name string) []byte { return []byte(read(root + "/etc/ha.d/samples/" + name)) }
	ha, found := config.ParseHA("ha.cf", sample("ha.cf"), env)
	for _, f := range found {
		if f.Level != config.Info {
			t.Errorf("ha.cf: %+v", f)
		}
	}
	if len(ha.Nodes) != 2 {
		t.Errorf("nodes %q", ha.Nodes)
	}
	// Every example and default that is commented out must be one that is accepted.
	examples := regexp.MustCompile(`(?m)^#([a-z_0-9]+\t)`)
	for _, line := range strings.Split(string(sample("ha.cf")), "\n") {
		if !examples.MatchString(line) {
			continue
		}
		text := strings.TrimPrefix(line, "#") + "\nnode node1\nbcast eth0\nlogfacility local0\nauto_failback on\n"
		_, found := config.ParseHA("ha.cf", []byte(text), env)
		for _, f := range found {
			if f.Refuse {
				t.Errorf("%s: %+v", line, f)
			}
		}
	}
	if _, found := config.ParseAuthkeys("authkeys", sample("authkeys"), 0o600); len(found) != 0 {
		t.Errorf("authkeys: %+v", found)
	}
	h, found := config.ParseHaresources("haresources", sample("haresources"), ha.Nodes, env)
	if len(found) != 0 || len(h.Groups) != 0 {
		t.Errorf("haresources: %+v %+v", h, found)
	}
	// With the examples switched on.
	text := regexp.MustCompile(`(?m)^#   (node[12] |      IPaddr2)`).ReplaceAllString(string(sample("haresources")), "$1")
	text = strings.ReplaceAll(text, "node1 192.168.77.50 apache", "node1 192.168.77.52 apache")
	h, found = config.ParseHaresources("haresources", []byte(text), ha.Nodes, env)
	if len(h.Groups) != 4 {
		t.Errorf("examples of haresources: %d groups %+v", len(h.Groups), found)
	}
	for _, f := range found {
		if f.Refuse || f.Level == config.Fail {
			t.Errorf("examples of haresources: %+v", f)
		}
	}
}

func TestUnitFile(t *testing.T) {
	needs(t, "systemd-analyze")
	// verify wants the programs to exist.
	for _, p := range []string{"/usr/libexec/heartbeat/heartbeat", "/usr/share/heartbeat/ResourceManager"} {
		if _, err := os.Stat(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
	out, err := execOut("systemd-analyze", "verify", "--man=no", root+"/etc/systemd/heartbeat.service")
	if err != nil || strings.Contains(out, "heartbeat.service:") {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}

// initScript runs etc/init.d/heartbeat with a stand-in for the daemon.
func initScript(t *testing.T, args ...string) (out string, exit int) {
	t.Helper()
	cmd := exec.Command(root+"/etc/init.d/heartbeat", args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HA_RESTART_WAIT=0"}
	b, err := cmd.CombinedOutput()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

func TestInitScript(t *testing.T) {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		t.Skip("systemd is here")
	}
	// The daemon and its helpers: stand-ins that keep their state in files.
	command(t, "sh", "-c", `mkdir -p /run/default /run/initshare /var/lock/subsys
cp -a /etc/default/. /run/default/; mount --bind /run/default /etc/default`)
	defer command(t, "umount", "/etc/default")
	put(t, "/run/default/heartbeat", "HEARTBEAT=/run/initshare/heartbeat\nHA_NOARCHBIN=/run/initshare\nHA_EMERGENCY=log\n")
	put(t, "/run/initshare/heartbeat", `#!/bin/sh
echo "heartbeat $* $HA_EMERGENCY" >>`+calls+`
case $1 in
-s) [ -e /run/hb.up ] && echo "heartbeat OK" || { echo "heartbeat is stopped. No process"; exit 3; };;
-k) rm -f /run/hb.up; [ ! -e /run/hb.stuck ];;
-r) echo "info: reloaded";;
'') [ ! -e /run/hb.bad ] || { echo "ERROR: Bad nodename"; exit 6; }; : >/run/hb.up;;
esac
`)
	put(t, "/run/initshare/ResourceManager", "#!/bin/sh\necho \"ResourceManager $*\" >>"+calls+"\n")
	put(t, "/run/initshare/hb_standby", "#!/bin/sh\necho \"hb_standby $*\" >>"+calls+"\n")
	put(t, "/run/ha.d/resource.d/startstop", "#!/bin/sh\necho \"startstop $*\" >>"+calls+"\n")
	defer command(t, "rm", "/run/ha.d/resource.d/startstop")
	called()
	check := func(verb, wantOut string, wantExit int, wantCalls string) {
		t.Helper()
		out, exit := initScript(t, verb)
		if out != wantOut || exit != wantExit {
			t.Errorf("%s: %q exit %d, want %q exit %d", verb, out, exit, wantOut, wantExit)
		}
		if c := called(); c != wantCalls {
			t.Errorf("%s called\n%s\nwant\n%s", verb, c, wantCalls)
		}
	}
	check("start", "Heartbeat not configured: /etc/ha.d/ha.cf not found. Heartbeat failure [rc=1]. Failed.\n", 0, "")
	put(t, "/run/ha.d/ha.cf", "deadtime 1500ms\nauto_failback ON\n")
	defer os.Remove("/run/ha.d/ha.cf")
	check("status", "heartbeat is stopped. No process\n", 3, "heartbeat -s log\n")
	check("standby", "auto_failback: on\nHeartbeat is not currently running.\n", 1, "heartbeat -s log\n")
	check("start", "Starting High-Availability services: Done.\n\n", 0,
		"startstop pre-start\nResourceManager verifyallidle\nheartbeat  log\nstartstop post-start 0\n")
	if _, err := os.Stat("/var/lock/subsys/heartbeat"); err != nil {
		t.Error("no lock file of the subsystem")
	}
	check("status", "heartbeat OK\n", 0, "heartbeat -s log\n")
	check("standby", "auto_failback: on\nAttempting to enter standby modeDone.\n", 0, "heartbeat -s log\nhb_standby \n")
	check("reload", "Reloading High-Availability services: info: reloaded\nDone.\n\n", 0, "heartbeat -r log\n")
	check("force-reload", "Reloading High-Availability services: info: reloaded\nDone.\n\n", 0, "heartbeat -r log\n")
	check("restart", "Stopping High-Availability services: Done.\n\nWaiting to allow resource takeover to complete:Done.\n\nStarting High-Availability services: Done.\n\n", 0,
		"heartbeat -k log\nResourceManager verifyallidle\nheartbeat  log\n")
	check("stop", "Stopping High-Availability services: Done.\n\n", 0, "startstop pre-stop\nheartbeat -k log\nstartstop post-stop 0\n")
	put(t, "/run/hb.bad", "")
	check("start", "Starting High-Availability services:  Heartbeat failure [rc=6]. Failed.\n\nERROR: Bad nodename\n\n", 6,
		"startstop pre-start\nResourceManager verifyallidle\nheartbeat  log\nstartstop post-start 6\n")
	put(t, "/run/hb.stuck", "")
	check("stop", "Stopping High-Availability services:  Heartbeat failure [rc=1]. Failed.\n\n", 1, "startstop pre-stop\nheartbeat -k log\nstartstop post-stop 1\n")
	put(t, "/run/ha.d/ha.cf", "auto_failback legacy\n")
	check("standby", "auto_failback is set to legacy.  Cannot enter standby.\n", 1, "")
	put(t, "/run/ha.d/ha.cf", "node a\n")
	check("standby", "auto_failback defaulted to legacy.  Cannot enter standby.\n", 1, "")
	check("dance", "Usage: "+root+"/etc/init.d/heartbeat {start|stop|status|restart|reload|force-reload}\n", 1, "")
}

// Times of ha.cf in the wait of a restart.
func TestInitScriptSeconds(t *testing.T) {
	text := read(root + "/etc/init.d/heartbeat")
	_, text, _ = strings.Cut(text, "\nseconds() {")
	text, _, _ = strings.Cut(text, "\n}\n")
	for in, want := range map[string]string{"10": "10", "1500ms": "2", "500msec": "1", "2.5": "3", "250000us": "1", "": "0"} {
		if out, err := execOut("sh", "-c", "seconds() {"+text+"\n}\nseconds "+in); err != nil || strings.TrimSpace(out) != want {
			t.Errorf("seconds %q: %q %v, want %s", in, out, err, want)
		}
	}
}
