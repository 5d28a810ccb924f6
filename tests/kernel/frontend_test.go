package kernel

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/tests/kernel/vm"
)

// TestFrontEnd runs the tests of /dev/drbdN (drbdd/blockdev/fuse) on Debian's kernel, which may be
// another than the one under us: FUSE and loop devices are not the same in all. On Linux 6.1 the device
// once had no size.
func TestFrontEnd(t *testing.T) {
	if os.Getenv("INTEROP_KERNEL") != "1" {
		t.Skip("needs a virtual machine; make interop-kernel runs it")
	}
	if why := vm.MissingShared(); why != "" {
		t.Skip(why)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	dir := t.TempDir()
	prog := filepath.Join(dir, "fuse.test")
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", prog, "classicha/drbdd/blockdev/fuse")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the tests: %v: %s", err, out)
	}
	r, err := vm.RunShared(ctx, dir, 5*time.Minute, t.Logf, "TMPDIR=/run", prog, "-test.v", "-test.timeout=4m", "-test.run=^(TestFrontEnd|TestBlockSizeAndReadOnly|TestDiscardBeyond4GiB|TestDepth|TestBuffersUsedUp|TestHoldersAreNamed|TestAbortUnderMount|TestAttachCleansUp)$")
	t.Logf("in the machine:\n%s", r.Out)
	if err != nil || r.Code != 0 || !strings.Contains(r.Out, "--- PASS: TestFrontEnd ") {
		t.Errorf("exit code %d, %v", r.Code, err)
	}
}
