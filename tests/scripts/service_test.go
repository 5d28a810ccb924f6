package scripts

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// apacheConf writes a configuration for a server on the loopback interface.
func apacheConf(t *testing.T, extra string) (conf, pidfile string) {
	t.Helper()
	needs(t, "apache2")
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	pidfile = dir + "/run/web.pid"
	text := fmt.Sprintf(`ServerRoot %s
ServerName test
PidFile "${WEB_RUN}/web.pid"
ErrorLog %s/error.log
Listen 127.0.0.1:8088
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
DocumentRoot %s
StartServers 1
%s
`, dir, dir, dir, extra)
	files := map[string]string{"ha.conf": text, "index.html": "served by apache\n", "envvars": "export WEB_RUN=" + dir + "/run\n"}
	for name, s := range files {
		if err := os.WriteFile(dir+"/"+name, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir + "/ha.conf", pidfile
}

func answers() bool {
	c := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://127.0.0.1:8088/index.html")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == 200
}

func TestApache(t *testing.T) {
	conf, pidfile := apacheConf(t, "")
	cycle(t, answers, "apache", conf)
	run(t, "apache", conf, "start").ok(t)
	pid, _ := strconv.Atoi(strings.TrimSpace(read(pidfile)))
	syscall.Kill(pid, syscall.SIGKILL) // a crash leaves the pid file behind
	eventually(t, "the server's end", func() bool { return read(fmt.Sprintf("/proc/%d/comm", pid)) == "" })
	status(t, false, "apache", conf)
	command(t, "sh", "-c", "pkill -KILL apache2 || :")
	run(t, "apache", conf, "start").ok(t)
	status(t, true, "apache", conf)
	run(t, "apache", conf, "stop").ok(t)
}

// The number in an old pid file may be another program's: that is not our server,
// and stop must not kill it.
func TestApacheStalePidFile(t *testing.T) {
	conf, pidfile := apacheConf(t, "")
	command(t, "mkdir", "-p", strings.TrimSuffix(pidfile, "/web.pid"))
	if err := os.WriteFile(pidfile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	status(t, false, "apache", conf)
	run(t, "apache", conf, "stop").ok(t)
	cycle(t, answers, "apache", conf)
}

func TestApacheFailures(t *testing.T) {
	conf, _ := apacheConf(t, "NoSuchDirective on")
	run(t, "apache", conf, "start").fails(t, "could not be started")
	run(t, "apache", "/nonexistent.conf", "start").fails(t, "the configuration file /nonexistent.conf cannot be read")
	run(t, "apache", "/nonexistent.conf", "stop").ok(t)
	status(t, false, "apache", conf)
}

// Without a name, Debian's own configuration is found.
func TestApacheFindsConfiguration(t *testing.T) {
	needs(t, "apache2")
	if _, err := os.Stat("/etc/apache2/apache2.conf"); err != nil {
		t.Skip("no /etc/apache2/apache2.conf")
	}
	command(t, "sh", "-c", "mkdir -p /run/apachelog; mount --bind /run/apachelog /var/log/apache2")
	defer command(t, "umount", "/var/log/apache2")
	cycle(t, nil, "apache")
}

// drbdadm is stood in for: its role is kept in a file.
func drbdadm(t *testing.T) {
	tool(t, "drbdadm", `case $1 in
role|state) [ -e /run/drbd.$2 ] || exit 10; cat /run/drbd.$2;;
primary) [ ! -e /run/drbd.refuse ] || { rm /run/drbd.refuse; exit 11; }; [ -e /run/drbd.$2 ] || exit 10; echo Primary/Secondary >/run/drbd.$2;;
secondary) [ ! -e /run/drbd.busy ] || exit 11; echo Secondary/Secondary >/run/drbd.$2;;
sh-resources) echo r0 r1;;
sh-nop) [ ! -e /run/drbd.broken ] || { echo "/etc/drbd.conf:3: Parse error"; exit 10; };;
cstate) echo WFConnection;;
dstate) echo Outdated/DUnknown;;
esac`)
	t.Cleanup(func() { command(t, "sh", "-c", "rm -f /run/drbd.*") })
	put(t, "/run/drbd.r0", "Secondary/Secondary\n")
	called()
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestDrbddisk(t *testing.T) {
	drbdadm(t)
	cycle(t, func() bool { return strings.HasPrefix(read("/run/drbd.r0"), "Primary") }, "drbddisk", "r0")
	put(t, "/run/drbd.refuse", "") // the peer is still Primary: once more after a second
	run(t, "drbddisk", "r0", "start").ok(t)
	two := []string{"HA_DRBDDISK_TRIES=2"}
	os.Remove("/run/drbd.r1") // r1 never becomes Primary
	runEnv(t, two, "drbddisk", "r1", "start").fails(t, "drbdadm primary r1 failed 2 times: roles unknown, connection WFConnection, disks Outdated/DUnknown (ours/the peer's).")
	// What drbd.conf does not have is no matter of waiting.
	if r := run(t, "drbddisk", "nosuch", "start"); r.took > 4*time.Second {
		t.Errorf("a resource that does not exist was tried for %s", r.took)
	} else {
		r.fails(t, "drbd.conf has no resource nosuch for node1: correct drbddisk::nosuch in haresources, or add the resource (there are: r0 r1)")
	}
	run(t, "drbddisk", "nosuch", "stop").ok(t)
	put(t, "/run/drbd.broken", "")
	run(t, "drbddisk", "nosuch", "start").fails(t, "drbd.conf cannot be used, so nosuch cannot become Primary: correct it, drbdadm dump says where: /etc/drbd.conf:3: Parse error")
	os.Remove("/run/drbd.broken")
	put(t, "/run/drbd.busy", "")
	runEnv(t, two, "drbddisk", "r0", "stop").fails(t, "who still has the device open?")
	put(t, "/run/drbd.all", "Primary\nSecondary\n") // one of two is not a running "all"
	status(t, false, "drbddisk")
	put(t, "/run/drbd.all", "Primary\nPrimary\n")
	status(t, true, "drbddisk")
}

func TestDrbddiskWithoutDRBD(t *testing.T) {
	coverProgram(t, "drbdadm", "/dev/null")
	run(t, "drbddisk", "r0", "start").fails(t, "drbdadm is not installed")
	run(t, "drbddisk", "r0", "stop").ok(t)
	status(t, false, "drbddisk", "r0")
}

func TestLVM(t *testing.T) {
	tool(t, "vgchange", `case "$1 $2 $3" in
"-a y vg0") echo active >/run/lvm.vg0;;
"-a n vg0") [ ! -e /run/lvm.busy ] || { rm /run/lvm.busy; exit 5; }; : >/run/lvm.vg0;;
*) exit 5;; esac`)
	tool(t, "lvs", `for a in "$@"; do :; done; [ -e /run/lvm.$a ] || exit 5; cat /run/lvm.$a`)
	put(t, "/run/lvm.vg0", "")
	cycle(t, func() bool { return read("/run/lvm.vg0") == "active\n" }, "LVM", "vg0")
	cycle(t, nil, "LVM", "/dev/vg0")
	run(t, "LVM", "vg0", "start").ok(t)
	put(t, "/run/lvm.busy", "")
	run(t, "LVM", "vg0", "stop").ok(t) // again after a second
	run(t, "LVM", "nosuch", "start").fails(t, "cannot activate volume group nosuch")
	run(t, "LVM", "nosuch", "stop").ok(t)
}

func TestPortblock(t *testing.T) {
	needs(t, "iptables")
	if out, err := execOut("iptables", "-w", "-L", "INPUT", "-n"); err != nil {
		t.Skipf("iptables does not work here: %s", out)
	}
	blocked := func() bool {
		out, _ := execOut("iptables", "-w", "-S", "INPUT")
		return strings.Contains(out, "--dports 2049,111 -j DROP")
	}
	if err := shell("iptables -w -I INPUT -p tcp -m multiport --dports 1 -j DROP && iptables -w -D INPUT -p tcp -m multiport --dports 1 -j DROP"); err != nil {
		t.Skipf("this kernel has no multiport match: %v", err)
	}
	cycle(t, blocked, "portblock", "tcp", "2049,111", "block")
	// "unblock" is started when the ports are open, and closes them at its stop, but
	// not where it was never started.
	run(t, "portblock", "tcp", "2049,111", "unblock", "stop").ok(t)
	if blocked() {
		t.Error("a stop of what never ran closed the ports")
	}
	run(t, "portblock", "tcp", "2049,111", "block", "start").ok(t)
	run(t, "portblock", "tcp", "2049,111", "unblock", "start").ok(t)
	status(t, true, "portblock", "tcp", "2049,111", "unblock")
	status(t, false, "portblock", "tcp", "2049,111", "block")
	run(t, "portblock", "tcp", "2049,111", "unblock", "stop").ok(t)
	if !blocked() {
		t.Error("the stop of unblock left the ports open")
	}
	run(t, "portblock", "tcp", "2049,111", "block", "stop").ok(t)
	run(t, "portblock", "icmp", "1", "block", "start").fails(t, "neither tcp nor udp")
	run(t, "portblock", "tcp", "1;reboot", "block", "start").fails(t, "is no list of ports")
}
