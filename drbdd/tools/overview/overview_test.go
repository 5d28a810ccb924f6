package overview

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/status"
	"classicha/drbdd/wire"
)

// What the machine of the tests says.
const (
	shStatus = `_drbd_version=8.4.11
_drbd_api=1
_config_file=/etc/drbd.conf


_conf_res_name=user
_conf_volume=0
_stacked_on=
_stacked_on_device=
# _stacked_on_minor not applicable
_minor=0
_res_name=user
_volume=0
_known=Configured

_cstate=SyncSource
_sh_status_process


_conf_res_name=web
_conf_volume=0
_stacked_on=
_minor=1
_res_name=web
_volume=0
_sh_status_process


_conf_res_name=web
_conf_volume=1
_stacked_on=
_minor=4
_res_name=web
_volume=1
_sh_status_process


_conf_res_name=upper
_conf_volume=0
_stacked_on=web
_stacked_on_device=/dev/drbd1
_stacked_on_minor=1
_minor=10
_res_name=upper
_volume=0
_sh_status_process


_conf_res_name=asleep
_conf_volume=0
_stacked_on=
_minor=11
_res_name=
_sh_status_process


_conf_res_name=swap
_conf_volume=0
_stacked_on=
_minor=12
_res_name=swap
_volume=0
_sh_status_process
`
	df = `Filesystem     Type  Size  Used Avail Use% Mounted on
/dev/vda       ext4  252G   15G   77G  16% /
/dev/drbd0     ext3  9.8G  137M  9.2G   2% /user
`
	pvs = `  /dev/drbd4  vg0   9.77g 1.00g
  /dev/sda2   other 9.77g 1.00g
`
)

// procText is what our daemon would write about these devices.
func procText(s status.Style) string {
	at := time.Unix(1000, 0)
	vol := func(vol, minor int, role, peer wire.Role, c wire.ConnState, disk, pdsk wire.DiskState) replica.VolumeView {
		return replica.VolumeView{Vol: vol, Minor: minor, Role: role, Peer: peer, Conn: c, Disk: disk, Pdsk: pdsk}
	}
	sync := vol(0, 0, wire.Primary, wire.Secondary, wire.SyncSource, wire.UpToDate, wire.Inconsistent)
	sync.Progress = &replica.Progress{Total: 2581952, Left: 2462084, Started: at, Now: at.Add(42 * time.Second)}
	rs := []control.Resource{
		{View: replica.View{Name: "user", Volumes: []replica.VolumeView{sync}}, Net: map[string]string{}},
		{View: replica.View{Name: "web", Volumes: []replica.VolumeView{
			vol(0, 1, wire.Primary, wire.Secondary, wire.Connected, wire.UpToDate, wire.UpToDate), vol(1, 4, wire.Secondary, 0, wire.WFConnection, wire.Outdated, wire.DUnknown)}}, Net: map[string]string{}},
		{View: replica.View{Name: "upper", Volumes: []replica.VolumeView{vol(0, 10, wire.Primary, wire.Primary, wire.Connected, wire.UpToDate, wire.UpToDate)}}, Net: map[string]string{}},
		{View: replica.View{Name: "asleep", Volumes: []replica.VolumeView{vol(0, 11, wire.Secondary, 0, wire.StandAlone, wire.Diskless, wire.DUnknown)}}},
		{View: replica.View{Name: "swap", Volumes: []replica.VolumeView{vol(0, 12, wire.Primary, wire.Secondary, wire.Connected, wire.UpToDate, wire.UpToDate)}}, Net: map[string]string{}},
		{View: replica.View{Name: "unnamed", Volumes: []replica.VolumeView{vol(0, 13, wire.Secondary, 0, wire.StandAlone, wire.UpToDate, wire.DUnknown), vol(0, 14, wire.Secondary, 0, wire.StandAlone, wire.Diskless, wire.DUnknown)}}},
	}
	var b bytes.Buffer
	status.Proc(&b, rs, s, "srcversion: F73C670A7EC572DB9CF3E5B ")
	return b.String()
}

// machine is an Env of texts; a command that is not in the map is not there.
func machine(files, commands map[string]string) Env {
	get := func(m map[string]string, name string) ([]byte, error) {
		if text, ok := m[name]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}
	return Env{
		ReadFile: func(name string) ([]byte, error) { return get(files, name) },
		Run:      func(name string, args ...string) ([]byte, error) { return get(commands, name) },
	}
}

var commands = map[string]string{"drbdadm": shStatus, "df": df, "pvs": pvs}

func run(t *testing.T, env Env, args ...string) (out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	if exit := Main(args, &o, &e, env); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
	return o.String(), e.String()
}

func TestOverview(t *testing.T) {
	swaps := "Filename\tType\t\tSize\tUsed\tPriority\n/dev/drbd12                             partition\t262140\t0\t-1\n"
	for _, c := range []struct {
		style status.Style
		want  string
	}{
		{status.Style84, ` 0:user/0            SyncSource   Primary/Secondary UpToDate/Inconsistent /user      ext3 9.8G    137M  9.2G 2%
	[>....................] sync'ed:  4.7% (9616/10084)M
 1:web/0             Connected    Primary/Secondary UpToDate/UpToDate     ll-dev of: 10   upper/0
 4:web/1             WFConnection Secondary/Unknown Outdated/DUnknown     lvm-pv:    vg0  9.77g   1.00g
10:upper/0       ^^1 Connected    Primary/Primary   UpToDate/UpToDate
11:asleep/0          .            .                 .
12:swap/0            Connected    Primary/Secondary UpToDate/UpToDate                swap 262140  0
13:??not-found??     StandAlone   Secondary/Unknown UpToDate/DUnknown
`},
		{status.Style07, ` 0:user/0            SyncSource   Primary/Secondary Consistent   /user      ext3 9.8G    137M  9.2G 2%
	[>...................] sync'ed:  4.7% (9617/10085)M
 1:web/0             Connected    Primary/Secondary Consistent   ll-dev of: 10   upper/0
 4:web/1             WFConnection Secondary/Unknown Inconsistent lvm-pv:    vg0  9.77g   1.00g
`},
	} {
		got, errs := run(t, machine(map[string]string{ProcFile: procText(c.style), "/proc/swaps": swaps}, commands))
		// Blanks at the end of lines are compared by the real script's test.
		if g := trimmed(got); !strings.HasPrefix(g, c.want) || errs != "" {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", errs, g, c.want)
		}
	}
}

func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func TestArguments(t *testing.T) {
	env := machine(map[string]string{"/x": procText(status.Style84)}, nil)
	if out, _ := run(t, env); out != "drbd not loaded\n" {
		t.Errorf("no file: %q", out)
	}
	first := " 0:??not-found?? "
	for _, args := range [][]string{{"--proc-drbd=/x"}, {"--proc-drbd", "/x", "-d"}, {"-c=never", "--proc-drbd=/x"}} {
		if out, errs := run(t, env, args...); !strings.HasPrefix(out, first) || errs != "" {
			t.Errorf("%q: %s%s", args, out, errs)
		}
	}
	if out, errs := run(t, env, "--bogus", "--proc-drbd=/x"); !strings.HasPrefix(out, first) || errs != "Unknown option: bogus\n" {
		t.Errorf("%q %q", out, errs)
	}
	if _, errs := run(t, env, "--proc-drbd"); errs != "Option proc-drbd requires an argument\n" {
		t.Error(errs)
	}
	if out, _ := run(t, env, "-h"); !strings.HasPrefix(out, "USAGE: drbd-overview") {
		t.Error(out)
	}
	// Nothing configured, and a text that is none.
	for _, text := range []string{"version: 8.4.11 (api:1/proto:86-101)\nx\n", "", "\x00:\n 1: \n99999999999999999999: cs:x\n"} {
		run(t, machine(map[string]string{ProcFile: text}, nil))
	}
}

// TestWideMinors: the column of minors grows, as stacking by name does.
func TestWideMinors(t *testing.T) {
	sh := "_conf_res_name=up\n_stacked_on=low\n_minor=123\n_sh_status_process\n_conf_res_name=low\n_conf_volume=0\n_stacked_on=\n_minor=7\n_volume=0\n_sh_status_process\n" +
		"_conf_res_name=lost\n_stacked_on=gone\n_minor=8\n_sh_status_process\n"
	got, _ := run(t, machine(map[string]string{ProcFile: "version: 8.4.11\n\n123: cs:Connected ro:A/B ds:C/D C r-----\n"}, map[string]string{"drbdadm": sh}))
	if want := `  7:low/0         Unconfigured .   .   ll-dev of: 123 up
  8:lost/0 ^^gone Unconfigured .   .
123:up     ^^7    Connected    A/B C/D
`; trimmed(got) != want {
		t.Errorf("got:\n%s", trimmed(got))
	}
}

// TestRealScript compares with the original drbd-overview over the same texts,
// to the last blank. It is found by its name, or by DRBD_OVERVIEW.
func TestRealScript(t *testing.T) {
	script := os.Getenv("DRBD_OVERVIEW")
	if script == "" {
		var err error
		if script, err = exec.LookPath("drbd-overview"); err != nil {
			t.Skip("the script drbd-overview is not installed (newer drbd-utils have none); DRBD_OVERVIEW can name it")
		}
	}
	if _, err := exec.LookPath("perl"); err != nil {
		t.Skip("there is no perl to run the original drbd-overview")
	}
	dir := t.TempDir()
	for name, text := range commands {
		body := "#!/bin/sh\ncat <<'EOF'\n" + text + "EOF\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, style := range []status.Style{status.Style84, status.Style83} {
		file := filepath.Join(dir, "proc")
		if err := os.WriteFile(file, []byte(procText(style)), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("perl", script, "--proc-drbd="+file, "--color=never")
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
		want, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		swaps, _ := os.ReadFile("/proc/swaps")
		got, _ := run(t, machine(map[string]string{file: procText(style), "/proc/swaps": string(swaps)}, commands), "--proc-drbd="+file)
		if got != string(want) {
			t.Errorf("got:\n%q\nwant:\n%q", got, want)
		}
	}
}

// FuzzOverview: no text makes it panic.
func FuzzOverview(f *testing.F) {
	f.Add(procText(status.Style84), shStatus, df)
	f.Add(procText(status.Style07), "", pvs)
	f.Fuzz(func(t *testing.T, proc, sh, uses string) {
		run(t, machine(map[string]string{ProcFile: proc, "/proc/swaps": uses}, map[string]string{"drbdadm": sh, "df": uses, "pvs": uses}))
	})
}

// TestSystem: the machine's own commands answer, and one that hangs is ended.
func TestSystem(t *testing.T) {
	env := System()
	if out, err := env.Run("sh", "-c", "echo $LC_ALL"); err != nil || string(out) != "C\n" {
		t.Errorf("%q %v", out, err)
	}
	if _, err := env.ReadFile("/proc/self/stat"); err != nil {
		t.Error(err)
	}
	begun := time.Now()
	if _, err := system(20*time.Millisecond).Run("sleep", "30"); err == nil || time.Since(begun) > 10*time.Second {
		t.Errorf("sleep 30 ended with %v after %s", err, time.Since(begun))
	}
}
