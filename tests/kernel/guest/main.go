// Guest is the one program of the virtual machine, and its process 1: it loads the
// modules, brings up the network and carries out what the harness asks (package
// talk). Called by the kernel as the helper of drbd it notes the call.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"classicha/tests/kernel/talk"
)

func main() {
	if filepath.Base(os.Args[0]) == "helper" {
		os.Exit(helper(os.Args[1:]))
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: this is process 1 of a virtual machine")
		os.Exit(1)
	}
	err := start()
	if err == nil {
		err = serve()
	}
	say("guest: %v", err)
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// say writes to the console, which the harness keeps as a file.
func say(format string, args ...any) {
	if f, err := os.OpenFile("/dev/console", os.O_WRONLY, 0); err == nil {
		fmt.Fprintf(f, format+"\n", args...)
		f.Close()
	}
}

func start() error {
	os.Setenv("PATH", "/sbin")
	for _, m := range [][3]string{{"proc", "/proc", "proc"}, {"sys", "/sys", "sysfs"}, {"dev", "/dev", "devtmpfs"}, {"run", "/run", "tmpfs"}} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m[0], m[1], m[2], 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	for _, d := range []string{"/tmp", "/var/lock", "/var/lib/drbd", "/var/run/drbd", "/run/helpers"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Sethostname([]byte(word("classicha.name"))); err != nil {
		return err
	}
	// From here on the console gets what drbd says, all of it.
	if err := os.WriteFile("/proc/sys/kernel/printk", []byte("8"), 0o644); err != nil {
		return err
	}
	if err := loadModules("/modules"); err != nil {
		return err
	}
	if err := network("eth0", word("classicha.ip")); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	if tag := word("classicha.share"); tag != "" {
		if err := share(tag); err != nil {
			return err
		}
	}
	version, _ := os.ReadFile("/sys/module/drbd/version")
	say("guest: ready, drbd %s", strings.TrimSpace(string(version)))
	return nil
}

// word is the value of a word of the kernel's command line.
func word(name string) string {
	line, _ := os.ReadFile("/proc/cmdline")
	for _, w := range strings.Fields(string(line)) {
		if v, ok := strings.CutPrefix(w, name+"="); ok {
			return v
		}
	}
	return ""
}

// loadModules loads what stands in the file order: a file name and parameters a line.
func loadModules(dir string) error {
	order, err := os.ReadFile(filepath.Join(dir, "order"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(order)) {
		name, params, _ := strings.Cut(strings.TrimSpace(line), " ")
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := unix.InitModule(data, params); err != nil && err != unix.EEXIST {
			return fmt.Errorf("module %s: %w", name, err)
		}
	}
	return nil
}

// network gives an interface its address; the net is /24.
func network(name, addr string) error {
	if err := until(20*time.Second, func() bool { _, err := os.Stat("/sys/class/net/" + name); return err == nil }); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var ip [4]byte
	if _, err := fmt.Sscanf(addr, "%d.%d.%d.%d", &ip[0], &ip[1], &ip[2], &ip[3]); err != nil {
		return fmt.Errorf("address %q: %w", addr, err)
	}
	for _, call := range []struct {
		req  uint
		name string
		fill func(*unix.Ifreq)
	}{
		{unix.SIOCSIFADDR, name, func(r *unix.Ifreq) { _ = r.SetInet4Addr(ip[:]) }},
		{unix.SIOCSIFNETMASK, name, func(r *unix.Ifreq) { _ = r.SetInet4Addr([]byte{255, 255, 255, 0}) }},
		{unix.SIOCSIFFLAGS, name, func(r *unix.Ifreq) { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING) }},
		{unix.SIOCSIFFLAGS, "lo", func(r *unix.Ifreq) { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING) }},
	} {
		r, err := unix.NewIfreq(call.name)
		if err != nil {
			return err
		}
		call.fill(r)
		if err := unix.IoctlIfreq(fd, call.req, r); err != nil {
			return fmt.Errorf("ioctl %#x of %s: %w", call.req, call.name, err)
		}
	}
	return nil
}

func until(limit time.Duration, cond func() bool) error {
	for end := time.Now().Add(limit); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("not there within %v", limit)
		}
	}
	return nil
}

// port finds the device of the control port.
func port() (path string) {
	names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
	for _, n := range names {
		if b, _ := os.ReadFile(n); strings.TrimSpace(string(b)) == talk.Port {
			path = "/dev/" + filepath.Base(filepath.Dir(n))
		}
	}
	return path
}

func serve() error {
	if err := until(20*time.Second, func() bool { return port() != "" }); err != nil {
		return fmt.Errorf("control port: %w", err)
	}
	f, err := os.OpenFile(port(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var mu sync.Mutex // of writing
	in := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("control port: %w", err)
		}
		var q talk.Request
		if err := json.Unmarshal(line, &q); err != nil {
			return fmt.Errorf("control port: %q: %w", line, err)
		}
		go func() {
			r := carryOut(q)
			r.ID = q.ID
			b, err := json.Marshal(r)
			if err != nil {
				say("guest: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if _, err := f.Write(append(b, '\n')); err != nil {
				say("guest: control port: %v", err)
			}
		}()
	}
}
