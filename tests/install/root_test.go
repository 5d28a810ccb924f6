package install

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wanted is what a clean system has besides the essential packages.
var wanted = []string{"adduser", "apt", "iproute2", "mount"}

// system is a Debian system in a directory.
type system struct {
	t   *testing.T
	dir string
}

// newSystem makes a clean one of its own for a test.
func newSystem(t *testing.T) *system {
	t.Helper()
	needRoot(t)
	made.root.Do(func() {
		if made.base, made.rootErr = scratch(); made.rootErr == nil {
			made.base = filepath.Join(made.base, "base")
			made.rootErr = makeBase(made.base)
		}
	})
	if made.rootErr != nil {
		t.Fatal(made.rootErr)
	}
	dir, err := scratch()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "root")
	if out, err := exec.Command("cp", "-a", "--reflink=auto", made.base, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return &system{t, dir}
}

// makeBase fills dir with a clean system, which has more packages if the tests want them.
func makeBase(dir string, more ...string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if tar := os.Getenv("INSTALL_ROOT"); tar != "" {
		if out, err := exec.Command("tar", "-C", dir, "--exclude=./dev/*", "-xf", tar).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	} else if err := copyBase(dir, more); err != nil {
		return err
	}
	for _, d := range []string{"proc", "sys", "dev", "run", "tmp", "root", "var/tmp", "var/log"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "urandom": 9} {
		p := filepath.Join(dir, "dev", name)
		if err := unix.Mknod(p, unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))); err != nil && err != unix.EEXIST {
			return err
		}
	}
	finish := [][]string{{"ldconfig"}, {"dpkg", "--configure", "-a"}}
	if _, err := os.Lstat(filepath.Join(dir, "usr/bin/awk")); err != nil {
		finish = append(finish, []string{"update-alternatives", "--install", "/usr/bin/awk", "awk", "/usr/bin/mawk", "5"})
	}
	for _, args := range finish {
		if out, err := runIn(dir, "", args...); err != nil {
			return fmt.Errorf("%v in the clean system: %w: %s", args, err, out)
		}
	}
	return nil
}

// copyBase copies the packages from this machine.
func copyBase(dir string, more []string) error {
	names, err := closure(more)
	if err != nil {
		return err
	}
	for _, d := range []string{"usr/bin", "usr/sbin", "usr/lib", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "etc/alternatives"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	// Links of a merged /usr are in no list.
	links := map[string]string{}
	for _, d := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		if to, err := os.Readlink("/" + d); err == nil {
			links["/"+d] = to
			if err := os.Symlink(to, filepath.Join(dir, d)); err != nil {
				return err
			}
		}
	}
	real := func(path string) string {
		top, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if to, ok := links["/"+top]; ok {
			return "/" + to + "/" + rest
		}
		return path
	}
	var files []string
	for _, name := range names {
		list, err := exec.Command("dpkg-query", "-L", name).Output()
		if err != nil {
			return fmt.Errorf("files of %s: %w", name, err)
		}
		for f := range strings.Lines(string(list)) {
			f = strings.TrimSpace(f)
			if !strings.HasPrefix(f, "/") || links[f] != "" || f == "/." || unneeded(f) {
				continue
			}
			if _, err := os.Lstat(f); err == nil {
				files = append(files, "."+real(f))
			}
		}
		info, _ := filepath.Glob("/var/lib/dpkg/info/" + name + ".*")
		more, _ := filepath.Glob("/var/lib/dpkg/info/" + name + ":*.*")
		for _, f := range append(info, more...) {
			files = append(files, "."+f)
		}
	}
	files = append(files, "./usr/bin/sh", "./var/lib/dpkg/info/format")
	slices.Sort(files)
	files = slices.Compact(files)
	pipe := exec.Command("sh", "-c", `tar -C / --no-recursion -T - -cf - | tar -C "$1" -xf -`, "sh", dir)
	pipe.Stdin = strings.NewReader(strings.Join(files, "\n") + "\n")
	if out, err := pipe.CombinedOutput(); err != nil {
		return fmt.Errorf("copy: %w: %s", err, out)
	}
	status, err := exec.Command("dpkg-query", append([]string{"--status"}, names...)...).Output()
	if err != nil {
		return err
	}
	write := map[string]string{
		"/var/lib/dpkg/status": string(status), "/var/lib/dpkg/available": "", "/var/lib/dpkg/diversions": "", "/var/lib/dpkg/statoverride": "",
		"/etc/hosts": "127.0.0.1 localhost\n", "/etc/shadow": "", "/etc/gshadow": "",
	}
	for to, from := range map[string]string{"/etc/passwd": "/usr/share/base-passwd/passwd.master", "/etc/group": "/usr/share/base-passwd/group.master"} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		write[to] = string(data)
	}
	for name, text := range write {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for link, to := range map[string]string{"var/run": "/run", "var/lock": "/run/lock"} {
		_ = os.Remove(filepath.Join(dir, link))
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			return err
		}
	}
	return nil
}

// unneeded tells what nothing here reads.
func unneeded(file string) bool {
	return slices.ContainsFunc([]string{"doc/", "man/", "locale/", "info/", "zoneinfo/", "i18n/", "lintian/"}, func(d string) bool {
		return strings.HasPrefix(file, "/usr/share/"+d)
	}) || strings.Contains(file, "/gconv/")
}

// closure is the names of the essential packages, those that are wanted, and all that
// they depend on, as far as this machine has them.
func closure(more []string) ([]string, error) {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${db:Status-Status}\t${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\t${Provides}\n").Output()
	if err != nil {
		return nil, err
	}
	needs, provides := map[string]string{}, map[string]string{}
	todo := append(slices.Clone(wanted), more...)
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if f[0] != "installed" {
			continue
		}
		needs[f[1]] = f[3]
		for p := range strings.SplitSeq(f[4], ",") {
			if p = firstWord(p); p != "" {
				provides[p] = f[1]
			}
		}
		if f[2] == "yes" {
			todo = append(todo, f[1])
		}
	}
	var names []string
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if slices.Contains(names, name) {
			continue
		}
		if _, ok := needs[name]; !ok {
			return nil, fmt.Errorf("the package %s is not installed on this machine", name)
		}
		names = append(names, name)
		for group := range strings.SplitSeq(needs[name], ",") {
			for alternative := range strings.SplitSeq(group, "|") {
				p := firstWord(alternative)
				if _, ok := needs[p]; !ok {
					p = provides[p]
				}
				if p != "" {
					todo = append(todo, p)
					break
				}
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// firstWord is the name in a relation: "libc6:any (>= 2.34)".
func firstWord(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	s, _, _ = strings.Cut(s, ":")
	return s
}

// runIn runs a program with dir as its root, and with processes, network, mounts and
// name of its own: what it starts ends with it.
func runIn(dir, stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", `mount -t proc proc /proc && "$@"`, "sh"}, args...)...)
	cmd.Dir = "/"
	cmd.Env = environment
	cmd.Stdin = strings.NewReader(stdin)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: dir, Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	out, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

var environment = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "HA_EMERGENCY=log"}

// run runs a program in the system; it must succeed.
func (s *system) run(args ...string) string {
	s.t.Helper()
	out, err := runIn(s.dir, "", args...)
	if err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// install installs packages of this machine's files with dpkg.
func (s *system) install(files ...string) string {
	s.t.Helper()
	args := []string{"dpkg", "--install"}
	for _, f := range files {
		s.copyIn(f)
		args = append(args, "/root/"+filepath.Base(f))
	}
	out := s.run(args...)
	s.t.Logf("%s", out)
	return out
}

func (s *system) copyIn(file string) {
	s.t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(s.path("/root/"+filepath.Base(file)), data, 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *system) path(name string) string { return filepath.Join(s.dir, name) }

func (s *system) has(name string) bool {
	_, err := os.Lstat(s.path(name))
	return err == nil
}

func (s *system) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

func (s *system) write(name, text string, mode os.FileMode) {
	s.t.Helper()
	err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755)
	if err == nil {
		err = os.WriteFile(s.path(name), []byte(text), mode)
	}
	if err == nil {
		err = os.Chmod(s.path(name), mode)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// want checks that files are there, or are not.
func (s *system) want(there bool, names ...string) {
	s.t.Helper()
	for _, name := range names {
		if s.has(name) != there {
			s.t.Errorf("%s is there: %v, want %v", name, !there, there)
		}
	}
}
