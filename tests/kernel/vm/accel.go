package vm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// kvmLimit is what a machine with KVM has to print something; it takes a second. In
// a virtual machine /dev/kvm may be there and yet run nothing.
const kvmLimit = 8 * time.Second

// accelerator tries KVM by booting the kernel. INTEROP_KERNEL_ACCEL (kvm, tcg)
// decides instead.
func accelerator(ctx context.Context, im *Image, dir string) (accel, cpu string) {
	const slow, any = "tcg,thread=multi", "max"
	switch os.Getenv("INTEROP_KERNEL_ACCEL") {
	case "kvm":
		return "kvm", "host"
	case "tcg":
		return slow, any
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return slow, any
	}
	f.Close()
	ctx, cancel := context.WithTimeout(ctx, kvmLimit)
	defer cancel()
	console := filepath.Join(dir, "kvm.log")
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-M", "q35", "-m", "256", "-display", "none",
		"-nodefaults", "-no-reboot", "-serial", "file:"+console, "-kernel", im.Kernel.Image, "-append", "console=ttyS0 panic=-1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	_ = cmd.Run() // without an initrd it panics and ends
	if out, _ := os.ReadFile(console); bytes.Contains(out, []byte("Kernel panic")) {
		return "kvm", "host"
	}
	return slow, any
}
