package docs

import (
	"bytes"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDRBDMigrationGuide does what docs/migration-drbd.md says as far as it needs no
// kernel with DRBD: it builds the archive, and works on a disk that the drbdmeta of
// drbd-utils has made, as a Secondary would have left it.
func TestDRBDMigrationGuide(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for a loop device")
	}
	const theirs = "/usr/sbin/drbdmeta"
	if out, err := exec.Command(theirs, "-V").CombinedOutput(); err != nil && !strings.Contains(string(out), "v09") {
		t.Skipf("the drbdmeta of drbd-utils is not installed: %v %s", err, out)
	}
	dir := t.TempDir()
	img := dir + "/disk"
	data := bytes.Repeat([]byte("what stands on the disk "), 1<<20)
	if err := os.WriteFile(img, data, 0o600); err != nil {
		t.Fatal(err)
	}
	sh := func(text string) string {
		t.Helper()
		out, err := exec.Command("sh", "-e", "-c", text).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", text, err, out)
		}
		return string(out)
	}
	sh("truncate -s 64M " + img)
	if out, err := exec.Command("losetup", "-f", "--show", img).Output(); err != nil {
		t.Skipf("no loop device: %v", err)
	} else {
		loop := strings.TrimSpace(string(out))
		t.Cleanup(func() { sh("losetup -d " + loop) })
		img = loop
	}
	const gi = "1122334455667788:0000000000000000:1122334455667786:1122334455667784:1:1:0:1:0:0:0"
	sh(theirs + " --force - v08 " + img + " internal create-md >/dev/null 2>&1; " + theirs + " --force - v08 " + img + " internal set-gi " + gi)
	content := func() [32]byte {
		b, err := os.ReadFile(img)
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(b[:60<<20])
	}
	before := content()

	src := copySources(t)
	there := strings.NewReplacer("/dev/sda1", img, "/root/", dir+"/")
	for _, b := range blocks(t, "migration-drbd.md") {
		switch {
		case b.about("build"):
			runHere(t, src, b)
			archive, err := os.ReadFile(filepath.Join(src, "drbdd.tgz"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir+"/drbdd.tgz", archive, 0o600); err != nil {
				t.Fatal(err)
			}
		case b.about("node"), b.about("disk"):
			b.text = there.Replace(b.text)
			runHere(t, dir, b)
		default:
			t.Fatalf("line %d: where is a block %q to be run?", b.line, b.words)
		}
	}
	if got := strings.TrimSpace(sh("cat " + dir + "/gi.drbdd")); got != gi {
		t.Errorf("the generation identifiers were %s, the page's commands say %s", gi, got)
	}
	if got := strings.TrimSpace(sh(theirs + " - v08 " + img + " internal get-gi")); got != gi {
		t.Errorf("in the end the identifiers are %s, want %s", got, gi)
	}
	if content() != before {
		t.Error("the data was changed")
	}
	// What would be replaced was kept; a disk in the kernel's hands is not touched.
	if out := sh("tar -tzf " + dir + "/original-drbd.tgz"); !strings.Contains(out, "usr/sbin/drbdmeta") {
		t.Errorf("the archive of what is replaced has\n%s", out)
	}
}
