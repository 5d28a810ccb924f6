package install

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"classicha/tests/lab"
)

const repo = "../.."

// made is what all tests share.
var made struct {
	packages, root sync.Once
	remove         []func()
	dir            string // of the packages
	stage          string // what "make install" installs
	base           string // a clean system
	err, rootErr   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range made.remove {
		f()
	}
	os.Exit(code)
}

func scratch() (string, error) {
	dir, remove, err := lab.Scratch("hb-install-")
	if err == nil {
		made.remove = append(made.remove, remove)
	}
	return dir, err
}

// build makes the packages, and installs beside them what they are made of.
func build(t *testing.T) {
	t.Helper()
	made.packages.Do(func() {
		dir, err := scratch()
		if err != nil {
			made.err = err
			return
		}
		made.dir, made.stage = filepath.Join(dir, "packages"), filepath.Join(dir, "stage")
		// The guide's own command, but elsewhere.
		for _, c := range []struct{ text, flags string }{
			{strings.Join(commands(t, "build"), "\n"), "-s -- PACKAGES=" + made.dir},
			{"make -o build install", "-s -- DESTDIR=" + made.stage},
		} {
			cmd := exec.Command("sh", "-e", "-c", c.text)
			cmd.Dir, cmd.Env = repo, append(os.Environ(), "MAKEFLAGS="+c.flags)
			if out, err := cmd.CombinedOutput(); err != nil {
				made.err = fmt.Errorf("%s: %w\n%s", c.text, err, out)
				return
			}
		}
	})
	if made.err != nil {
		t.Fatal(made.err)
	}
}

// pack finds the one package of a name.
func pack(t *testing.T, name, format string) string {
	t.Helper()
	build(t)
	found, _ := filepath.Glob(filepath.Join(made.dir, name+"?[0-9]*."+format))
	if len(found) != 1 {
		t.Fatalf("packages of %s: %q, want one", name, found)
	}
	return found[0]
}

// needRoot skips where no clean system can be made.
func needRoot(t *testing.T) {
	t.Helper()
	if why := lab.Missing(); why != "" {
		t.Skip(why)
	}
	if runtime.GOOS != "linux" || len(dpkgInfo()) == 0 && os.Getenv("INSTALL_ROOT") == "" {
		t.Skip("no Debian system: there is no dpkg database to copy a clean system from")
	}
}

func dpkgInfo() []byte {
	out, _ := exec.Command("dpkg-query", "-W", "-f", "${Package}\n", "dpkg").Output()
	return bytes.TrimSpace(out)
}
