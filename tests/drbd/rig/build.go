package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"classicha/tests/lab"
)

// Image is what a machine has installed.
type Image int

const (
	Ours    Image = iota // all commands are ours
	RealAdm              // drbdadm and drbdmeta are those of the machine, drbdsetup is ours
	Pair                 // all that "make install" installs, Heartbeat among it
)

// links are the names of our program; RealAdm has the first two only.
var links = []string{"drbdsetup", "drbdsetup-84", "drbdsetup-83", "drbdadm", "drbdmeta", "drbd-overview"}

// built is our program, once for each test program.
var built struct {
	sync.Mutex
	remove []func()
	images [3]*lab.Image
	err    error
}

// image builds our program and the trees that the machines see.
func image(i Image) (*lab.Image, error) {
	built.Lock()
	defer built.Unlock()
	if built.images[i] == nil && built.err == nil {
		built.err = build(i == Pair)
	}
	return built.images[i], built.err
}

// Programs is the directory of an image's programs.
func Programs(i Image) (string, error) {
	img, err := image(i)
	if err != nil {
		return "", err
	}
	return filepath.Join(img.Root, "usr/sbin"), nil
}

// InstalledEnv names a tree that "make install" left: Pair is not built then.
const InstalledEnv = "DRBD_RIG_INSTALLED"

func build(pair bool) error {
	if root := os.Getenv(InstalledEnv); pair && root != "" {
		built.images[Pair] = &lab.Image{Name: "ours", Root: root}
		return nil
	}
	repo, err := Repo()
	if err != nil {
		return err
	}
	dir, remove, err := lab.Scratch("drbdrig-")
	if err != nil {
		return err
	}
	built.remove = append(built.remove, remove)
	if pair {
		built.images[Pair], err = lab.Install(repo, dir)
		return err
	}
	prog := filepath.Join(dir, "drbdd")
	cmd := exec.Command("go", "build", "-trimpath", "-o", prog, "./drbdd")
	cmd.Dir = repo
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./drbdd: %w\n%s", err, out)
	}
	for i, names := range [][]string{links, links[:2]} {
		root := filepath.Join(dir, fmt.Sprint(i))
		sbin := filepath.Join(root, "usr/sbin")
		if err := os.MkdirAll(sbin, 0o755); err != nil {
			return err
		}
		for _, n := range append([]string{"drbdd"}, names...) {
			if err := os.Link(prog, filepath.Join(sbin, n)); err != nil {
				return err
			}
		}
		built.images[i] = &lab.Image{Name: []string{"ours", "real drbdadm"}[i], Root: root}
	}
	return nil
}

// Cleanup removes what was built.
func Cleanup() {
	built.Lock()
	defer built.Unlock()
	for _, f := range built.remove {
		f()
	}
	built.remove = nil
}

// Repo is the directory of the project.
func Repo() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == "/" {
			return "", fmt.Errorf("no go.mod above %s", dir)
		}
	}
}
