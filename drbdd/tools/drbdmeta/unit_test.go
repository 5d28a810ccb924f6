package drbdmeta

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/drbdd/metadata"
)

// env is an environment in a directory of the test's own, where no disk is attached.
func env(t testing.TB) Env {
	e := DefaultEnv()
	e.LockDir, e.StateDir = t.TempDir(), t.TempDir()
	e.DState = func(int) ([]byte, int, error) { return nil, 10, nil }
	e.PVSize = func([]string) (string, string) { return "", "no LVM in tests\n" }
	e.Now = func() time.Time { return time.Unix(1e9, 0).UTC() }
	e.Hostname = func() (string, error) { return "serv-a", nil }
	return e
}

// call runs a command line in the environment.
func call(e Env, args ...string) (out, errs string, code int) {
	var o, er bytes.Buffer
	code = e.Main(args, strings.NewReader(""), &o, &er)
	return o.String(), er.String(), code
}

// newDisk is a file of zeros.
func newDisk(t testing.TB, size int64) string {
	path := filepath.Join(t.TempDir(), imageName)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLife: without the original at hand, the commands work on each other's results.
func TestLife(t *testing.T) {
	e, path := env(t), newDisk(t, 8<<20)
	step := func(want string, wantCode int, args ...string) {
		t.Helper()
		out, errs, code := call(e, append([]string{"--force", "5", "v08", path, "internal"}, args...)...)
		if out != want || code != wantCode {
			t.Errorf("%v: exit %d, want %d\ngot  %q\nwant %q\n%s", args, code, wantCode, out, want, errs)
		}
	}
	const created = "initializing activity log\nWriting meta data...\nNew drbd meta data block successfully created.\n"
	step("", 1, "get-gi")
	step(created, 0, "create-md", "--peer-max-bio-size", "64k")
	step("0000000000000004:0000000000000000:0000000000000000:0000000000000000:0:0:0:0:0:0:0\n", 0, "get-gi")
	step("Inconsistent\n", 0, "dstate")
	step("", 5, "outdate")
	step("previously 0000000000000004:0000000000000000:0000000000000000:0000000000000000:0:0:0:0:0:0:0\n"+
		"set GI to  000000000000000A:000000000000000B:0000000000000000:0000000000000000:1:1:0:0:0:0:0\n", 0, "set-gi", "A:B:::1:1")
	step("Consistent\n", 0, "dstate")
	step("", 17, "outdate")
	step("previously 000000000000000A:000000000000000B:0000000000000000:0000000000000000:1:1:0:0:0:0:0\n"+
		"set GI to  000000000000000A:0000000000000000:0000000000000000:0000000000000000:1:1:0:0:0:0:0\n", 0, "set-gi", "A:0")
	step("", 0, "outdate")
	step("Outdated\n", 0, "dstate")
	step("", 0, "write-dev-uuid", "77")
	if err := os.Truncate(path, 16<<20); err != nil {
		t.Fatal(err)
	}
	step("", 1, "get-gi")
	step("Internal drbd meta data successfully moved.\n", 0, "check-resize")
	step("0000000000000077\n", 0, "read-dev-uuid")
	dump := "# DRBD meta data dump\n# 2001-09-09 01:46:40 +0000 [1000000000]\n# serv-a> drbdmeta --force 5 v08 " + path + " internal dump-md\n#\n\n" +
		"version \"v08\";\n\n# md_size_sect 80\n# md_offset 16773120\n# al_offset 16740352\n# bm_offset 16736256\n\n" +
		"uuid {\n    0x000000000000000A; 0x0000000000000000; 0x0000000000000000; 0x0000000000000000;\n    flags 0x00000081;\n}\n" +
		"# al-extents 257;\nla-size-sect 0;\nbm-byte-per-bit 4096;\ndevice-uuid 0x0000000000000077;\nla-peer-max-bio-size 65536;\n" +
		"al-stripes 1;\nal-stripe-size-4k 8;\n# bm-bytes 0;\nbm {\n}\n# bits-set 0;\n"
	step(dump, 0, "dump-md")
	text := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(text, []byte(dump), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step("Wiping meta data...\nDRBD meta data block successfully wiped out.\n", 0, "wipe-md")
	step("", 0, "wipe-md")
	step("input file parsed ok\n", 0, "verify-dump", text)
	step("Successfully restored meta data\n", 0, "restore-md", text)
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("restore-md of dump-md made another image: the flags must survive as well")
	}
	step("", 0, "apply-al")
	step("", 0, "invalidate")
}

// TestAttached: who changes metadata asks first, and an error is not taken for "no".
func TestAttached(t *testing.T) {
	e, path := env(t), newDisk(t, 8<<20)
	if _, errs, code := call(e, "--force", "5", "v08", path, "internal", "create-md"); code != 0 {
		t.Fatal(errs)
	}
	var asked []int
	e.DState = func(minor int) ([]byte, int, error) {
		asked = append(asked, minor)
		return []byte("UpToDate/DUnknown\n"), 0, nil
	}
	for _, word := range []string{"7", "minor-7", "drbd7", "/dev/drbd7", "1048575"} {
		if _, errs, code := call(e, "--force", word, "v08", path, "internal", "invalidate"); code != 20 || errs != "Device '"+word+"' is configured!\n" {
			t.Errorf("%s: exit %d %q", word, code, errs)
		}
	}
	if len(asked) != 5 || asked[3] != 7 || asked[4] != 1048575 {
		t.Errorf("asked for minors %v", asked)
	}
	for _, word := range []string{"7x", "minor-", "", "0x7", "1048576", "-7", "/dev/sda7", "/tmp/drbd7", "r0"} {
		args := []string{"--force", "--", word, "v08", path, "internal", "invalidate"}
		if _, errs, code := call(e, args...); code != 20 || !strings.HasPrefix(errs, "Cannot determine minor device number of device '"+word+"'") {
			t.Errorf("%q: exit %d %q", word, code, errs)
		}
	}
	e.DState = func(int) ([]byte, int, error) { return nil, 0, errors.New("did not end") }
	if _, errs, code := call(e, "--force", "5", "v08", path, "internal", "get-gi"); code != 20 || errs != "drbdsetup: did not end\n" {
		t.Errorf("exit %d %q", code, errs)
	}
}

// TestOrder: while bitmap and log are made, no super block vouches for them.
func TestOrder(t *testing.T) {
	e, path := env(t), newDisk(t, 8<<20)
	if _, errs, code := call(e, "--force", "5", "v08", path, "internal", "create-md"); code != 0 {
		t.Fatal(errs)
	}
	text := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(text, []byte(dumpText()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []string{"create-md", "restore-md " + text} {
		_, errs, _ := call(e, append([]string{"--force", "-v", "-v", "5", "v08", path, "internal"}, strings.Fields(cmd)...)...)
		var offs []string
		for line := range strings.Lines(errs) {
			if strings.Contains(line, "pwrite(") {
				f := strings.Fields(strings.TrimRight(line, ")\n"))
				offs = append(offs, f[len(f)-1])
			}
		}
		if n := len(offs); n < 3 || offs[0] != "8384512" || offs[n-1] != "8384512" {
			t.Errorf("%s writes at %v; the super block must come first, as zeros, and last", cmd, offs)
		}
	}
}

// TestIOErrors: a failed write is told with the system call's place and ends with 10.
func TestIOErrors(t *testing.T) {
	err := error(&ioError{"pwrite", 4, 4096, 8384512, inSuperWrite, syscall.EPERM})
	if got := errText(errors.Join(errors.New("write super block"), err)); got != "pwrite(4,...,4096,8384512) in v08_md_cpu_to_disk failed: Operation not permitted" {
		t.Error(got)
	}
	if got := strerror(io.ErrUnexpectedEOF); got != "unexpected end of the device" {
		t.Error(got)
	}
	e := env(t)
	e.StateDir = "/nowhere"
	path := newDisk(t, 8<<20)
	_, errs, code := call(e, "--force", "5", "v08", path, "internal", "create-md")
	if code != 0 || !strings.HasSuffix(errs, "lk_bdev_save(/nowhere/drbd-minor-5.lkbd) failed: No such file or directory\n") {
		t.Errorf("a size that cannot be remembered is no failure: exit %d %q", code, errs)
	}
	e.LockDir = "/nowhere"
	if _, errs, code := call(e, "--force", "5", "v08", path, "internal", "get-gi"); code != 20 || errs != "open(/nowhere/drbd-147-5): No such file or directory\n" {
		t.Errorf("exit %d %q", code, errs)
	}
}

// TestDeviceAlignment: any offset and length can be read; a part of a block is
// written without touching its neighbours.
func TestDeviceAlignment(t *testing.T) {
	path := newDisk(t, 10000)
	want := make([]byte, 10000)
	for i := range want {
		want[i] = byte(i * 7)
	}
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	tl := &tool{device: path, err: io.Discard, in: strings.NewReader(""), opt: options{force: true}}
	d, code := tl.openDevice()
	if code != 0 {
		t.Fatal("open")
	}
	defer d.Close()
	for _, r := range [][2]int{{0, 10000}, {1, 3}, {511, 2}, {9999, 1}, {4096, 4096}, {9000, 1000}} {
		b := make([]byte, r[1])
		if _, err := d.ReadAt(b, int64(r[0])); err != nil || !bytes.Equal(b, want[r[0]:r[0]+r[1]]) {
			t.Errorf("read %v: %v", r, err)
		}
	}
	if _, err := d.ReadAt(make([]byte, 2), 9999); err == nil {
		t.Error("a read beyond the end must fail")
	}
	for _, r := range [][2]int{{512, 512}, {100, 1000}, {9990, 10}} {
		b := bytes.Repeat([]byte{0xee}, r[1])
		copy(want[r[0]:], b)
		if _, err := d.WriteAt(b, int64(r[0])); err != nil {
			t.Errorf("write %v: %v", r, err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("after the writes: %v", err)
	}
}

func FuzzProbe(f *testing.F) {
	for _, parts := range [][]any{ext(1000, 2, 4), xfs(1<<60, 4096), jfs(1, 512), reiser(1, 4096, "ReIsErFs"), lvm, {4086, []byte("SWAPSPACE2")}} {
		b := make([]byte, probeSize)
		for ; len(parts) > 0; parts = parts[2:] {
			copy(b[parts[0].(int):], parts[1].([]byte))
		}
		f.Add(b[:2048], 0)
		f.Add(b[probeSize-4096:], probeSize-4096)
	}
	f.Fuzz(func(t *testing.T, part []byte, at int) {
		b := make([]byte, probeSize)
		if at < 0 || at > len(b) {
			return
		}
		n := copy(b[at:], part)
		c := probe(b)
		zero := bytes.Count(part[:n], []byte{0}) == n
		if zero != (c.what == "") {
			t.Errorf("%d bytes at %d: %+v", n, at, c)
		}
		if c.known && (c.lvm || c.nobody) {
			t.Errorf("contradiction: %+v", c)
		}
	})
}

func FuzzParse07(f *testing.F) {
	f.Add(append(super07Bytes(60000, gc07, 8, 72, 131072), make([]byte, 4048)...))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := parse07(b)
		if !ok {
			return
		}
		u := s.uuids()
		if u.Current&0xffff != 0xbabe || u.Bitmap != 0 || u.Current == u.History0 {
			t.Errorf("%+v gives %+v", s, u)
		}
	})
}

func FuzzCommandLine(f *testing.F) {
	f.Add("--force 5 v08 DISK internal create-md -p 4k")
	f.Add("-s 18446744073709551616 -z 9g 5 v08 DISK 0 create-md")
	f.Add("-- - v08 DISK flex-external set-gi ::::1")
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "/") {
			return // no device but ours
		}
		e, path := env(t), newDisk(t, metadata.MinDevice)
		args := strings.Fields(line)
		for i, a := range args {
			args[i] = strings.ReplaceAll(a, "DISK", path)
		}
		t.Chdir(filepath.Dir(path))
		if _, _, code := call(e, args...); code < 0 || code > 100 {
			t.Errorf("exit code %d", code)
		}
	})
}
