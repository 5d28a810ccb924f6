package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Image is what machines boot; it is read only and can be used by several.
type Image struct {
	Kernel *Kernel
	Initrd string
	Accel  string // kvm or tcg
	CPU    string
	shared bool // machines have the file system of this one
}

// Programs of Debian's drbd-utils that the guest gets, and their names there.
var programs = map[string]string{
	"/sbin/drbdsetup": "/lib/drbd/drbdsetup-84",
	"/sbin/drbdmeta":  "/sbin/drbdmeta",
}

// modules that the guest loads, drbd last, with a helper of ours.
var modules = []string{"virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "crc32c_intel", "drbd"}

// sharedModules are those of a machine with our file system: what tests/lab and drbdd need.
var sharedModules = []string{"virtio_pci", "virtio_net", "virtio_console", "crc32c_intel", "virtiofs", "overlay", "fuse", "loop", "veth", "bridge"}

// Missing says why no machine can be booted here, or is empty.
func Missing() string {
	if why := missing(); why != "" {
		return why
	}
	for _, p := range programs {
		if _, err := os.Stat(p); err != nil {
			return p + " is needed (package drbd-utils)"
		}
	}
	return ""
}

// MissingShared says why no machine with our file system can be booted here, or is empty.
func MissingShared() string {
	if why := missing(); why != "" {
		return why
	}
	if virtiofsd() == "" {
		return "virtiofsd is needed (tests/needs.sh kernel installs it)"
	}
	return ""
}

func missing() string {
	if os.Geteuid() != 0 {
		return "root is needed (network namespace, tap device)"
	}
	for _, p := range []string{"qemu-system-x86_64", "apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(p); err != nil {
			return p + " is needed (tests/needs.sh kernel installs it)"
		}
	}
	return ""
}

// Build makes the image in dir. The guest program is built from source, so the
// module must be at hand.
func Build(ctx context.Context, cache, dir string, logf func(string, ...any)) (*Image, error) {
	return build(ctx, cache, dir, logf, false)
}

// BuildShared makes the image of machines without drbd, whose file system is a copy of
// this machine's: all programs that are here run there, and what they write stays there,
// in memory.
func BuildShared(ctx context.Context, cache, dir string, logf func(string, ...any)) (*Image, error) {
	return build(ctx, cache, dir, logf, true)
}

func build(ctx context.Context, cache, dir string, logf func(string, ...any), shared bool) (*Image, error) {
	k, err := FindKernel(ctx, cache, dir, logf)
	if err != nil {
		return nil, err
	}
	guest := filepath.Join(dir, "guest")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", guest, "classicha/tests/kernel/guest")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the guest program: %w: %s", err, out)
	}
	im := &Image{Kernel: k, Initrd: filepath.Join(dir, "initrd"), shared: shared}
	var data []byte
	if shared {
		data, err = k.initrd(guest, nil, sharedModules)
	} else {
		data, err = k.initrd(guest, programs, modules)
	}
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(im.Initrd, data, 0o644); err != nil {
		return nil, err
	}
	im.Accel, im.CPU = accelerator(ctx, im, dir)
	logf("kernel %s, accelerator %s", k.Package, im.Accel)
	return im, nil
}

func (k *Kernel) initrd(guest string, programs map[string]string, modules []string) ([]byte, error) {
	var a archive
	files := map[string]string{"/init": guest}
	for to, from := range programs {
		files[to] = from
		if err := libraries(files, from); err != nil {
			return nil, err
		}
	}
	order, err := k.loadOrder(modules...)
	if err != nil {
		return nil, err
	}
	var list strings.Builder
	for _, m := range order {
		params := ""
		if m == "drbd" {
			params = " usermode_helper=/sbin/helper minor_count=8"
		}
		fmt.Fprintf(&list, "%s.ko%s\n", m, params)
		files["/modules/"+m+".ko"] = k.Modules[m]
	}
	a.file("modules/order", []byte(list.String()))
	for to, from := range files {
		data, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		a.file(to[1:], data)
	}
	a.link("sbin/helper", "/init")
	a.link("sbin/drbdsetup-84", "drbdsetup")
	a.char("dev/console", 5, 1)
	a.dir("run")
	return a.end(), nil
}
