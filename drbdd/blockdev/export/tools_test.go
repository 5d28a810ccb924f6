package export

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/blockdev/blocktest"
)

// tool runs a program of the distribution, or skips the test.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed (Debian: libnbd-bin, qemu-utils)", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func uri(s *Server, name string) string { return "nbd+unix:///" + name + "?socket=" + s.Device() }

func TestNbdinfo(t *testing.T) {
	m := blocktest.NewMem(64 << 20)
	defer m.Close()
	s, _ := serve(t, m, Options{})
	for _, name := range []string{"", "drbd0"} {
		var got struct {
			Protocol string `json:"protocol"`
			Exports  []struct {
				Name       string `json:"export-name"`
				Size       int64  `json:"export-size"`
				Flush      bool   `json:"can_flush"`
				FUA        bool   `json:"can_fua"`
				Trim       bool   `json:"can_trim"`
				Zero       bool   `json:"can_zero"`
				Multi      bool   `json:"can_multi_conn"`
				ReadOnly   bool   `json:"is_read_only"`
				BlockMin   int    `json:"block_size_minimum"`
				BlockLimit int    `json:"block_size_maximum"`
			} `json:"exports"`
		}
		out := tool(t, "nbdinfo", "--json", "--no-content", uri(s, name))
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if got.Protocol != "newstyle-fixed" || len(got.Exports) != 1 {
			t.Fatalf("nbdinfo sees %s", out)
		}
		e := got.Exports[0]
		if e.Size != 64<<20 || !e.Flush || !e.FUA || !e.Trim || !e.Zero || !e.Multi || e.ReadOnly || e.BlockMin != 512 || e.BlockLimit != 1<<20 {
			t.Errorf("nbdinfo sees %+v", e)
		}
	}
	if out := tool(t, "nbdinfo", "--list", uri(s, "")); !strings.Contains(out, `export="drbd0"`) {
		t.Errorf("nbdinfo --list: %s", out)
	}
	if _, err := exec.Command("nbdinfo", uri(s, "other")).CombinedOutput(); err == nil {
		t.Error("nbdinfo found an export that is not there")
	}
}

// image writes a file of random data with holes.
func image(t *testing.T, size int) (string, []byte) {
	t.Helper()
	data := make([]byte, size)
	rng := rand.New(rand.NewPCG(11, 0))
	for off := 0; off < size; off += 64 << 10 {
		if rng.IntN(3) == 0 {
			continue
		}
		for i := off; i < min(off+64<<10, size); i++ {
			data[i] = byte(rng.Uint32())
		}
	}
	name := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, data
}

func TestNbdcopy(t *testing.T) {
	m := blocktest.NewMem(16 << 20)
	defer m.Close()
	s, _ := serve(t, m, Options{})
	name, data := image(t, 16<<20)
	for _, extra := range [][]string{nil, {"--connections=4", "--requests=64"}, {"--synchronous"}} {
		for _, to := range [][]byte{make([]byte, len(data)), data} {
			src := filepath.Join(t.TempDir(), "src")
			if err := os.WriteFile(src, to, 0o600); err != nil {
				t.Fatal(err)
			}
			tool(t, "nbdcopy", append(extra, "--flush", src, uri(s, ""))...)
			if !bytes.Equal(m.Bytes(), to) {
				t.Fatalf("nbdcopy %q into the export: contents differ", extra)
			}
		}
		back := name + ".back"
		tool(t, "nbdcopy", append(extra, uri(s, ""), back)...)
		if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("nbdcopy %q out of the export: contents differ, or %v", extra, err)
		}
	}
}

func TestQemuImg(t *testing.T) {
	m := blocktest.NewMem(16 << 20)
	defer m.Close()
	s, log := serve(t, m, Options{})
	name, data := image(t, 16<<20)
	out := tool(t, "qemu-img", "info", "--output=json", uri(s, "drbd0"))
	if !strings.Contains(out, `"virtual-size": 16777216`) {
		t.Errorf("qemu-img info: %s", out)
	}
	tool(t, "qemu-img", "convert", "-n", "-W", "-m", "8", "-f", "raw", "-O", "raw", name, uri(s, ""))
	if !bytes.Equal(m.Bytes(), data) {
		t.Error("qemu-img convert into the export: contents differ")
	}
	if out := tool(t, "qemu-img", "compare", "-f", "raw", "-F", "raw", name, uri(s, "")); !strings.Contains(out, "identical") {
		t.Errorf("qemu-img compare: %s", out)
	}
	if l := log.all(); l != "" {
		t.Errorf("the server complains: %s", l)
	}
}

func TestQemuIO(t *testing.T) {
	m := blocktest.NewMem(64 << 20)
	defer m.Close()
	s, _ := serve(t, m, Options{})
	out := tool(t, "qemu-io", "-f", "raw", "--discard=unmap",
		"-c", "aio_write -P 0x11 0 3M", "-c", "aio_write -P 0x22 4M 64k", "-c", "aio_flush",
		"-c", "write -f -P 0x33 8M 4k", "-c", "flush", "-c", "discard 1M 512k", "-c", "write -z -u 2M 64k", "-c", "write -z 4M 4k",
		"-c", "read -P 0x11 0 1M", "-c", "read -P 0 1M 512k", "-c", "read -P 0 2M 64k", "-c", "read -P 0 4M 4k",
		"-c", "read -P 0x22 4100k 60k", "-c", "read -P 0x33 8M 4k", "-c", "read -P 0 16M 40M", uri(s, ""))
	if strings.Contains(out, "failed") || strings.Contains(out, "error") {
		t.Errorf("qemu-io: %s", out)
	}
	seen := map[blockdev.Op]bool{}
	fua, keep := false, false
	for _, r := range m.Log() {
		seen[r.Op] = true
		fua = fua || r.Op == blockdev.Write && r.Flags&blockdev.FUA != 0
		keep = keep || r.Op == blockdev.WriteZeroes && r.Flags&blockdev.Unmap == 0
	}
	for op := blockdev.Read; op <= blockdev.WriteZeroes; op++ {
		if !seen[op] {
			t.Errorf("no %s reached the backend", op)
		}
	}
	if !fua || !keep {
		t.Errorf("FUA reached the backend: %v; zeroes without a hole: %v", fua, keep)
	}
}
