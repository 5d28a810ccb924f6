package scripts

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"classicha/drbdd/config"
	"classicha/drbdd/config/sysenv"
	"classicha/drbdd/daemon"
)

// answering is a drbdadm that says what a file holds when it is asked for a role.
func answering(t *testing.T) {
	t.Helper()
	tool(t, "drbdadm", `case "$*" in
"role r0") cat /run/drbd.answer; exit $(cat /run/drbd.exit);;
"state r0") exit 20;;
"sh-minor r0") echo 0; echo 1;;
sh-nop) [ ! -e /run/drbd.broken ] || exit 10;;
primary*|secondary*) [ ! -e /run/drbd.busy ] || exit 11;;
esac`)
	t.Cleanup(func() { command(t, "sh", "-c", "rm -rf /run/drbd.* /run/drbd") })
	command(t, "mkdir", "-p", "/run/drbd")
	called()
}

func answer(t *testing.T, text, exit string) {
	t.Helper()
	put(t, "/run/drbd.answer", text)
	put(t, "/run/drbd.exit", exit)
}

// What drbddisk prints, and its exit codes (drbd-cli 10).
func TestDrbddiskAnswers(t *testing.T) {
	answering(t)
	const header = "version: 8.4.11 (api:1/proto:86-101)\nsrcversion: X \n"
	line := func(role string) string {
		return header + " 0: cs:Connected " + role + " ds:UpToDate/UpToDate C r-----\n    ns:0 nr:0\n"
	}
	for _, c := range []struct {
		roles, exit, proc string
		want              string
		code              int
	}{
		{"Primary/Secondary\n", "0", "", "running (Primary)\n", 0},
		{"Primary/Unknown\nPrimary/Unknown\n", "0", "", "running (Primary)\n", 0},
		{"Secondary/Primary\n", "0", "", "stopped (Secondary)\n", 3},
		{"Primary/Secondary\nSecondary/Secondary\n", "0", "", "stopped (Secondary)\n", 3},
		{"Unconfigured\n", "0", "", "stopped (Unconfigured)\n", 3},
		{"", "20", "", "stopped (Unconfigured)\n", 3},
		{"", "20", line("ro:Primary/Secondary"), "running (Primary)\n", 0},
		{"", "20", line("st:Primary/Secondary"), "running (Primary)\n", 0},
		{"", "20", line("ro:Secondary/Primary"), "stopped (Secondary)\n", 3},
		{"", "20", header + " 0: cs:Unconfigured\n", "stopped (Unconfigured)\n", 3},
		{"", "20", strings.Replace(line("ro:Primary/Secondary"), " 0:", " 7:", 1), "stopped (Unconfigured)\n", 3},
		{"", "20", line("ro:Unknown/Secondary"), "cannot determine status, may be running (Unknown)\n", 4},
	} {
		answer(t, c.roles, c.exit)
		os.Remove("/run/drbd/proc")
		if c.proc != "" {
			put(t, "/run/drbd/proc", c.proc)
		}
		if r := run(t, "drbddisk", "r0", "status"); r.out != c.want || r.exit != c.code {
			t.Errorf("drbdadm says %q, proc %q: %q exit %d, want %q exit %d", c.roles, c.proc, r.out, r.exit, c.want, c.code)
		}
	}
}

// DRBD's own script says the same, where it answers at all.
func TestDrbddiskLikeTheOriginal(t *testing.T) {
	original := debian + "/resource.d/drbddisk"
	if _, err := os.Stat(original); err != nil {
		t.Skip("drbd-utils is not installed")
	}
	answering(t)
	for _, c := range [][2]string{{"Primary/Secondary\n", "0"}, {"Secondary/Primary\n", "0"}, {"Unconfigured\n", "0"}, {"", "20"}} {
		answer(t, c[0], c[1])
		for _, op := range []string{"status", "start", "stop"} {
			called()
			cmd := exec.Command(original, "r0", op)
			out, _ := cmd.Output()
			theirs := called()
			r := runEnv(t, []string{"HA_DRBDDISK_TRIES=1"}, "drbddisk", "r0", op)
			if op == "status" && (r.out != string(out) || r.exit != cmd.ProcessState.ExitCode()) {
				t.Errorf("%q: we say %q exit %d, the original %q exit %d", c[0], r.out, r.exit, out, cmd.ProcessState.ExitCode())
			}
			if ours := called(); op == "start" && ours != theirs {
				t.Errorf("%q %s: we call %q, the original %q", c[0], op, ours, theirs)
			}
		}
	}
}

// A start is tried again where waiting can help; where it cannot, it fails at once and says what
// to do.
func TestDrbddiskRefused(t *testing.T) {
	tool(t, "drbdadm", `case $1 in
primary) [ -e /run/drbd.later ] || { : >/run/drbd.later; exit $(cat /run/drbd.exit); }; exit $(cat /run/drbd.then);;
role) cat /run/drbd.roles;;
cstate) cat /run/drbd.cs;;
dstate) cat /run/drbd.ds;;
sh-resources) echo r0;;
esac`)
	t.Cleanup(func() { command(t, "sh", "-c", "rm -rf /run/drbd.*") })
	for _, c := range []struct {
		exit, roles, cs, ds string
		says                string // at once; empty: it is tried again
	}{
		// The peer died, which is not noticed yet; or it has not given up the disk yet.
		{"11", "Secondary/Primary", "Connected", "UpToDate/UpToDate", ""},
		{"11", "Secondary/Primary", "NetworkFailure", "UpToDate/DUnknown", ""},
		{"11", "Secondary/Unknown", "WFConnection", "UpToDate/DUnknown", ""},
		{"17", "Secondary/Unknown", "Timeout", "Consistent/DUnknown", ""},
		{"17", "Secondary/Unknown", "WFConnection", "Consistent/DUnknown", ""}, // fence-peer failed
		{"17", "Secondary/Unknown", "WFReportParams", "Outdated/DUnknown", ""},
		{"17", "Secondary/Unknown", "Unconnected", "Inconsistent/DUnknown", ""},
		{"17", "Secondary/Secondary", "WFBitMapT", "Outdated/UpToDate", ""},
		{"17", "Secondary/Secondary", "Connected", "Negotiating/UpToDate", ""},
		{"16", "Secondary/Unknown", "StandAlone", "Diskless/DUnknown", ""},
		{"20", "", "", "", ""}, // drbdd is being started again
		{"10", "Unconfigured", "Unconfigured", "Unconfigured", ""},
		// Nobody has good data.
		{"17", "Secondary/Unknown", "WFConnection", "Outdated/DUnknown", "r0 cannot become Primary here: its disk is Outdated, the peer wrote after the connection was lost, and the peer's data cannot be reached (connection WFConnection, disks Outdated/DUnknown). Start the peer"},
		{"17", "Secondary/Unknown", "StandAlone", "Inconsistent/DUnknown", "its disk is Inconsistent"},
		{"17", "Secondary/Secondary", "Connected", "Inconsistent/Inconsistent", "its disk is Inconsistent"},
		{"16", "Secondary/Unknown", "WFConnection", "Diskless/DUnknown", "it has no disk, and no peer that has one can be reached"},
		{"17", "Secondary/Unknown\nSecondary/Unknown", "WFConnection\nWFConnection", "UpToDate/DUnknown\nOutdated/DUnknown", "disks Outdated/DUnknown"},
	} {
		for name, text := range map[string]string{"exit": c.exit, "then": "0", "roles": c.roles, "cs": c.cs, "ds": c.ds} {
			put(t, "/run/drbd."+name, text+"\n")
		}
		os.Remove("/run/drbd.later")
		called()
		r := run(t, "drbddisk", "r0", "start")
		tried := strings.Count(called(), "drbdadm primary r0\n")
		if c.says == "" {
			if r.exit != 0 || tried != 2 {
				t.Errorf("%+v: exit %d after %d attempts, want success with the second\n%s", c, r.exit, tried, r.err)
			}
			continue
		}
		r.fails(t, c.says)
		if tried != 1 {
			t.Errorf("%+v: %d attempts, want one", c, tried)
		}
	}
	// What may pass and does not is told in the end.
	two := []string{"HA_DRBDDISK_TRIES=2"}
	for _, c := range [][4]string{
		{"11", "Secondary/Primary", "UpToDate/UpToDate", "The peer is still Primary: end there what uses the device, then drbdadm secondary r0 there"},
		{"17", "Secondary/Unknown", "Consistent/DUnknown", "Whether the peer wrote later is not known here, and fence-peer did not settle it: start the peer"},
		{"17", "Secondary/Unknown", "Negotiating/DUnknown", "A disk that is not UpToDate needs the peer"},
		{"10", "Unconfigured", "Unconfigured", "It is not up here: drbdadm up r0, and see that drbd is started at boot before heartbeat"},
		{"10", "", "", "It is not up here: drbdadm up r0"},
		{"20", "", "", "drbdd does not answer: start it"},
	} {
		for name, text := range map[string]string{"exit": c[0], "then": c[0], "roles": c[1], "cs": "", "ds": c[2]} {
			put(t, "/run/drbd."+name, text+"\n")
		}
		runEnv(t, two, "drbddisk", "r0", "start").fails(t, "drbdadm primary r0 failed 2 times: ").fails(t, c[3])
	}
}

// A stop succeeds where nothing runs, and fails where nobody can tell.
func TestDrbddiskStop(t *testing.T) {
	answering(t)
	once := []string{"HA_DRBDDISK_TRIES=1"}
	for _, c := range []struct {
		about, roles, exit, proc, more string
		fails                          bool
		calls                          string // of secondary
	}{
		{"Secondary, or about to be Primary", "Secondary/Secondary\n", "0", "", "", false, "drbdadm secondary r0\n"},
		{"one of two", "Secondary/Secondary\nUnconfigured\n", "0", "", "busy", false, "drbdadm secondary r0\n"},
		{"none", "Unconfigured\n", "0", "", "", false, ""},
		{"not configured", "", "10", "", "", false, ""},
		{"Primary", "Primary/Secondary\n", "0", "", "", false, "drbdadm secondary r0\n"},
		{"in use", "Primary/Secondary\n", "0", "", "busy", true, "drbdadm secondary r0\n"},
		{"no answer", "", "20", "", "", false, "drbdadm secondary r0\n"},
		{"broken drbd.conf, nothing runs", "", "10", " 0: cs:Connected ro:Secondary/Secondary\n", "broken", false, ""},
		{"broken drbd.conf, something runs", "", "10", " 0: cs:Connected ro:Primary/Secondary\n", "broken busy", true, "drbdadm secondary r0\n"},
	} {
		answer(t, c.roles, c.exit)
		put(t, "/run/drbd/proc", c.proc)
		command(t, "rm", "-f", "/run/drbd.busy", "/run/drbd.broken")
		for _, f := range strings.Fields(c.more) {
			put(t, "/run/drbd."+f, "")
		}
		called()
		r := runEnv(t, once, "drbddisk", "r0", "stop")
		secondary := ""
		for l := range strings.Lines(called()) {
			if strings.Contains(l, "secondary") {
				secondary += l
			}
		}
		if (r.exit != 0) != c.fails || secondary != c.calls {
			t.Errorf("%s: exit %d, called %q, want a failure %v and %q", c.about, r.exit, secondary, c.fails, c.calls)
		}
	}
}

func TestDrbdupper(t *testing.T) {
	tool(t, "drbdadm", `case "$*" in
"-S sh-lr-of u0") echo r0;;
"-S sh-lr-of nosuch") exit 1;;
"-S role u0") cat /run/drbd.u0;;
"-S primary u0") echo Primary/Secondary >/run/drbd.u0;;
"-S down u0") [ ! -e /run/drbd.busy ] || exit 11; echo Unconfigured >/run/drbd.u0;;
"-S check-resize u0"|"-S wait-connect u0") exit 5;;
"primary r0") [ ! -e /run/drbd.refuse ] || exit 17;;
esac`)
	t.Cleanup(func() { command(t, "sh", "-c", "rm -f /run/drbd.*") })
	put(t, "/run/drbd.u0", "Unconfigured\n")
	cycle(t, func() bool { return strings.HasPrefix(read("/run/drbd.u0"), "Primary") }, "drbdupper", "u0")
	called()
	run(t, "drbdupper", "u0", "start").ok(t)
	if got, want := called(), "drbdadm -S sh-lr-of u0\ndrbdadm primary r0\ndrbdadm -S check-resize u0\ndrbdadm -S adjust u0\n"+
		"drbdadm -S wait-connect u0\ndrbdadm -S primary u0\n"; got != want {
		t.Errorf("start calls\n%s\nwant\n%s", got, want)
	}
	put(t, "/run/drbd.busy", "")
	run(t, "drbdupper", "u0", "stop").fails(t, "who still has the device open?")
	os.Remove("/run/drbd.busy")
	run(t, "drbdupper", "u0", "stop").ok(t)
	put(t, "/run/drbd.refuse", "")
	run(t, "drbdupper", "u0", "start").fails(t, "drbdadm primary r0 failed")
	run(t, "drbdupper", "nosuch", "start").fails(t, "nosuch is no stacked resource")
	run(t, "drbdupper", "nosuch", "stop").ok(t)
	if r := run(t, "drbdupper", "u0"); r.out != "A resource name is required.\n" || r.exit != 10 {
		t.Errorf("without a resource: %q exit %d", r.out, r.exit)
	}
}

// The samples below etc are read without a word, by our parser and by the daemon's.
func TestDrbdSamples(t *testing.T) {
	dir := t.TempDir()
	command(t, "cp", "-r", root+"/etc/drbd.conf", root+"/etc/drbd.d", dir)
	command(t, "cp", dir+"/drbd.d/user.res.sample", dir+"/drbd.d/user.res")
	env := sysenv.System()
	env.Hostname = "serv-a"
	c, found := sysenv.Load(dir+"/drbd.conf", nil, env)
	for _, f := range found {
		t.Errorf("%s: %+v", dir, f)
	}
	if c == nil || len(c.Resources) != 1 || c.Resources[0].Name != "user" || c.Resources[0].Ignored {
		t.Fatalf("resources of the sample: %+v", c)
	}
	// What is commented out can be switched on.
	for line := range strings.Lines(read(root + "/etc/drbd.d/global_common.conf")) {
		text := strings.TrimSpace(line)
		option, ok := strings.CutPrefix(text, "# ")
		if word, _, _ := strings.Cut(option, " "); !ok || !strings.Contains(word, "-") && !slices.Contains([]string{"protocol", "timeout", "fencing"}, word) {
			continue
		}
		all := strings.Replace(read(root+"/etc/drbd.d/global_common.conf"), text, option, 1)
		if _, found := config.Parse("x", []byte(all), env); len(found) > 0 {
			t.Errorf("%s: %+v", option, found)
		}
	}
	// drbdd.cf: all words, and each with its default.
	sample := read(root + "/etc/drbdd.cf")
	set := daemon.DefaultSettings()
	if err := daemon.ParseSettings("drbdd.cf", []byte(sample), &set); err != nil || set != daemon.DefaultSettings() {
		t.Errorf("drbdd.cf as it is: %+v %v", set, err)
	}
	for _, name := range daemon.SettingNames() {
		if strings.Count(sample, "\n#"+name+" ") != 1 {
			t.Errorf("drbdd.cf has %s %d times", name, strings.Count(sample, "\n#"+name+" "))
		}
	}
	_, on, _ := strings.Cut(sample, "\n\n")
	on = strings.ReplaceAll("\n"+on, "\n#", "\n")
	if err := daemon.ParseSettings("drbdd.cf", []byte(on), &set); err != nil {
		t.Errorf("drbdd.cf with everything on: %v", err)
	}
	want := daemon.DefaultSettings()
	want.Config, want.LogFile = "/etc/drbd.conf", "/var/log/drbd.log" // these have none
	if set != want {
		t.Errorf("the sample says\n%+v\nthe daemon\n%+v", set, want)
	}
}

func TestDrbdUnits(t *testing.T) {
	needs(t, "systemd-analyze")
	dir := t.TempDir()
	for _, u := range []string{"drbdd.service", "drbd.service"} {
		// verify wants the programs to exist.
		text := strings.NewReplacer("/usr/sbin/drbdd", "/bin/true", "/etc/init.d/drbd", "/bin/true").Replace(read(root + "/etc/systemd/" + u))
		put(t, dir+"/"+u, text)
		command(t, "chmod", "644", dir+"/"+u)
		out, err := execOut("systemd-analyze", "verify", "--man=no", dir+"/"+u)
		if err != nil || strings.Contains(out, u+":") {
			t.Errorf("%s: %v\n%s", u, err, out)
		}
	}
	// The keeper must outlive the daemon.
	if unit := read(root + "/etc/systemd/drbdd.service"); !strings.Contains(unit, "\nKillMode=process\n") || !strings.Contains(unit, "\nRestart=on-failure\n") {
		t.Error("drbdd.service would kill the keeper, or leave a crashed daemon lying")
	}
}

// The rules of udev know the daemon's directory, and set what they are there for.
func TestDrbdUdevRules(t *testing.T) {
	text := read(root + "/etc/udev/65-drbdd.rules")
	for _, want := range []string{
		`ATTR{loop/backing_file}!="` + daemon.DefaultSettings().RunDir + `/drbd*", GOTO="drbdd_end"`, `OPTIONS+="nowatch"`,
		`SYMLINK+="drbd/by-res/$env{RESOURCE}"`, `LABEL="drbdd_end"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("65-drbdd.rules has no line %s", want)
		}
	}
}
