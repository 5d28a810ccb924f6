package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Image says which programs a node sees.
type Image struct {
	// Name is a word for messages: "real" or "ours".
	Name string
	// Root is a tree as "make install DESTDIR=Root" leaves it. Empty: what the
	// machine has installed.
	Root string
}

// Real is the Heartbeat that the machine has installed.
var Real = &Image{Name: "real"}

// HeartbeatProgram is where every image has its daemon.
const HeartbeatProgram = "/usr/libexec/heartbeat/heartbeat"

// RealMissing says what the real Heartbeat lacks on this machine, or is empty.
func RealMissing() string {
	for _, f := range []struct{ path, pkg string }{
		{HeartbeatProgram, "heartbeat"},
		{"/etc/ha.d/harc", "heartbeat"},
		{"/usr/lib/ocf/resource.d/heartbeat/IPaddr2", "resource-agents"},
	} {
		if _, err := os.Stat(f.path); err != nil {
			return fmt.Sprintf("%s is missing (package %s)", f.path, f.pkg)
		}
	}
	return ""
}

// Install runs "make install" of the project at repo into dir, which must be
// readable for everyone, and returns the image of it.
func Install(repo, dir string) (*Image, error) {
	root := filepath.Join(dir, "root")
	cmd := exec.Command("make", "-s", "-C", repo, "install", "DESTDIR="+root)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make install: %w\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(root, HeartbeatProgram)); err != nil {
		return nil, fmt.Errorf("make install did not bring the daemon: %w", err)
	}
	return &Image{Name: "ours", Root: root}, nil
}

// ownDirs are the directories that belong to the image alone: a node of one
// image sees nothing of another's there.
var ownDirs = []string{"/usr/libexec/heartbeat", "/usr/share/heartbeat"}

// programDirs are searched for single programs.
var programDirs = []string{"/usr/bin", "/usr/sbin"}

// binds are the mounts that show the image to a node.
func (i *Image) binds() []bind {
	if i.Root == "" {
		return nil
	}
	var out []bind
	for _, d := range ownDirs {
		if src := filepath.Join(i.Root, d); exists(src) {
			out = append(out, bind{src, d})
		}
	}
	for _, d := range programDirs {
		entries, _ := os.ReadDir(filepath.Join(i.Root, d))
		for _, e := range entries {
			// Only over a program of that name: for the others PATH is enough,
			// and copying a directory of 1,500 programs by mounts is slow.
			dst := filepath.Join(d, e.Name())
			if src := filepath.Join(i.Root, dst); exists(dst) && exists(src) {
				out = append(out, bind{src, dst})
			}
		}
	}
	// The machine's init script and agents stay unless we ship our own.
	for _, f := range []string{"/etc/init.d/heartbeat", "/usr/lib/ocf/resource.d/heartbeat"} {
		if src := filepath.Join(i.Root, f); exists(src) && exists(f) {
			out = append(out, bind{src, f})
		}
	}
	return out
}

// path is PATH in a node of this image.
func (i *Image) path() string {
	p := nodePath
	if i.Root != "" {
		for _, d := range programDirs {
			p = filepath.Join(i.Root, d) + ":" + p
		}
	}
	return p
}

// tree copies the image's files below path (/etc/ha.d, /var/lib/heartbeat) into
// dst. An image without them is fine.
func (i *Image) tree(path, dst string) error {
	src := filepath.Join(i.Root, path)
	if !exists(src) {
		return nil
	}
	if out, err := exec.Command("cp", "-a", src+"/.", dst+"/").CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", src, err, out)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
