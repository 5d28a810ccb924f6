package drbdsetup

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"

	"golang.org/x/sys/unix"
)

// recording is one command line of the real program.
type recording struct {
	Argv0  string
	Argv   []string
	RC     int
	Stdout string
	Stderr string
	// Kernel is what the stand-in for the kernel answered: ret and info.
	Kernel map[string]string
}

func recordings(t *testing.T, name string) []recording {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Entries []recording }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	return file.Entries
}

// Help and descriptions of every command are those of the original.
func TestHelp(t *testing.T) {
	n := 0
	for _, e := range recordings(t, "drbdsetup-84-help.json") {
		got := runTool(t, e.Argv...)
		if want := (result{e.RC, e.Stdout, e.Stderr}); got != want {
			t.Errorf("%q\ngot  %+v\nwant %+v", e.Argv, got, want)
		}
		n++
	}
	if n < 70 {
		t.Errorf("only %d texts compared", n)
	}
}

// devices makes the directory that recordings know as @DIR@; without leave to make
// device files (not root) it has none.
func devices(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "regfile"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dev := range map[string]uint64{"blk0": unix.Mkdev(7, 0), "drbdnode": unix.Mkdev(drbdMajor, 5)} {
		if err := unix.Mknod(filepath.Join(dir, name), unix.S_IFBLK|0o600, int(dev)); err != nil {
			t.Logf("no device files: %v", err)
			return dir
		}
	}
	if err := os.Symlink("drbdnode", filepath.Join(dir, "drbdlink")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// kernelAnswer is what drbdd would say where the kernel said that.
func kernelAnswer(k map[string]string) control.Answer {
	a := control.Answer{}
	if ret, ok := k["ret"]; ok {
		switch n, _ := strconv.Atoi(ret); {
		case n == 101:
		case n > 5:
			a.Error = n
		default:
			a.State = n
		}
	}
	if info := k["info"]; info != "" {
		a.Info = strings.Split(info, "\n")
	}
	return a
}

// notValid is what the original found wrong with the stand-in's answer to a wait.
const notValid = "reply did not validate - do you need to upgrade your userland tools?"

// incomparable are command lines for which the stand-in's answer is nothing that a
// kernel or drbdd says: the program waited or stumbled.
func incomparable(e recording) bool {
	ret := e.Kernel["ret"]
	words := append(slices.Clone(e.Argv), "", "")
	cmd, object := words[0], words[1]
	if cmd == "0" {
		cmd, object = object, cmd
	}
	switch cmd {
	case "events", "events2":
		return e.RC == 5
	case "show":
		return object == "0" && ret == ""
	case "down":
		return ret != "" && e.Kernel["dumpok"] == "" || ret == "9999"
	}
	return ret == "9999" || ret == "0" || ret == "5"
}

// emptyKernel is a daemon like that stand-in: it has no resources but the device
// that it is asked for, which is unconfigured.
func emptyKernel(a control.Answer) func(control.Request) []control.Answer {
	return func(req control.Request) []control.Answer {
		a := a
		switch {
		case a.Error != 0 || a.State != 0 || !control.IsQuery(req.Cmd):
		case req.Cmd == "sh-status" && req.Minor >= 0 || strings.HasPrefix(req.Cmd, "wait-"):
			a.Error = control.ErrMinorUnknown
		case req.Cmd == "status" && req.Resource != "":
			a.Error = control.ErrResourceUnknown
		case req.Minor >= 0:
			a.Resources = []control.Resource{{
				View:    replica.View{Name: "r0", Role: wire.Secondary, Volumes: []replica.VolumeView{{Minor: req.Minor, Role: wire.Secondary}}},
				Volumes: []control.Volume{{}},
			}}
		}
		return []control.Answer{a}
	}
}

// noHosts knows localhost only.
func noHosts(t *testing.T) {
	t.Helper()
	was := resolver
	t.Cleanup(func() { resolver = was })
	resolver = func(_ context.Context, network, host string) ([]netip.Addr, error) {
		if host == "localhost" && network == "ip4" {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		return nil, fmt.Errorf("lookup %s: no such host", host)
	}
}

// Every recorded command line of 8.4's own drbdsetup has the same output and exit
// code, but for those of differs.
func TestAgainst84(t *testing.T) {
	noHosts(t)
	dir := devices(t)
	d := startDaemon(t, nil)
	usage := recordings(t, "drbdsetup-84-help.json")[0].Stdout
	same, different := 0, map[string]bool{}
	for _, e := range recordings(t, "drbdsetup-84.json") {
		line := strings.Join(e.Argv, " ")
		fill := strings.NewReplacer("@DIR@", dir, "@USAGE@", strings.Replace(usage, "drbdsetup-84", filepath.Base(e.Argv0), 1))
		argv := []string{e.Argv0}
		for _, a := range e.Argv {
			argv = append(argv, fill.Replace(a))
		}
		if strings.Contains(line, "/blk0") || strings.Contains(line, "/drbd") && strings.Contains(line, "@DIR@") {
			if _, err := os.Stat(filepath.Join(dir, "drbdlink")); err != nil {
				continue
			}
		}
		if incomparable(e) {
			continue
		}
		d.set(emptyKernel(kernelAnswer(e.Kernel)))
		want := result{e.RC, fill.Replace(e.Stdout), fill.Replace(strings.Replace(e.Stderr, notValid, "minor not available", 1))}
		if x, ok := differs[key(e)]; ok {
			different[key(e)] = true
			x.want.out, x.want.err = fill.Replace(x.want.out), fill.Replace(x.want.err)
			if x.want == want {
				t.Errorf("%q does not differ any more (%s)", line, x.why)
			}
			want = x.want
		} else {
			same++
		}
		if got := runTool(t, argv...); got != want {
			t.Errorf("%q %v\ngot  %d %q %q\nwant %d %q %q", line, e.Kernel, got.exit, got.out, got.err, want.exit, want.out, want.err)
		}
	}
	for k := range differs {
		if !different[k] {
			t.Errorf("%q is not recorded", k)
		}
	}
	t.Logf("%d command lines as the original, %d on purpose not", same, len(different))
}

// key names a recording: the program if it has another name, what the kernel said,
// the words.
func key(e recording) string {
	k := strings.Join(e.Argv, " ")
	if r := e.Kernel["ret"]; r != "" {
		k = "[" + r + "] " + k
	}
	if e.Argv0 != "drbdsetup-84" {
		k = filepath.Base(e.Argv0) + ": " + k
	}
	return k
}
