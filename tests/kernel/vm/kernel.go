package vm

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// MetaPackage is Debian's name for the newest small kernel; its modules include
// drbd and everything virtio. INTEROP_KERNEL_PACKAGE names another package, such
// as linux-image-6.1.0-56-amd64.
const MetaPackage = "linux-image-cloud-amd64"

// Kernel is an unpacked kernel package.
type Kernel struct {
	Package string            // with its version
	Image   string            // path of vmlinuz
	Modules map[string]string // name of a module -> path of the .ko
}

// FindKernel downloads the kernel package to cache, if it is not there, and unpacks
// it to dir. Nothing is installed.
func FindKernel(ctx context.Context, cache, dir string, logf func(string, ...any)) (*Kernel, error) {
	deb, err := download(ctx, cache, logf)
	if err != nil {
		return nil, err
	}
	k := &Kernel{Package: strings.TrimSuffix(filepath.Base(deb), ".deb"), Modules: map[string]string{}}
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := k.unpack(tar.NewReader(out), dir); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("unpack %s: %w %s", deb, err, stderr.String())
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("unpack %s: %w %s", deb, err, stderr.String())
	}
	if k.Image == "" || k.Modules["drbd"] == "" {
		return nil, fmt.Errorf("%s has no kernel or no drbd module", deb)
	}
	return k, nil
}

// moduleDirs are the parts of a kernel package where our modules can be.
var moduleDirs = regexp.MustCompile(`/kernel/(drivers/(block|net|virtio|char)|lib|crypto|arch/x86/crypto|net/(core|bridge|802|llc)|fs/(fuse|overlayfs))/`)

func (k *Kernel) unpack(r *tar.Reader, dir string) error {
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		base := path.Base(h.Name)
		module := strings.HasSuffix(base, ".ko") && moduleDirs.MatchString(h.Name)
		if h.Typeflag != tar.TypeReg || !module && !strings.HasPrefix(base, "vmlinuz-") {
			continue
		}
		to := filepath.Join(dir, base)
		f, err := os.Create(to)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, r); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		if module {
			k.Modules[moduleName(base)] = to
		} else {
			k.Image = to
		}
	}
}

// moduleName is what modules call each other: without directory, with underscores.
func moduleName(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(file, ".ko"), "-", "_")
}

// download finds the package file in cache or fetches it with apt-get.
func download(ctx context.Context, cache string, logf func(string, ...any)) (string, error) {
	name := os.Getenv("INTEROP_KERNEL_PACKAGE")
	if name == "" {
		out, err := exec.CommandContext(ctx, "apt-cache", "depends", MetaPackage).Output()
		if err != nil {
			return "", fmt.Errorf("apt-cache depends %s: %w", MetaPackage, err)
		}
		for line := range strings.Lines(string(out)) {
			if p, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: linux-image-"); ok {
				name = "linux-image-" + p
				break
			}
		}
		if name == "" {
			return "", fmt.Errorf("no kernel package: %s is not known to apt (apt-get update?)", MetaPackage)
		}
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	have := func() string {
		found, _ := filepath.Glob(filepath.Join(cache, name+"_*.deb"))
		slices.Sort(found)
		if len(found) == 0 {
			return ""
		}
		return found[len(found)-1]
	}
	if deb := have(); deb != "" {
		return deb, nil
	}
	logf("downloading the package %s to %s", name, cache)
	tmp, err := os.MkdirTemp(cache, "partial-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name)
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("apt-get download %s: %w: %s", name, err, out)
	}
	files, _ := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if len(files) != 1 {
		return "", fmt.Errorf("apt-get download %s left %d files", name, len(files))
	}
	if err := os.Rename(files[0], filepath.Join(cache, filepath.Base(files[0]))); err != nil {
		return "", err
	}
	return have(), nil
}
