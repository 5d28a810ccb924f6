package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"classicha/tests/kernel/talk"
)

// shareTag is the name by which a guest mounts the file system of this machine.
const shareTag = "host"

// sharedMemory is what a machine has that runs whole clusters in itself; its virtiofsd sees it.
const sharedMemory = "1536M"

// virtiofsd is the program that serves files to a machine, or empty.
func virtiofsd() string {
	for _, p := range []string{"/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

// shareFiles starts a virtiofsd for this machine's files, and returns what QEMU is told of it.
// The guest mounts them read only.
func (m *Machine) shareFiles(console *os.File) ([]string, error) {
	path := filepath.Join(m.dir, fmt.Sprintf("fs%d", m.n))
	_ = os.Remove(path)
	cmd := exec.Command("nice", "-n", "10", virtiofsd(), "--socket-path="+path, "-o", "source=/,cache=always,sandbox=chroot", "-f")
	cmd.Stdout, cmd.Stderr = console, console
	if err := m.net.Start(cmd); err != nil {
		return nil, fmt.Errorf("virtiofsd: %w", err)
	}
	m.fs = cmd
	for range 100 {
		if _, err := os.Stat(path); err == nil {
			return []string{"-m", sharedMemory, "-object", "memory-backend-memfd,id=mem,share=on,size=" + sharedMemory, "-numa", "node,memdev=mem",
				"-chardev", "socket,id=fs,path=" + path, "-device", "vhost-user-fs-pci,chardev=fs,tag=" + shareTag}, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	m.unshareFiles()
	return nil, fmt.Errorf("virtiofsd does not start: %s", m.tail())
}

func (m *Machine) unshareFiles() {
	if m.fs != nil {
		_ = m.fs.Process.Kill()
		_ = m.fs.Wait()
		m.fs = nil
	}
}

// RunShared boots a machine with our file system, runs a program in the directory we are in, and
// takes the power away. dir is for the machine's own files. An error has the end of its console.
func RunShared(ctx context.Context, dir string, limit time.Duration, logf func(string, ...any), args ...string) (talk.Reply, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	image, err := BuildShared(ctx, filepath.Join(cache, "classicha-kernel"), dir, logf)
	if err != nil {
		return talk.Reply{}, err
	}
	network, err := NewNetwork()
	if err != nil {
		return talk.Reply{}, err
	}
	defer network.Close()
	m := NewMachine(image, network, 1, dir)
	if err := m.Boot(); err != nil {
		return talk.Reply{}, err
	}
	defer m.Kill()
	here, err := os.Getwd()
	if err != nil {
		return talk.Reply{}, err
	}
	logf("the machine is up")
	env := []string{"/usr/bin/env", "-C", here, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "HA_EMERGENCY=log"}
	r, err := m.Call(limit, talk.Request{Op: talk.OpRun, Args: append(env, args...)})
	if err != nil {
		err = fmt.Errorf("%w; the console ends with:\n%s", err, m.tail())
	}
	return r, err
}
