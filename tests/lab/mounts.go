package lab

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mounter changes the file system of a node that is being set up. It runs in
// the node's mount namespace; nothing of it can be seen outside.
type mounter struct {
	stage string // directory outside that mounts are prepared in
	n     int
}

func (m *mounter) stageDir() (string, error) {
	m.n++
	d := filepath.Join(m.stage, fmt.Sprint(m.n))
	return d, os.MkdirAll(d, 0o755)
}

func (m *mounter) tmpfs(path string, mode os.FileMode) error {
	if err := unix.Mount("lab", path, "tmpfs", 0, fmt.Sprintf("mode=%o", mode)); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", path, err)
	}
	return nil
}

// bind mounts src (file or directory) over dst and makes dst if need be.
func (m *mounter) bind(src, dst string) error {
	st, err := os.Stat(src)
	if err != nil {
		return err
	}
	if err := m.ensure(dst, st.IsDir()); err != nil {
		return err
	}
	if err := unix.Mount(src, dst, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s on %s: %w", src, dst, err)
	}
	return nil
}

// ensure makes path exist as something to mount on, without touching the
// machine's file system: the directory that lacks it is replaced by a copy made
// of mounts.
func (m *mounter) ensure(path string, dir bool) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	parent := filepath.Dir(path)
	if err := m.ensure(parent, true); err != nil {
		return err
	}
	if err := m.shadow(parent); err != nil {
		return err
	}
	return makeEmpty(path, dir)
}

func makeEmpty(path string, dir bool) error {
	if dir {
		return os.Mkdir(path, 0o755)
	}
	return os.WriteFile(path, nil, 0o644)
}

// shadow puts a writable memory file system over dir that has the same entries.
func (m *mounter) shadow(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	tmp, err := m.stageDir()
	if err != nil {
		return err
	}
	if err := m.tmpfs(tmp, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(dir, e.Name()), filepath.Join(tmp, e.Name())
		if e.Type()&os.ModeSymlink != 0 {
			target, err := os.Readlink(from)
			if err != nil {
				return err
			}
			if err := os.Symlink(target, to); err != nil {
				return err
			}
			continue
		}
		if err := makeEmpty(to, e.IsDir()); err != nil {
			return err
		}
		if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", from, to, err)
		}
	}
	if err := unix.Mount(tmp, dir, "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move %s over %s: %w", tmp, dir, err)
	}
	return nil
}

// mask puts the script over the file that path leads to, if there is one. The
// commands may all be links to one program, which is then masked once.
func (m *mounter) mask(script, path string) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil // not on this machine
	}
	return m.bind(script, target)
}

// dev builds a private /dev: the harmless devices, the machine's
// pseudo-terminals, and the node's serial lines.
func (m *mounter) dev(ttys map[string]string) error {
	d, err := m.stageDir()
	if err != nil {
		return err
	}
	if err := m.tmpfs(d, 0o755); err != nil {
		return err
	}
	nodes := map[string]string{}
	for _, f := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		nodes[f] = "/dev/" + f
	}
	for name, pts := range ttys {
		nodes[name] = pts
	}
	for name, src := range nodes {
		to := filepath.Join(d, name)
		if err := makeEmpty(to, false); err != nil {
			return err
		}
		if err := unix.Mount(src, to, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s on %s: %w", src, to, err)
		}
	}
	for _, sub := range []string{"pts", "shm"} {
		if err := os.Mkdir(filepath.Join(d, sub), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("/dev/pts", filepath.Join(d, "pts"), "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount /dev/pts: %w", err)
	}
	if err := m.tmpfs(filepath.Join(d, "shm"), 0o1777); err != nil {
		return err
	}
	for link, target := range map[string]string{"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink(target, filepath.Join(d, link)); err != nil {
			return err
		}
	}
	if err := unix.Mount(d, "/dev", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the new /dev: %w", err)
	}
	return nil
}
