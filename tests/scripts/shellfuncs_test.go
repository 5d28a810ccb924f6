package scripts

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/heartbeatd/resource"
)

// sh runs text with our shellfuncs read in, as a script of a user would.
func sh(t *testing.T, env []string, text string) (stdout, stderr string, exit int) {
	t.Helper()
	var o, e strings.Builder
	cmd := exec.Command("dash", "-c", ". /etc/ha.d/shellfuncs\n"+text, "/some/where/myscript")
	cmd.Env = append([]string{"PATH=/run/bin:/usr/bin:/bin"}, env...)
	cmd.Stdout, cmd.Stderr = &o, &e
	cmd.Run()
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// heartbeat-behaviour 1.1: the line formats of scripts.
func TestShellfuncsLogFormats(t *testing.T) {
	os.Remove("/run/sf-log")
	os.Remove("/run/sf-debug")
	env := []string{"HA_LOGFILE=/run/sf-log", "HA_DEBUGLOG=/run/sf-debug", "HA_DATEFMT=%Y/%m/%d_%T\t", "HA_debug=1"}
	_, e, _ := sh(t, env, `ha_log "info: Running /etc/ha.d//rc.d/status status"
ha_debug "debug: only there"
OCF_RESOURCE_INSTANCE=IPaddr2_10.0.0.1; HA_LOGTAG=; ocf_log err 'back\nslash $(x)'`)
	if e != "" {
		t.Errorf("standard error: %s", e)
	}
	for file, want := range map[string]string{
		"/run/sf-log": `^\d{4}/\d\d/\d\d_\d\d:\d\d:\d\d  myscript\(default\)\[\d+\]:    info: Running /etc/ha\.d//rc\.d/status status
\d{4}/\d\d/\d\d_\d\d:\d\d:\d\d  myscript\(IPaddr2_10\.0\.0\.1\)\[\d+\]:    ERROR: back\\nslash \$\(x\)
$`,
		"/run/sf-debug": `^myscript\(default\)\[\d+\]:	\d{4}/\d\d/\d\d_\d\d:\d\d:\d\d info: Running /etc/ha\.d//rc\.d/status status
myscript\(default\)\[\d+\]:	\d{4}/\d\d/\d\d_\d\d:\d\d:\d\d debug: only there
myscript\(IPaddr2_10\.0\.0\.1\)\[\d+\]:	\d{4}/\d\d/\d\d_\d\d:\d\d:\d\d ERROR: back\\nslash \$\(x\)
$`,
	} {
		if got := read(file); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s:\n%s\nwant\n%s", file, got, want)
		}
	}
	// Without the daemon's environment: date and text on standard error.
	if _, e, _ := sh(t, nil, `ha_log "info: x"`); !regexp.MustCompile(`^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d info: x\n$`).MatchString(e) {
		t.Errorf("standard error: %q", e)
	}
	// syslog: the words in the text choose the priority.
	tool(t, "logger", "")
	called()
	sh(t, []string{"HA_LOGFACILITY=local0", "HA_LOGTAG=tag"}, `ha_log "ERROR: a"; ha_log "WARN: b"; ha_log "INFO: c"; ha_log "info: d"; ha_log -x`)
	want := "logger -t tag -p local0.err -- ERROR: a\nlogger -t tag -p local0.warning -- WARN: b\nlogger -t tag -p local0.info -- INFO: c\n" +
		"logger -t tag -p local0.notice -- info: d\nlogger -t tag -p local0.notice -- -x\n"
	if c := called(); c != want {
		t.Errorf("called:\n%s\nwant\n%s", c, want)
	}
}

// heartbeat-behaviour 2.2: what shellfuncs adds to the environment.
func TestShellfuncsEnvironment(t *testing.T) {
	out, _, _ := sh(t, []string{"LANG=fr_FR.UTF-8", "LANGUAGE=fr", "HA_DIR=/etc/ha.d/"}, "env")
	for _, want := range []string{"HA_BIN=/usr/libexec/heartbeat", "HA_FIFO=/var/lib/heartbeat/fifo", "HA_RCDIR=/etc/ha.d//rc.d", "HA_RESOURCEDIR=/etc/ha.d//resource.d",
		"HA_DOCDIR=/usr/share/doc/heartbeat", "OCF_AGENTS=/usr/lib/ocf/resource.d/heartbeat/", "HA_DEBUGLOG=/dev/null", "LC_ALL=C",
		"PATH=/usr/libexec/heartbeat:/usr/sbin:/usr/share/heartbeat:/run/bin:/usr/bin:/bin:/sbin:/bin:/usr/sbin:/usr/bin"} {
		if !strings.Contains("\n"+out, "\n"+want+"\n") {
			t.Errorf("%s is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out, "LANG") {
		t.Errorf("language is still set:\n%s", out)
	}
}

// heartbeat-behaviour 2.3: one write, and no hanging without a daemon.
func TestShellfuncsClustermsg(t *testing.T) {
	fifo := "/run/test-fifo"
	os.Remove(fifo)
	if _, e, code := sh(t, []string{"HA_FIFO=" + fifo}, "echo t=x | ha_clustermsg"); code == 0 || !strings.Contains(e, "is heartbeat running?") {
		t.Errorf("without a FIFO: exit %d %q", code, e)
	}
	if _, err := os.Stat(fifo); err == nil {
		t.Error("a plain file was made in the FIFO's place")
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	sh(t, []string{"HA_FIFO=" + fifo}, "echo t=x | ha_clustermsg")
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("without a reader it took %s", d)
	}
	f, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sh(t, []string{"HA_FIFO=" + fifo}, "ha_clustermsg <<-!\n\tt=ask_resources\n\trsc_hold=all\n\tinfo=a \\n b\n\t!\n")
	b := make([]byte, 8192)
	n, _ := f.Read(b)
	if got, want := string(b[:n]), ">>>\nt=ask_resources\nrsc_hold=all\ninfo=a \\n b\n<<<\n"; got != want {
		t.Errorf("the FIFO got %q, want %q", got, want)
	}
}

func TestShellfuncsFunctions(t *testing.T) {
	put(t, "/run/test-ha.cf", "# keepalive 9\nkeepalive 2 # seconds\n\tDeadTime   10\nnode a b\nnode c\n")
	env := []string{"HA_CF=/run/test-ha.cf", "HA_RSCTMP=/run/sf-tmp", "HA_VARRUN=/run"}
	for _, c := range []struct {
		text, out string
		exit      int
	}{
		{"ha_parameter keepalive", "2\n", 0},
		{"ha_parameter deadtime", "10\n", 0},
		{"ha_parameter node", "a b c\n", 0},
		{"ha_parameter nosuch", "\n", 0},
		{"HA_CF=/dev/null; ha_parameter keepalive; ha_parameter deadtime", "2\n5\n", 0},
		{"Echo -n 'a\\nb'", "-n a\\nb\n", 0},
		{"ha_pseudo_resource x status", "", 3},
		{"ha_pseudo_resource x monitor", "", 7},
		{"ha_pseudo_resource x start; ha_pseudo_resource x status && ha_pseudo_resource x print", "/run/sf-tmp/x\n", 0},
		{"ha_pseudo_resource x stop; ha_pseudo_resource x monitor", "", 7},
		{"ocf_is_true yes && ocf_is_decimal 12 && ocf_is_hex aF0 && ocf_is_octal 17 && echo all", "all\n", 0},
		{"ocf_is_true maybe || ocf_is_decimal 1x || ocf_is_hex g || ocf_is_octal 8 || ocf_is_decimal || echo none", "none\n", 0},
		{"ocf_version_cmp 8.4.1 8.10", "", 0},
		{"ocf_version_cmp 8.4 8.4", "", 1},
		{"ocf_version_cmp 9.0 8.4", "", 2},
		{"ocf_version_cmp x 8.4", "", 3},
		{"ocf_run -q true", "", 0},
		{"ocf_run sh -c 'exit 4' 2>/dev/null", "", 4},
		{"check_binary no-such-program 2>/dev/null; echo not reached", "", 5},
		{"have_binary sh", "", 0},
		{"echo 1 >/run/sf.pid; ocf_pidfile_status /run/sf.pid", "", 0},
		{"echo 999999 >/run/sf.pid; ocf_pidfile_status /run/sf.pid", "", 1},
		{"rm /run/sf.pid; ocf_pidfile_status /run/sf.pid", "", 2},
		{"ocf_take_lock /run/sf.lock; ocf_release_lock_on_exit /run/sf.lock; cat /run/sf.lock/pid >/dev/null && echo held", "held\n", 0},
		{"mkdir /run/sf.lock; echo 999999 >/run/sf.lock/pid; ocf_take_lock /run/sf.lock && echo taken over; ocf_rm_pid /run/sf.lock", "taken over\n", 0},
		{"sleep 60 & ocf_stop_processes TERM 5 $! && echo ended", "ended\n", 0},
		{"OCF_CHECK_LEVEL=15; ocf_check_level 10 20", "10\n", 0},
		{"f=$(maketempfile) && rmtempfile $f && [ ! -e $f ] && d=$(maketempfile -d) && rmtempdir $d && [ ! -e $d ]", "", 0},
		{"echo $OCF_SUCCESS $OCF_ERR_GENERIC $OCF_ERR_INSTALLED $OCF_NOT_RUNNING $IP2UTIL $HA_RSCTMP", "0 1 5 7 ip /run/sf-tmp\n", 0},
		{"ocf_unique_rundir root 755 sfdir", "/run/sfdir\n", 0},
		{"ocf_mkstatedir root 755 /elsewhere/x 2>/dev/null", "", 1},
		{"BSD_Status no-such-daemon", "", 3},
	} {
		if out, e, exit := sh(t, env, c.text); out != c.out || exit != c.exit {
			t.Errorf("%s: %q exit %d, want %q exit %d (%s)", c.text, out, exit, c.out, c.exit, e)
		}
	}
}

// harc and the scripts of rc.d, run as the daemon runs them.
func TestHarc(t *testing.T) {
	share := "/run/share"
	command(t, "mkdir", "-p", share)
	for _, p := range []string{"mach_down", "ResourceManager", "hb_standby"} {
		put(t, share+"/"+p, "#!/bin/sh\necho \""+p+" $*\" >>"+calls+"\n[ \"$1\" != status ]\n")
	}
	os.Remove("/run/harc-log")
	env := []string{"HA_DIR=/etc/ha.d/", "HA_FUNCS=/etc/ha.d/shellfuncs", "HA_CURHOST=node1", "HA_NOARCHBIN=" + share, "HA_LOGFILE=/run/harc-log",
		"HA_DEBUGLOG=/run/harc-debug", "HA_FIFO=/run/harc-fifo", "PATH=/usr/bin:/bin"}
	if err := syscall.Mkfifo("/run/harc-fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	harc := func(typ string, fields ...string) int {
		cmd := exec.Command("/etc/ha.d/harc", typ)
		cmd.Env = append(append(env[:len(env):len(env)], "HA_t="+typ), fields...)
		cmd.Run()
		return cmd.ProcessState.ExitCode()
	}
	called()
	for _, c := range []struct {
		typ    string
		fields []string
		want   string
	}{
		{"status", []string{"HA_st=active", "HA_src=node2"}, ""},
		{"status", []string{"HA_st=dead", "HA_src=node2"}, "mach_down node2\n"},
		{"status", []string{"HA_st=dead", "HA_src=node2", "HA_TAKEOVER=daemon"}, ""}, // our daemon takes over by itself
		{"ip-request-resp", []string{"HA_dest=node1", "HA_ipaddr=LabRsc::a", "HA_ok=OK", "HA_weown=yes"}, "ResourceManager takegroup LabRsc::a\n"},
		{"ip-request-resp", []string{"HA_dest=node2", "HA_ipaddr=LabRsc::a", "HA_ok=OK"}, ""},
		{"ip-request-resp", []string{"HA_dest=node1", "HA_ipaddr=LabRsc::a", "HA_ok=OK", "HA_TAKEOVER=daemon"}, ""},
		{"hb_takeover", []string{"HA_src=node2", "HA_rsc_hold=local"}, "hb_standby foreign\n"},
		{"hb_takeover", []string{"HA_src=node1", "HA_rsc_hold=local"}, ""},
		{"ask_resources", nil, ""},
	} {
		if code := harc(c.typ, c.fields...); code != 0 {
			t.Errorf("%s %q: exit %d", c.typ, c.fields, code)
		}
		if got := called(); got != c.want {
			t.Errorf("%s %q called %q, want %q", c.typ, c.fields, got, c.want)
		}
	}
	log := read("/run/harc-log")
	if !regexp.MustCompile(`  harc\(default\)\[\d+\]:    info: Running /etc/ha\.d//rc\.d/status status\n`).MatchString(log) {
		t.Errorf("log:\n%s", log)
	}
	if code := harc("nosuch"); code != 1 {
		t.Errorf("unknown type: exit %d", code)
	}
	if code := harc("../harc"); code != 1 {
		t.Errorf("a type that leads elsewhere: exit %d", code)
	}
}

// A copied rc.d of Heartbeat 3.0.6 under our daemon: mach_down is called, and must
// be told that the daemon takes over by itself.
func TestDebiansRcdUnderOurDaemon(t *testing.T) {
	if !hasDebian {
		t.Skip("Debian's heartbeat package is not installed")
	}
	cover(t, debian)
	command(t, "sh", "-c", "mkdir -p /run/share2; mount --bind /run/share2 /usr/share/heartbeat")
	defer command(t, "umount", "/usr/share/heartbeat")
	put(t, "/run/share2/mach_down", "#!/bin/sh\necho \"mach_down $* $HA_TAKEOVER\" >>"+calls+"\n")
	called()
	done := make(chan resource.RCResult, 1)
	r, err := resource.New(resource.Options{Node: "node1", Env: []string{"HA_LOGFILE=/run/ha-log", "HA_DEBUGLOG=/run/ha-debug"}, RCDone: func(r resource.RCResult) { done <- r }})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.RunRC("status", [][2]string{{"t", "status"}, {"st", "dead"}, {"src", "node2"}}, "HA_NICEFAILBACK=yes")
	if res := <-done; !res.Result.OK() {
		t.Errorf("harc status: %+v", res)
	}
	if c := called(); c != "mach_down node2 daemon\n" {
		t.Errorf("called: %q", c)
	}
}
