package daemon

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/control"
	"classicha/drbdd/disk"
	"classicha/drbdd/metadata"
	"classicha/drbdd/metadata/mdio"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
	"classicha/internal/hlog"
)

// testServer is a daemon with exports for devices, which needs no rights.
func testServer(t *testing.T) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "drbdd") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	set := DefaultSettings()
	set.Socket, set.RunDir, set.ProcFile, set.DevDir = dir+"/ctl", dir, dir+"/proc", dir
	set.Helper, set.FrontEnd, set.Buffers, set.MLock = "", "export", 4<<20, false
	s := NewServer(set, hlog.New(hlog.Options{Entity: "drbd"}, hlog.Config{Facility: hlog.NoFacility, LogFile: dir + "/log"}))
	t.Cleanup(func() {
		for _, r := range s.all() {
			if a := s.do(t, control.Request{Cmd: "down", Resource: r.name}); a.Error != 0 || a.State != 0 || a.Usage != "" {
				t.Errorf("down: %+v", a)
			}
		}
		s.stop()
		if t.Failed() {
			b, _ := os.ReadFile(dir + "/log")
			t.Logf("%s", b)
		}
		for range 20 { // a last line of the log may come in between
			if os.RemoveAll(dir) == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	return s
}

// do carries out a command.
func (s *Server) do(t *testing.T, q control.Request) (a control.Answer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	if t.Context().Err() != nil { // cleaning up
		ctx, cancel = context.WithTimeout(context.Background(), 20*time.Second)
	}
	defer cancel()
	if q.Minor == 0 && q.Resource != "" && q.Cmd != "new-minor" {
		q.Minor = -1
	}
	s.handle(ctx, q, func(x control.Answer) error { a = x; return nil })
	return a
}

func (s *Server) succeed(t *testing.T, q control.Request) {
	t.Helper()
	if a := s.do(t, q); a.Error != 0 || a.State != 0 || a.Usage != "" {
		t.Fatalf("%s: error %d state %d %s %q", q.Cmd, a.Error, a.State, a.Usage, a.Info)
	}
}

// image makes a backing file with fresh metadata, filled with a pattern.
func image(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xa5}, int(size)), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := disk.Open(path, disk.Options{})
	if err != nil {
		t.Skipf("no direct I/O here: %v", err)
	}
	defer d.Close()
	l, err := metadata.NewLayout(metadata.Internal, size, metadata.DefaultRing)
	if err == nil {
		_, err = mdio.Create(d, l, size, metadata.CreateOptions{DeviceUUID: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func resourceWithMinor(t *testing.T, s *Server, name string, minor int) {
	t.Helper()
	s.succeed(t, control.Request{Cmd: "new-resource", Resource: name, Minor: -1})
	s.succeed(t, control.Request{Cmd: "new-minor", Resource: name, Minor: minor})
}

// TestRefusals: what is refused, and by which number (drbd-cli 3.1, drbd-wire 10.2).
func TestRefusals(t *testing.T) {
	s := testServer(t)
	good, noMeta := image(t, 4<<20), filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(noMeta, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	resourceWithMinor(t, s, "r0", 0)
	resourceWithMinor(t, s, "r1", 1)
	attach := func(lower, meta, index string, opt map[string]string) control.Request {
		return control.Request{Cmd: "attach", Args: []string{lower, meta, index}, Options: opt}
	}
	connect := func(res, local, remote string, opt map[string]string) control.Request {
		return control.Request{Cmd: "connect", Resource: res, Args: []string{local, remote}, Options: opt}
	}
	const here, there = "ipv4:127.0.0.1:1", "ipv4:127.0.0.2:1"
	for _, x := range []struct {
		what  string
		q     control.Request
		code  int
		state wire.Result
		usage string
	}{
		{"an unknown resource", control.Request{Cmd: "disconnect", Resource: "r9"}, control.ErrResourceUnknown, 0, ""},
		{"an unknown minor", control.Request{Cmd: "primary", Minor: 9}, control.ErrMinorUnknown, 0, ""},
		{"down of nothing", control.Request{Cmd: "down", Resource: "r9"}, 0, 0, ""},
		{"a name with a slash", control.Request{Cmd: "new-resource", Resource: "a/b"}, control.ErrInvalidRequest, 0, ""},
		{"the name all", control.Request{Cmd: "new-resource", Resource: "all"}, control.ErrInvalidRequest, 0, ""},
		{"a resource that is there", control.Request{Cmd: "new-resource", Resource: "r0"}, 0, 0, ""},
		{"a minor of another resource", control.Request{Cmd: "new-minor", Resource: "r1", Minor: 0}, control.ErrMinorExists, 0, ""},
		{"an end with devices", control.Request{Cmd: "del-resource", Resource: "r0"}, control.ErrResourceInUse, 0, ""},
		{"no file", attach("/nowhere/x", "/nowhere/x", "internal", nil), 0, 0, "Can not open device '/nowhere/x'"},
		{"no metadata", attach(noMeta, noMeta, "internal", nil), control.ErrMetaInvalid, 0, ""},
		{"an index that does not fit", attach(good, good, "0", nil), control.ErrMetaIndex, 0, ""},
		{"a size beyond the disk", attach(good, good, "internal", map[string]string{"size": "100000"}), control.ErrDiskTooSmall, 0, ""},
		{"an option that is none", attach(good, good, "internal", map[string]string{"colour": "red"}), 0, 0, "colour"},
		{"Primary without data", control.Request{Cmd: "primary"}, 0, wire.NoUpToDateDisk, ""},
		{"a verify without a disk", control.Request{Cmd: "verify"}, control.ErrNoDisk, 0, ""},
		{"attach", attach(good, good, "internal", nil), 0, 0, ""},
		{"attach once more", attach(good, good, "internal", nil), control.ErrDiskConfigured, 0, ""},
		{"a disk that another device has", control.Request{Cmd: "attach", Minor: 1, Args: []string{good, good, "internal"}}, control.ErrDiskClaimed, 0, ""},
		{"Primary with a disk that was never good", control.Request{Cmd: "primary"}, 0, wire.NoUpToDateDisk, ""},
		{"a verify without a peer", control.Request{Cmd: "verify"}, 0, wire.NeedConnection, ""},
		{"disconnect without a connection", control.Request{Cmd: "disconnect", Resource: "r0"}, 0, 0, ""},
		{"one address", control.Request{Cmd: "connect", Resource: "r0", Args: []string{here}}, 0, 0, "two addresses"},
		{"a bad address", connect("r0", "ipv4:localhost:1", there, nil), 0, 0, "localhost"},
		{"an address of the other family", connect("r0", "ipv6:127.0.0.1:1", there, nil), 0, 0, "ipv6:"},
		{"an unknown verify-alg", connect("r0", here, there, map[string]string{"verify-alg": "rot13"}), control.ErrVerifyAlg, 0, ""},
		{"a crc for secrets", connect("r0", here, there, map[string]string{"cram-hmac-alg": "crc32c", "shared-secret": "x"}), control.ErrAuthAlg, 0, ""},
		{"options of no connection", control.Request{Cmd: "net-options", Resource: "r0", Args: []string{here, there}}, control.ErrInvalidRequest, 0, ""},
		{"a command that is none", control.Request{Cmd: "dance"}, 0, 0, "dance"},
	} {
		a := s.do(t, x.q)
		if a.Error != x.code || a.State != int(x.state) || !strings.Contains(a.Usage, x.usage) || (a.Usage != "") != (x.usage != "") {
			t.Errorf("%s: error %d, state %d, %q %q; want %d, %d, %q", x.what, a.Error, a.State, a.Usage, a.Info, x.code, x.state, x.usage)
		}
		if !a.Last {
			t.Errorf("%s: the answer is not the last", x.what)
		}
	}
}

// TestUnknownErrorIsAnError: 0 is success for the tools, and no result of the core's is.
func TestUnknownErrorIsAnError(t *testing.T) {
	if a := result(replica.Reply{Code: wire.UnknownError}, nil); a.Usage == "" {
		t.Errorf("%+v", a)
	}
	if a := result(replica.Reply{Code: wire.NothingToDo}, nil); a.Usage != "" || a.State != 0 || a.Error != 0 {
		t.Errorf("nothing to do: %+v", a)
	}
	if a := result(replica.Reply{Code: wire.DeviceInUse, Info: []string{"x"}}, nil); a.State != -12 || len(a.Info) != 1 {
		t.Errorf("in use: %+v", a)
	}
	if a := result(replica.Reply{}, context.DeadlineExceeded); a.Usage == "" {
		t.Errorf("no answer: %+v", a)
	}
}

// TestZeroesAsData: with data-integrity-alg zeroes cannot be announced to the peer. They are written,
// unless whoever asks would rather do that itself; both disks have them.
func TestZeroesAsData(t *testing.T) {
	const size = 8 << 20
	var s [2]*Server
	var disks [2]string
	addr := [2]string{"ipv4:127.0.0.1:17788", "ipv4:127.0.0.2:17788"}
	for i := range s {
		s[i], disks[i] = testServer(t), image(t, size)
		resourceWithMinor(t, s[i], "r0", 0)
		s[i].succeed(t, control.Request{Cmd: "attach", Args: []string{disks[i], disks[i], "internal"}})
		s[i].succeed(t, control.Request{
			Cmd: "connect", Resource: "r0", Args: []string{addr[i], addr[1-i]},
			Options: map[string]string{"protocol": "C", "data-integrity-alg": "sha1"},
		})
	}
	wait := func(what string, ok func(w replica.VolumeView) bool) {
		t.Helper()
		for at := time.Now(); !ok(s[0].resource("r0").describe().View.Volumes[0]); time.Sleep(20 * time.Millisecond) {
			if time.Since(at) > 30*time.Second {
				t.Fatalf("not in time: %s: %+v", what, s[0].resource("r0").describe().View.Volumes[0])
			}
		}
	}
	wait("a connection", func(w replica.VolumeView) bool { return w.Conn == wire.Connected })
	s[0].succeed(t, control.Request{Cmd: "new-current-uuid", Options: map[string]string{"clear-bitmap": "yes"}})
	s[0].succeed(t, control.Request{Cmd: "primary"})
	wait("both disks are good", func(w replica.VolumeView) bool {
		return w.Conn == wire.Connected && w.Disk == wire.UpToDate && w.Pdsk == wire.UpToDate
	})
	v := s[0].minor(0)
	submit := func(op blockdev.Op, flags blockdev.Flags, off, n int64) error {
		done := make(chan error, 2)
		r := &blockdev.Request{ID: 1, Op: op, Flags: flags, Off: off, Len: n, Done: func(_ *blockdev.Request, err error) { done <- err }}
		r.Start()
		v.Submit(r)
		select {
		case err := <-done:
			return err
		case <-time.After(20 * time.Second):
			t.Fatal("no answer")
			return nil
		}
	}
	if err := submit(blockdev.WriteZeroes, blockdev.Fast, 0, 1<<20); blockdev.Errno(err) != 95 {
		t.Errorf("a fast zeroing: %v, want it refused", err)
	}
	// More than two windows of pieces, not a whole number of them.
	const off, n = 512 << 10, 9<<19 + 1536
	for _, flags := range []blockdev.Flags{0, blockdev.Unmap | blockdev.FUA} {
		if err := submit(blockdev.WriteZeroes, flags, off, n); err != nil {
			t.Errorf("zeroes, flags %d: %v", flags, err)
		}
	}
	if err := submit(blockdev.WriteZeroes, 0, 7<<20, 4096); err != nil {
		t.Error(err)
	}
	for i, path := range disks {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at, c := range b[:7<<20+8192] {
			want := byte(0xa5)
			if at >= off && at < off+n || at >= 7<<20 && at < 7<<20+4096 {
				want = 0
			}
			if c != want {
				t.Fatalf("disk %d has %#x at %d, want %#x", i, c, at, want)
			}
		}
	}
}
