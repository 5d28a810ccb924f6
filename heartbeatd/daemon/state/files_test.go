package state

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// A child of the test that plays a running daemon.
func TestChildProcess(t *testing.T) {
	if os.Getenv("STATE_TEST_CHILD") == "" {
		t.Skip("only as a child of TestPIDFile")
	}
	buf := make([]byte, 1)
	os.Stdin.Read(buf) // until the parent closes it
}

// startAs runs this test program under another name and returns its pid.
func startAs(t *testing.T, arg0 string) (pid int, stop func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestChildProcess$")
	cmd.Args[0] = arg0
	cmd.Env = append(os.Environ(), "STATE_TEST_CHILD=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() { in.Close(); cmd.Wait() }
	t.Cleanup(stop)
	return cmd.Process.Pid, stop
}

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heartbeat.pid")
	if pid, s := CheckPID(path); s != NoPIDFile || pid != 0 {
		t.Errorf("missing file: %d %v", pid, s)
	}
	p, other, err := AcquirePID(path, 4682)
	if err != nil || other != 0 {
		t.Fatalf("first: other %d err %v", other, err)
	}
	if b, _ := os.ReadFile(path); string(b) != "      4682\n" {
		t.Errorf("file has %q, want 10 columns and a newline (heartbeat-config 1)", b)
	}
	if err := p.Rewrite(47); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "        47\n" {
		t.Errorf("after Rewrite: %q", b)
	}
	if q, _, err := AcquirePID(path, 4683); q != nil || err != nil {
		t.Errorf("a second daemon got the file while the first holds it (%v)", err)
	}
	p.Close()
	if _, err := os.Stat(path); err != nil {
		t.Error("the file must stay after the end")
	}

	daemon, stop := startAs(t, "heartbeat: master control process")
	os.WriteFile(path, []byte("  "+itoa(daemon)+"\n"), 0o644)
	if pid, s := CheckPID(path); s != Running || pid != daemon {
		t.Errorf("running daemon: %d %v, want %d running", pid, s, daemon)
	}
	if q, other, err := AcquirePID(path, 1); q != nil || other != daemon || err != nil {
		t.Errorf("beside a running daemon: %v other %d err %v, want its pid", q, other, err)
	}
	if q, other, err := AcquirePID(path, daemon); q == nil || err != nil {
		t.Errorf("own number (exec of itself): other %d err %v, want the file", other, err)
	} else {
		q.Close()
	}
	stop()
	if pid, s := CheckPID(path); s != StalePID || pid == 0 {
		t.Errorf("after its end: %d %v, want stale", pid, s)
	}

	// A number that went to one of our commands, or to anything else.
	tool, stopTool := startAs(t, "hb_mon")
	os.WriteFile(path, []byte(itoa(tool)+"\n"), 0o644)
	if _, s := CheckPID(path); s != StalePID {
		t.Errorf("hb_mon was taken for the daemon")
	}
	stopTool()
	os.WriteFile(path, []byte("         1\n"), 0o644)
	if _, s := CheckPID(path); s != StalePID {
		t.Errorf("process 1 was taken for the daemon")
	}
	if p, _, err := AcquirePID(path, 99); p == nil || err != nil {
		t.Errorf("a stale file was not taken over: %v", err)
	} else {
		p.Close()
	}
	for _, junk := range []string{"", "x\n", "-1\n", "0\n", strings.Repeat("9", 100)} {
		os.WriteFile(path, []byte(junk), 0o644)
		if _, s := CheckPID(path); s != NoPIDFile {
			t.Errorf("%q: %v, want NoPIDFile", junk, s)
		}
	}
	if _, _, err := AcquirePID(filepath.Join(t.TempDir(), "no", "pid"), 1); !errors.Is(err, ErrNotWritable) {
		t.Errorf("err = %v, want ErrNotWritable", err)
	}
}

func itoa(n int) string {
	var b []byte
	for ; n > 0; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

func TestDaemonProgramAndName(t *testing.T) {
	for _, c := range []struct {
		exe, cmd string
		want     bool
	}{
		{"/usr/libexec/heartbeat/heartbeat", "heartbeat: master control process\x00", true},
		{"/usr/sbin/heartbeatd", "/usr/sbin/heartbeatd\x00-f\x00", true},
		{"/usr/sbin/heartbeatd (deleted)", "heartbeat\x00", true},
		{"/usr/sbin/heartbeatd", "/usr/bin/cl_status\x00hbstatus\x00", false},
		{"/usr/bin/vim", "heartbeat\x00", false},
		{"/usr/bin/vim", "vim\x00heartbeat\x00", false},
		{"", "/usr/sbin/heartbeatd\x00", true},
	} {
		if got := daemonProgram(c.exe, "/x/self") && daemonName(c.cmd); got != c.want {
			t.Errorf("%q %q: %v, want %v", c.exe, c.cmd, got, c.want)
		}
	}
}

func TestMakeDirsAndRsctmp(t *testing.T) {
	base := t.TempDir()
	lib, run := filepath.Join(base, "var/lib/heartbeat"), filepath.Join(base, "run/heartbeat")
	ids := ClusterIDs()
	for range 2 {
		if err := MakeDirs(lib, run, ids); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]os.FileMode{lib: 0o755, filepath.Join(lib, "cores"): 0o755, run: 0o750} {
		st, err := os.Stat(path)
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want mode %v", path, st, err, want)
		}
	}
	os.Chmod(run, 0o755)
	if err := MakeDirs(lib, run, ids); err != nil {
		t.Fatal(err)
	}
	if st, _ := os.Stat(run); st.Mode().Perm() != 0o755 {
		t.Error("the administrator's mode was changed")
	}
	tmp := filepath.Join(run, "rsctmp")
	if err := ResetRsctmp(tmp); err != nil {
		t.Fatal(err)
	}
	os.MkdirAll(filepath.Join(tmp, "send_arp/x"), 0o755)
	outside := filepath.Join(base, "outside")
	os.WriteFile(outside, nil, 0o644)
	os.Symlink(base, filepath.Join(tmp, "link"))
	if err := ResetRsctmp(tmp); err != nil {
		t.Fatal(err)
	}
	if ents, _ := os.ReadDir(tmp); len(ents) != 0 {
		t.Errorf("rsctmp has %v after the start", ents)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error("a symbolic link in rsctmp was followed")
	}
	if st, _ := os.Stat(tmp); st.Mode() != os.ModeDir|os.ModeSticky|0o755 {
		t.Errorf("rsctmp mode %v, want drwxr-xr-t as 3.0.6 makes it", st.Mode())
	}
}

func TestHeldIsUsedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "held")
	if _, ok, err := TakeHeld(path); ok || err != nil {
		t.Errorf("no file: %v %v", ok, err)
	}
	want := Held{Class: "local", Groups: []string{"IPaddr::130.66.201.3", "b"}}
	if err := SaveHeld(path, want); err != nil {
		t.Fatal(err)
	}
	got, ok, err := TakeHeld(path)
	if !ok || err != nil || got.Class != "local" || !reflect.DeepEqual(got.Groups, want.Groups) {
		t.Errorf("got %+v %v %v", got, ok, err)
	}
	if _, ok, _ := TakeHeld(path); ok {
		t.Error("it was used twice")
	}
	os.WriteFile(path, []byte(`{"pid":1,"boot":"x","held":"all"}`), 0o600)
	if _, ok, err := TakeHeld(path); ok || err != nil {
		t.Errorf("a file of another process: %v %v, want a normal start", ok, err)
	}
	os.WriteFile(path, []byte("{"), 0o600)
	if _, ok, err := TakeHeld(path); ok || err == nil {
		t.Errorf("a broken file: %v %v, want an error to log", ok, err)
	}
}

func TestHostcache(t *testing.T) {
	in := "node1\t14df500c-0508-52f2-4c12-790b4c59b6ac\t100\t\nnode2\t90b8de77-08c8-7a6c-fef1-993a43051dba\t50\tsite b\n"
	hosts, bad := ParseHosts([]byte(in + "broken\n\nx\tzz\n"))
	if len(hosts) != 2 || bad != 2 || hosts[1].Site != "site b" || hosts[1].Weight != 50 {
		t.Fatalf("%+v, %d bad", hosts, bad)
	}
	if got := string(AppendHosts(nil, hosts)); got != in {
		t.Errorf("printed back:\n%q\nwant\n%q", got, in)
	}
	path := filepath.Join(t.TempDir(), "delhostcache")
	if err := WriteHosts(path, nil); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Size() != 0 {
		t.Errorf("empty delhostcache: %v %v", st, err)
	}
}

func FuzzHosts(f *testing.F) {
	f.Add([]byte("node1\t14df500c-0508-52f2-4c12-790b4c59b6ac\t100\t\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		hosts, _ := ParseHosts(data)
		again, bad := ParseHosts(AppendHosts(nil, hosts))
		if bad != 0 || !reflect.DeepEqual(hosts, again) {
			t.Fatalf("%q: %v, printed and read: %v", data, hosts, again)
		}
	})
}

func TestTestOptions(t *testing.T) {
	o, err := ParseTestOptions([]byte("# lab\nrcvloss=0.1\nxmitloss=0.2\nallownodes=nodea;NodeB;\n"))
	if err != nil {
		t.Fatal(err)
	}
	if o.RcvLoss != 0.1 || o.XmitLoss != 0.2 || !o.Allows("nodea") || !o.Allows("nodeb") || o.Allows("nodec") {
		t.Errorf("%+v", o)
	}
	// As logged by 3.0.6.
	want := []string{"WARNING: Enabling Test Code", "Receive loss probability = 0.100", "Xmit loss probability = 0.200",
		"Allow nodes = nodea;NodeB;", "WARNING: Above Options Now Enabled."}
	if got := o.LogLines(); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if none, err := ReadTestOptions(filepath.Join(t.TempDir(), "none")); err != nil || none.Enabled || !none.Allows("x") || none.LogLines() != nil {
		t.Errorf("missing file: %+v %v", none, err)
	}
	for _, bad := range []string{"rcvloss=2", "xmitloss=x", "rcvlos=0.1", "rcvloss=NaN", "x"} {
		if _, err := ParseTestOptions([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzTestOptions(f *testing.F) {
	f.Add([]byte("rcvloss=0.1\nallownodes=a;b;\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseTestOptions(data)
		if err == nil && !(o.RcvLoss >= 0 && o.RcvLoss <= 1 && o.XmitLoss >= 0 && o.XmitLoss <= 1) {
			t.Fatalf("%q: %+v", data, o)
		}
	})
}
