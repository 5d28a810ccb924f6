package pair

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"classicha/tests/lab"
)

// ours is installed once for all tests of a program.
var ours struct {
	sync.Once
	remove func()
	image  *lab.Image
	err    error
}

// Image is what a role runs.
func Image(role string) (*lab.Image, error) {
	switch role {
	case "real":
		return lab.Real, nil
	case "ours":
		ours.Do(func() {
			var dir string
			if dir, ours.remove, ours.err = lab.Scratch("hb-ours-"); ours.err == nil {
				ours.image, ours.err = lab.Install(repoRoot(), dir)
			}
		})
		return ours.image, ours.err
	}
	return nil, fmt.Errorf("role %q: want real or ours", role)
}

// repoRoot is the directory of go.mod above the current one.
func repoRoot() string {
	d, _ := os.Getwd()
	for d != "/" {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d
		}
		d = filepath.Dir(d)
	}
	return "."
}

// Cleanup removes what the package made for all tests; TestMain calls it.
func Cleanup() {
	if ours.remove != nil {
		ours.remove()
	}
}

// Missing says why pairs of these roles cannot be run here, or is empty.
func Missing(roles ...[2]string) string {
	if why := lab.Missing(); why != "" {
		return why
	}
	for program, pkg := range map[string]string{"nft": "nftables", "ip": "iproute2"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is missing (package " + pkg + ")"
		}
	}
	for _, r := range roles {
		if (r[0] == "real" || r[1] == "real") && lab.RealMissing() != "" {
			return "the real Heartbeat is not installed: " + lab.RealMissing()
		}
	}
	return ""
}

// Roles are the role pairs to test: what HB_ROLES says ("real,real", several
// with blanks between), else def.
func Roles(def ...[2]string) [][2]string {
	var out [][2]string
	for _, w := range strings.Fields(os.Getenv("HB_ROLES")) {
		a, b, ok := strings.Cut(w, ",")
		if !ok {
			panic("HB_ROLES: want words like ours,real")
		}
		out = append(out, [2]string{a, b})
	}
	if out == nil {
		return def
	}
	return out
}

// ForRoles runs a test once for each pair of roles, in parallel with others.
func ForRoles(t *testing.T, roles [][2]string, f func(t *testing.T, roles [2]string)) {
	t.Helper()
	if why := Missing(roles...); why != "" {
		t.Skip(why)
	}
	for _, r := range roles {
		t.Run(r[0]+"+"+r[1], func(t *testing.T) {
			t.Parallel()
			f(t, r)
		})
	}
}
