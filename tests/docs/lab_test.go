package docs

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/tests/lab"
	"classicha/tests/lab/pair"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pair.Cleanup()
	for _, dir := range []string{built.dir, builtDRBD.dir} {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// private gives a node an /etc and a /usr of its own, on top of the machine's: what is
// installed there stays in the node and is gone with it. Mounts of the lab below them,
// such as the stand-ins for reboot, are put back.
const private = `set -e
own() {
	base=/run/own$1
	mkdir -p $base/up $base/work $base/sub
	subs=$(awk -v d="$1/" 'index($2, d) == 1 {print $2}' /proc/self/mounts | awk '!seen[$0]++')
	i=0
	for m in $subs; do
		i=$((i + 1))
		if [ -d $m ]; then mkdir $base/sub/$i; else : >$base/sub/$i; fi
		mount --bind $m $base/sub/$i
	done
	mount -t overlay overlay -o lowerdir=$1,upperdir=$base/up,workdir=$base/work $1
	i=0
	for m in $subs; do
		i=$((i + 1))
		mount --bind $base/sub/$i $m
	done
}
own /usr
own /etc
`

// makePrivate skips the test where the kernel has no overlay file system.
func makePrivate(t *testing.T, n *lab.Node) {
	t.Helper()
	if r := n.Run("sh", "-c", private); r.Code != 0 {
		if strings.Contains(r.Out, "unknown filesystem type") {
			t.Skipf("no overlay file system: %s", r.Out)
		}
		t.Fatalf("%s: an /etc and a /usr of its own: exit code %d: %s", n.Name(), r.Code, r.Out)
	}
}

// run carries a block out on a node.
func run(t *testing.T, n *lab.Node, b block) string {
	t.Helper()
	begin := time.Now()
	r := n.RunFor(2*time.Minute, "sh", "-e", "-c", b.text)
	if r.Code != 0 {
		t.Fatalf("line %d on %s: exit code %d\n%s\nit printed:\n%s", b.line, n.Name(), r.Code, b.text, r.Out)
	}
	t.Logf("line %d on %s: %.1fs", b.line, n.Name(), time.Since(begin).Seconds())
	return r.Out
}

// copySources copies what a clone of the repository has, so that a guide's commands
// leave nothing behind in this one.
func copySources(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		switch {
		case d.IsDir() && (rel == ".git" || rel == "bin"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// runHere carries a block out on this machine, in a directory.
func runHere(t *testing.T, dir string, b block) {
	t.Helper()
	cmd := exec.Command("sh", "-e", "-c", b.text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HA_EMERGENCY=log")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("line %d: %v\n%s\n%s", b.line, err, b.text, out)
	}
}
