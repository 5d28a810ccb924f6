package drbdadm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// TestNamesOf07: the words of 0.7 (drbd-cli 6, drbd-config 7).
func TestNamesOf07(t *testing.T) {
	b := newBench(t, onePair)
	b.expect(t, "wait_connect r0", 0, "drbdsetup-84 wait-connect 0")
	b.expect(t, "wait_sync r0", 0, "drbdsetup-84 wait-sync 0")
	b.expect(t, "invalidate_remote r0", 0, "drbdsetup-84 invalidate-remote 0")
	b.expect(t, "-- --do-what-I-say primary r0", 0, "drbdsetup-84 primary 0 --force")
	b.expect(t, "-- --human --timeout-expired primary all", 0, "drbdsetup-84 primary 0")
	b.expect(t, "syncer r0", 0, "drbdsetup-84 disk-options 0 --set-defaults")
}

// TestSeed: the configuration of the article, as it is, comes up (drbd-config 7).
func TestSeed(t *testing.T) {
	seed, err := os.ReadFile("testdata/seed/drbd.conf")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, string(seed))
	b.env.Config.Hostname = "serv-a"
	up := []string{
		"drbdsetup-84 new-resource user", "drbdsetup-84 new-minor user 0 0", "drbdmeta 0 v08 /dev/sda1 internal apply-al",
		"drbdsetup-84 attach 0 /dev/sda1 /dev/sda1 internal --al-extents=257 --resync-rate=700000K --on-io-error=panic",
		"drbdsetup-84 connect user ipv4:130.66.201.1:7788 ipv4:130.66.201.2:7788 --protocol=C",
	}
	b.expect(t, "up user", 0, up...)
	for _, said := range []string{"incon-degr-cmd of DRBD 0.7", "keyword 'Address' accepted as 'address'"} {
		if !strings.Contains(b.err.String(), said) {
			t.Errorf("up does not say %q: %s", said, &b.err)
		}
	}
	b.expect(t, "role all", 0, "drbdsetup-84 role 0")
	if b.err.Len() > 0 {
		t.Errorf("role is called again and again, and yet says %s", &b.err)
	}
	b.expect(t, "wait_connect user", 0, "drbdsetup-84 wait-connect 0 --wfc-timeout=240 --degr-wfc-timeout=240")
	b.expect(t, "dump", 0)
	if !strings.Contains(b.out.String(), "pri-on-incon-degr \"/sbin/halt -f\";") || !strings.Contains(b.err.String(), "syncer { rate } is resync-rate in disk") {
		t.Errorf("dump: %s%s", &b.out, &b.err)
	}
}

// TestSignals: a program that was killed has not done its work. The original
// takes it for success.
func TestSignals(t *testing.T) {
	b := newBench(t, onePair)
	b.took = map[string]by{"drbdsetup-84": {signal: syscall.SIGSEGV}}
	b.expect(t, "primary r0", 20, "drbdsetup-84 primary 0")
	if want := "Command 'drbdsetup-84 primary 0' was ended by a signal: segmentation fault\n"; b.err.String() != want {
		t.Errorf("said %q", &b.err)
	}
	b.expect(t, "dstate r0", 0, "drbdsetup-84 dstate 0", "drbdmeta 0 v08 /dev/sda1 internal dstate")
	b.expect(t, "wait-connect r0", 20, "drbdsetup-84 wait-connect 0")
	b.expect(t, "up r0", 1, "drbdsetup-84 new-resource r0")
	b.took = map[string]by{"/bin/sh": {signal: syscall.SIGKILL}}
	b.conf = filepath.Join(t.TempDir(), "c")
	if err := os.WriteFile(b.conf, []byte(strings.Replace(onePair, "{", `{ handlers { fence-peer "x"; }`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	b.expect(t, "-c "+b.conf+" fence-peer r0", 20, "/bin/sh -c x")
}

// TestNoProgram: what cannot be started counts as a failed call.
func TestNoProgram(t *testing.T) {
	b := newBench(t, onePair)
	b.took = map[string]by{"drbdsetup-84": {fails: errors.New("no such file")}}
	b.expect(t, "role r0", 20, "drbdsetup-84 role 0")
	if want := "Can not exec drbdsetup-84: no such file\nCommand 'drbdsetup-84 role 0' terminated with exit code 20\n"; b.err.String() != want {
		t.Errorf("said %q", &b.err)
	}
	b.expect(t, "wait-sync r0", 20, "drbdsetup-84 wait-sync 0")
	b.expect(t, "wait-con-int", 0, "drbdsetup-84 wait-connect 0")
}

// TestWhichPrograms: beside the name we were called by, beside our own program,
// in PATH (drbd-cli 2.1).
func TestWhichPrograms(t *testing.T) {
	b := newBench(t, onePair)
	have := map[string]bool{}
	b.env.LookPath = func(p string) (string, error) {
		if have[p] {
			return p, nil
		}
		return "", os.ErrNotExist
	}
	run := func(argv0 string) string {
		b.ran = nil
		Main(argv0, []string{"role", "r0"}, nil, &b.out, &b.err, b.env)
		return strings.Join(b.ran, ",")
	}
	if got := run("/sbin/drbdadm"); got != "drbdsetup-84 role 0" {
		t.Errorf("nowhere: %s", got)
	}
	b.env.Executable = "/usr/lib/drbdd/drbdd"
	have["/usr/lib/drbdd/drbdsetup-84"] = true
	if got := run("drbdadm"); got != "/usr/lib/drbdd/drbdsetup-84 role 0" {
		t.Errorf("beside our program: %s", got)
	}
	have["/sbin/drbdsetup-84"] = true
	if got := run("/sbin/drbdadm"); got != "/sbin/drbdsetup-84 role 0" {
		t.Errorf("beside the name: %s", got)
	}
}

// TestConfigurationFile: -c, standard input, -t, the default, none.
func TestConfigurationFile(t *testing.T) {
	b := newBench(t, onePair)
	b.expect(t, "sh-resources", 0)
	if b.out.String() != "r0\n" {
		t.Errorf("default file: %q", &b.out)
	}
	b.env.ConfigFiles = []string{"/nonexistent/1", "/nonexistent/2"}
	b.expect(t, "sh-resources", 10)
	if b.err.String() != "Can not open '/nonexistent/2': No such file or directory\n" {
		t.Errorf("no file: %q", &b.err)
	}
	b.expect(t, "-c /nonexistent/3 sh-resources", 20)
	if b.err.String() != "Can not open '/nonexistent/3': No such file or directory\n" {
		t.Errorf("no file of -c: %q", &b.err)
	}
	var out, errs bytes.Buffer
	if code := Main("drbdadm", []string{"-c", "-", "dump", "r0"}, strings.NewReader(onePair), &out, &errs, b.env); code != 0 || !strings.Contains(out.String(), "# defined at STDIN:1\n") {
		t.Errorf("standard input: %d %s%s", code, &out, &errs)
	}
	more := filepath.Join(t.TempDir(), "more.res")
	if err := os.WriteFile(more, []byte(strings.NewReplacer("r0", "r9", "drbd0", "drbd9", "7788", "7799").Replace(onePair)), 0o644); err != nil {
		t.Fatal(err)
	}
	b.expect(t, "-c "+b.conf+" -t "+more+" dump", 0)
	if !strings.Contains(b.out.String(), "resource r9 {") || !strings.Contains(b.out.String(), "# defined at "+more+":1\n") {
		t.Errorf("-t: %s%s", &b.out, &b.err)
	}
	b.expect(t, "-c "+b.conf+" -t /nonexistent/4 sh-nop", 20)
	if err := os.WriteFile(more, []byte("nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.expect(t, "-c "+b.conf+" -t "+more+" sh-nop", 10)
	if !strings.HasPrefix(b.err.String(), more+":1: Parse error: ") {
		t.Errorf("-t of nonsense: %s", &b.err)
	}
}

// TestRegistered: what the daemon calls finds the file from which its minor was
// configured, though it is not the default one (drbd-config 1).
func TestRegistered(t *testing.T) {
	b := newBench(t, strings.Replace(onePair, "{", `{ handlers { fence-peer "f"; split-brain "s"; }`, 1))
	b.env.ConfigFiles = []string{"/nonexistent"}
	b.expect(t, "fence-peer r0", 10)
	if !strings.HasPrefix(b.err.String(), "Don't know which config file belongs to resource r0, trying default ones...\n") {
		t.Errorf("said %q", &b.err)
	}
	b.expect(t, "-d -c "+b.conf+" up r0", 0)
	b.expect(t, "split-brain minor-0", 10)
	if got := b.do("-c " + b.conf + " up r0"); got != 0 {
		t.Fatalf("up: %d %s", got, &b.err)
	}
	b.expect(t, "fence-peer r0", 0, "/bin/sh -c f")
	b.expect(t, "split-brain minor-0", 0, "/bin/sh -c s")
	b.expect(t, "pri-lost r0/0", 0)
	b.expect(t, "sh-udev minor-0", 0)
	if b.out.String() != "RESOURCE=r0\nDEVICE=drbd0\nDISK=sda1\n" {
		t.Errorf("sh-udev: %q", &b.out)
	}
	b.expect(t, "role r0", 10)
	b.expect(t, "split-brain ../../etc", 10)
}

// TestHandlerEnvironment: drbd-cli 7.
func TestHandlerEnvironment(t *testing.T) {
	b := newBench(t, strings.Replace(onePair, "{", `{ handlers { fence-peer "f"; split-brain "s"; }`, 1))
	b.do("fence-peer r0")
	want := "DRBD_CONF=" + b.conf + " DRBD_RESOURCE=r0 DRBD_PEER=bravo DRBD_PEERS=bravo DRBD_PEER_AF=ipv4 DRBD_PEER_ADDRESS=127.0.0.2 DRBD_MINOR=0"
	if got := strings.Join(b.envs[0], " "); got != want {
		t.Errorf("fence-peer has %s", got)
	}
	b.do("split-brain minor-0")
	if got := strings.Join(b.envs[0], " "); got != want+" DRBD_VOLUME=0 DRBD_LL_DISK=/dev/sda1" {
		t.Errorf("split-brain has %s", got)
	}
	b.do("role r0")
	if got := strings.Join(b.envs[0], " "); got != "DRBD_RESOURCE=r0" {
		t.Errorf("drbdsetup has %s", got)
	}
}

// TestDiskless: a client of DRBD 9 has nothing to attach and no metadata.
func TestDiskless(t *testing.T) {
	b := newBench(t, strings.Replace(onePair, "disk /dev/sda1; meta-disk internal;", "disk none;", 1))
	b.expect(t, "up r0", 0, "drbdsetup-84 new-resource r0", "drbdsetup-84 new-minor r0 0 0", "drbdsetup-84 connect r0 ipv4:127.0.0.1:7788 ipv4:127.0.0.2:7788")
	b.expect(t, "create-md r0", 0)
	if !strings.Contains(b.err.String(), "create-md: volume 0 of resource r0 has no disk on this host\n") {
		t.Errorf("said %s", &b.err)
	}
	b.took = map[string]by{"show": {out: `resource r0 { options { } net { } _remote_host { address ipv4 127.0.0.2:7788; } _this_host { address ipv4 127.0.0.1:7788; volume 0 { device minor 0; } } }`}}
	b.expect(t, "adjust r0", 0, "drbdsetup-84 show r0")
}

func TestProxyIsNotThere(t *testing.T) {
	b := newBench(t, onePair)
	b.expect(t, "proxy-up all", 1)
	if strings.Count(b.err.String(), "\n") != 1 || !strings.Contains(b.err.String(), "does not work with DRBD Proxy") {
		t.Errorf("said %q", &b.err)
	}
}

// TestProc: the text of /proc/drbd, as the daemon keeps it or in other words.
func TestProc(t *testing.T) {
	b := newBench(t, onePair)
	const text = "version: 8.4.11 (api:1/proto:86-101)\nx\n 0: cs:Unconfigured\n"
	if err := os.WriteFile(b.env.ProcFile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	b.env.ConfigFiles = []string{"/nonexistent"} // it needs none
	b.expect(t, "proc", 0)
	if b.out.String() != text {
		t.Errorf("the file: %q", &b.out)
	}
	b.env.Status = func(context.Context) ([]control.Resource, error) {
		return []control.Resource{{View: replica.View{Name: "r0", Volumes: []replica.VolumeView{{Minor: 0, Conn: wire.Connected, Role: wire.Primary, Peer: wire.Secondary, Disk: wire.UpToDate, Pdsk: wire.UpToDate}}}, Volumes: []control.Volume{{}}}}, nil
	}
	b.expect(t, "proc --style 0.7", 0)
	if !strings.HasPrefix(b.out.String(), "version: 0.7.7 (api:77/proto:74)\n") || !strings.Contains(b.out.String(), " 0: cs:Connected st:Primary/Secondary ld:Consistent\n") {
		t.Errorf("style 0.7: %q", &b.out)
	}
	b.expect(t, "proc --style=9", 1)
	b.env.Status = func(context.Context) ([]control.Resource, error) { return nil, control.ErrUnreachable }
	b.expect(t, "proc --style 8.3", 20)
	if b.err.String() != "drbdadm: proc: cannot reach drbdd\n" {
		t.Errorf("no daemon: %q", &b.err)
	}
	b.expect(t, "role --style 8.3 r0", 1)
}
