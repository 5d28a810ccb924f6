package tools

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rmDir makes a configuration directory with the groups of the capture from the
// original's ResourceManager.
func rmDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ha.d")
	if err := os.MkdirAll(dir+"/resource.d", 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	put("ha.cf", "node node1 node2\nbcast eth0\nlogfacility local0\n", 0o644)
	put("haresources", "node1 LabRsc::a   LabRsc::a2 # c\n\nNode2 LabRsc::b::x::y \\\n  LabPlain 10.0.0.9\n", 0o644)
	put("resource.d/LabRsc", `#!/bin/sh
for op in "$@"; do :; done
echo "$*" >>$HA_DIR/calls
case $op in
start) [ ! -e $HA_DIR/fail-$1 ] || exit 9; : >$HA_DIR/state.$1;;
stop) rm -f $HA_DIR/state.$1;;
status) [ -e $HA_DIR/state.$1 ] && echo running || echo stopped;;
esac
`, 0o755)
	put("resource.d/LabPlain", "#!/bin/sh\n", 0o755)
	put("resource.d/IPaddr", "#!/bin/sh\necho \"$*\" >>$HA_DIR/calls\n", 0o755)
	for k, v := range map[string]string{"HA_DIR": dir + "/", "HA_CURHOST": "node1", "HA_LOGFILE": dir + "/log", "HA_DEBUGLOG": dir + "/debug",
		"HA_LOGFACILITY": "", "HA_EMERGENCY": "log", "HA_RESOURCEDIR": "", "HA_DATEFMT": "", "HA_STOPRETRYMAX": ""} {
		t.Setenv(k, v)
	}
	startStandby = func(class string) error {
		put("standby", class, 0o644)
		return nil
	}
	return dir
}

func runRM(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = ResourceManager(args, &o, &e)
	return code, o.String(), e.String()
}

// The texts and codes were captured from the original; "statgroup" is the one
// difference: the original prints its answer into the debug file.
func TestResourceManagerQuestions(t *testing.T) {
	dir := rmDir(t)
	if err := os.WriteFile(dir+"/state.a", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	usage := "usage: /usr/share/heartbeat/ResourceManager listkeys machine | takegroup key | givegroup key|status resource\n\n"
	for _, c := range []struct {
		args      string
		code      int
		out, errs string
	}{
		{"listkeys node1", 0, "LabRsc::a\n", ""},
		{"listkeys NODE2", 0, "LabRsc::b::x::y\n", ""},
		{"listkeys node[12]", 0, "LabRsc::a\nLabRsc::b::x::y\n", ""},
		{"listkeys node", 0, "", ""},
		{"listkeys [", 0, "", ""},
		{"allkeys", 0, "LabRsc::a\nLabRsc::b::x::y\n", ""},
		{"ourkeys", 0, "LabRsc::a LabRsc::a2 \n", ""},
		{"otherkeys", 0, "LabRsc::b::x::y LabPlain 10.0.0.9 \n", ""},
		{"status LabRsc::a", 0, "", ""},
		{"status LabRsc::b", 3, "", ""},
		{"status nosuch::1", 3, "", ""},
		{"statgroup LabRsc::a", 0, "SOME\n", ""},
		{"statgroup LabRsc::b::x::y", 0, "NONE\n", ""},
		{"statgroup nokey", 0, "NONE\n", ""},
		{"takegroup nokey", 0, "", ""},
		{"givegroup nokey", 0, "", ""},
		{"", 1, "", usage},
		{"bogus", 1, "", usage},
		{"verifyallidle", 1, "", "CRITICAL: Resource LabRsc::a is active, and should not be!\nCRITICAL: Non-idle resources can affect data integrity!\n" +
			"info: If you don't know what this means, then get help!\nRead"},
	} {
		code, out, errs := runRM(strings.Fields(c.args)...)
		if want, ok := strings.CutSuffix(c.errs, "Read"); ok {
			if !strings.HasPrefix(errs, want) {
				t.Errorf("%s: standard error %q, want it to begin %q", c.args, errs, want)
			}
		} else if errs != c.errs {
			t.Errorf("%s: standard error %q, want %q", c.args, errs, c.errs)
		}
		if code != c.code || out != c.out {
			t.Errorf("%s: exit %d %q, want %d %q", c.args, code, out, c.code, c.out)
		}
	}
	log, _ := os.ReadFile(dir + "/log")
	for _, want := range []string{"ERROR: Cannot locate resource script nosuch", "CRITICAL: Non-idle resources will affect resource takeback!"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("log lacks %q:\n%s", want, log)
		}
	}
}

func TestResourceManagerTakesAndGives(t *testing.T) {
	dir := rmDir(t)
	calls := func() string {
		b, _ := os.ReadFile(dir + "/calls")
		os.Remove(dir + "/calls")
		return strings.ReplaceAll(strings.TrimSpace(string(b)), "\n", ", ")
	}
	if code, _, _ := runRM("takegroup", "LabRsc::a"); code != 0 {
		t.Errorf("takegroup: exit %d", code)
	}
	if got, want := calls(), "a status, a start, a2 status, a2 start"; got != want {
		t.Errorf("takegroup: %s, want %s", got, want)
	}
	if _, out, _ := runRM("statgroup", "LabRsc::a"); out != "ALL\n" {
		t.Errorf("statgroup: %q", out)
	}
	calls()
	if code, _, _ := runRM("givegroup", "10.0.0.9"); code != 0 { // any word of a line finds it
		t.Errorf("givegroup: exit %d", code)
	}
	if got, want := calls(), "10.0.0.9 stop, b x y stop"; got != want {
		t.Errorf("givegroup: %s, want %s", got, want)
	}
	log, _ := os.ReadFile(dir + "/log")
	if !strings.Contains(string(log), "info: Running "+dir+"/resource.d/IPaddr 10.0.0.9 stop\n") {
		t.Errorf("log lacks the stop of IPaddr:\n%s", log)
	}
}

// A failed start: the script's exit code, the group given up, and the kind of group
// that was meant goes to hb_standby.
func TestResourceManagerFailedStart(t *testing.T) {
	dir := rmDir(t)
	t.Setenv("HA_RESOURCEDIR", "/etc/ha.d//resource.d")
	for key, class := range map[string]string{"a2": "local", "b": "foreign"} {
		if err := os.WriteFile(dir+"/fail-"+key, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		word := map[string]string{"a2": "LabRsc::a2", "b": "LabRsc::b::x::y"}[key]
		if code, _, _ := runRM("takegroup", word); code != 9 {
			t.Errorf("takegroup %s: exit %d, want 9", word, code)
		}
		if b, _ := os.ReadFile(dir + "/standby"); string(b) != class {
			t.Errorf("takegroup %s: hb_standby %s, want %s", word, b, class)
		}
	}
	log, _ := os.ReadFile(dir + "/log")
	for _, want := range []string{"CRIT: Giving up resources due to failure of LabRsc::a2", "ERROR: Return code 9 from " + dir + "//resource.d/LabRsc"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("log lacks %q:\n%s", want, log)
		}
	}
}

func TestMachDownIsHarmless(t *testing.T) {
	dir := rmDir(t)
	var o, e bytes.Buffer
	if code := MachDown([]string{"node2"}, &o, &e); code != 0 || !strings.Contains(o.String(), "by itself") {
		t.Errorf("by hand: exit %d %q", code, o.String())
	}
	t.Setenv("HA_TAKEOVER", "daemon")
	o.Reset()
	if code := MachDown([]string{"node2"}, &o, &e); code != 0 || o.Len()+e.Len() != 0 {
		t.Errorf("from rc.d: exit %d %q %q, want silence", code, o.String(), e.String())
	}
	if _, err := os.Stat(dir + "/calls"); err == nil {
		t.Error("mach_down ran scripts")
	}
}

func TestReqResource(t *testing.T) {
	dir := rmDir(t)
	fifo := dir + "/fifo"
	t.Setenv("HA_FIFO", fifo)
	for _, c := range []struct{ nice, want string }{
		{"yes", ">>>\nt=ip-request-resp\ndest=node1\nipaddr=LabRsc::a\nweown=yes\nok=OK\n<<<\n"},
		{"", ">>>\nt=ip-request\nipaddr=LabRsc::a\n<<<\n"},
	} {
		t.Setenv("HA_NICEFAILBACK", c.nice)
		if err := os.WriteFile(fifo, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var o, e bytes.Buffer
		if code := ReqResource([]string{"LabRsc::a"}, &o, &e); code != 0 {
			t.Errorf("exit %d %s", code, e.String())
		}
		if b, _ := os.ReadFile(fifo); string(b) != c.want {
			t.Errorf("message %q, want %q", b, c.want)
		}
	}
	os.WriteFile(dir+"/state.a", nil, 0o644)
	os.Truncate(fifo, 0)
	if code := ReqResource([]string{"LabRsc::a"}, &bytes.Buffer{}, &bytes.Buffer{}); code != 0 {
		t.Errorf("running already: exit %d", code)
	}
	if b, _ := os.ReadFile(fifo); len(b) != 0 {
		t.Errorf("a group that runs was asked for: %q", b)
	}
}
