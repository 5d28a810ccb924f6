package config_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/message"
)

func seed(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/seed/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// articleEnv is serv-a of the article, with the scripts of a usual machine.
func articleEnv() config.Env {
	e := labEnv()
	e.Hostname = "serv-a"
	names := []string{"IPaddr", "IPaddr2", "Filesystem", "drbddisk", "MailTo", "apache", "cyrus", "mysql-debian", "apache2", "LabRsc", "IPv6addr"}
	e.Scripts = func() []string { return names }
	e.Script = func(name string) (string, bool) {
		return "/etc/ha.d/resource.d/" + name, slices.Contains(names, name)
	}
	return e
}

// TestSeedHACf: the table of testdata/seed/README.md.
func TestSeedHACf(t *testing.T) {
	ha, found := config.ParseHA("/etc/ha.d/ha.cf", seed(t, "ha.cf"), articleEnv())
	if found.Refused() {
		t.Fatalf("the article's ha.cf must load: %q", sentences(found))
	}
	warns := only(found, config.Warn)
	if len(warns) != 2 || !strings.Contains(warns[0], `ha.cf:1:9: "logfile local0"`) || !strings.Contains(warns[1], `ha.cf:4:1: "wartime" was taken for "warntime"`) {
		t.Errorf("want one warning for each of the two slips, got %q", warns)
	}
	if ha.Log.Facility != "local0" || ha.Log.LogFile != "" || ha.Warntime != 6*time.Second || ha.Initdead != time.Minute || ha.AutoFailback != config.FailbackOn {
		t.Errorf("meaning: %+v", ha)
	}
	if !slices.Equal(ha.Nodes, []string{"serv-a", "serv-b"}) || len(ha.Media) != 2 || ha.Media[1].Link != "/dev/ttyS0" || ha.Media[1].Baud != 19200 {
		t.Errorf("nodes %q media %+v", ha.Nodes, ha.Media)
	}
	if v, _ := ha.Param("logfacility"); v != "local0" {
		t.Errorf("logfacility is recorded as %q", v)
	}
	if log, ok := config.StartLog(found); !ok || slices.ContainsFunc(log, func(l config.LogLine) bool { return l.Level == "ERROR" }) {
		t.Errorf("start log: %v %v", ok, log)
	}
}

func groupLines(h *config.Haresources) []string {
	var out []string
	for _, g := range h.Groups {
		line := g.Home + " key=" + g.Key
		for _, r := range g.Resources {
			line += " " + r.Script + "(" + strings.Join(r.Args, ",") + ")"
		}
		out = append(out, line)
	}
	return out
}

func TestSeedHaresources(t *testing.T) {
	nodes := []string{"serv-a", "serv-b"}
	h, found := config.ParseHaresources("/etc/ha.d/haresources", seed(t, "haresources"), nodes, articleEnv())
	want := "serv-a key=drbdisk::user drbdisk(user) Filesystem(/dev/drbd0,/user,ext3) IPaddr2(130.66.201.3/24/eth0:0) cyrus() mysql-debian() MailTo(root)"
	if got := groupLines(h); !slices.Equal(got, []string{want}) {
		t.Errorf("groups:\ngot  %q\nwant %q", got, want)
	}
	if found.Refused() || found.Worst() != config.Fail {
		t.Errorf("a missing script is a failure that does not refuse the start: %q", sentences(found))
	}
	fails := only(found, config.Fail)
	if len(fails) != 1 || fails[0] != `/etc/ha.d/haresources:1:8: there is no resource script "drbdisk": starting the group would fail; did you mean "drbddisk"? It exists` {
		t.Errorf("failures: %q", fails)
	}
	if warns := only(found, config.Warn); len(warns) != 6 {
		t.Errorf("three continuation lines and three blanks before \"::\" want one warning each, got %d: %q", len(warns), warns)
	}

	h, found = config.ParseHaresources("/etc/ha.d/haresources", seed(t, "haresources.oneline"), nodes, articleEnv())
	want = "serv-a key=drbddisk::user drbddisk(user) Filesystem(/dev/drbd0,user,ext3) IPaddr2(130.66.201.3/24/eth0:0) mysql-debian()"
	if got := groupLines(h); !slices.Equal(got, []string{want}) || len(found) != 1 || found[0].Level != config.Warn || !strings.Contains(found[0].Text, `"Ipaddr2"`) {
		t.Errorf("oneline: %q, findings %q", got, sentences(found))
	}

	h, found = config.ParseHaresources("/etc/ha.d/haresources", seed(t, "haresources.apache"), nodes, articleEnv())
	want = "serv-a key=IPAddr2::130.66.201.3/24/eth0:0 IPaddr2(130.66.201.3/24/eth0:0) apache2()"
	if got := groupLines(h); !slices.Equal(got, []string{want}) || len(found) != 2 || found.Worst() != config.Warn {
		t.Errorf("apache: %q, findings %q", got, sentences(found))
	}
}

func TestSeedAuthkeys(t *testing.T) {
	keys, found := config.ParseAuthkeys("/etc/ha.d/authkeys", seed(t, "authkeys"), fs.FileMode(0o600))
	if keys == nil || keys.Current != 1 || keys.ByNum[1].Method != message.CRC {
		t.Fatalf("keys %+v", keys)
	}
	if len(found) != 1 || found[0].Level != config.Warn || !strings.Contains(found[0].Text, "no authentication") {
		t.Errorf("crc wants one warning: %q", sentences(found))
	}
}

// TestSeedCheck: the whole of the article on a machine that has it all.
func TestSeedCheck(t *testing.T) {
	files := config.Files{HA: present("ha.cf", string(seed(t, "ha.cf")), 0o644), Authkeys: present("authkeys", string(seed(t, "authkeys")), 0o600),
		Haresources: present("haresources", string(seed(t, "haresources.apache")), 0o644), Ext: absent("haext.cf")}
	found := config.Check(files, articleEnv())
	if found.ExitCode() != 1 {
		t.Errorf("exit code %d, want 1: %q", found.ExitCode(), sentences(found))
	}
	if oks := only(found, config.OK); len(oks) != 3 || !strings.Contains(oks[0], "2 nodes (serv-a, serv-b); this is serv-a; 2 media (bcast eth0, serial /dev/ttyS0)") {
		t.Errorf("one OK line for each file: %q", oks)
	}
	files.Haresources.Data = seed(t, "haresources.oneline")
	found = config.Check(files, articleEnv())
	if fails := only(found, config.Fail); found.ExitCode() != 2 || len(fails) != 1 || !strings.Contains(fails[0], `the mount point "user" has no slash; write /user`) {
		t.Errorf("exit %d, failures %q", found.ExitCode(), fails)
	}
}
