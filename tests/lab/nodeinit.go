package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// initConfig is what a node's process 1 reads, one line of JSON, on its
// standard input before it sets the node up.
type initConfig struct {
	Hostname string
	Stage    string            // an empty directory of this node for building mounts
	TTYs     map[string]string // name in /dev -> pseudo-terminal outside
	Binds    []bind            // in this order
	Uid, Gid int               // of hacluster and haclient
	RunDirs  bool              // make /run/heartbeat as the package's boot files do
	Mask     string            // script that stands in for the reboot commands
}

// bind mounts Src over Dst; what is missing of Dst is made (see mounts.go).
type bind struct{ Src, Dst string }

// nodeMain is a node's process 1: it ends, and with it the node, when its
// standard input closes.
func nodeMain() error {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	var c initConfig
	if err := json.Unmarshal(line, &c); err != nil {
		return err
	}
	if err := c.setUp(); err != nil {
		fmt.Println(err)
		return err
	}
	log, err := listenSyslog("/dev/log", "/var/log/syslog")
	if err != nil {
		fmt.Println(err)
		return err
	}
	go log()
	go reapOrphans()
	fmt.Println("up")
	os.Stdout.Close()
	_, _ = in.ReadByte()
	return nil
}

func (c *initConfig) setUp() error {
	if err := unix.Sethostname([]byte(c.Hostname)); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	m := mounter{stage: c.Stage}
	if err := m.dev(c.TTYs); err != nil {
		return err
	}
	for _, b := range c.Binds {
		if err := m.bind(b.Src, b.Dst); err != nil {
			return err
		}
	}
	for _, path := range []string{"/sbin/reboot", "/sbin/halt", "/sbin/poweroff", "/sbin/shutdown", "/sbin/init", "/sbin/telinit", "/bin/systemctl"} {
		if err := m.mask(c.Mask, path); err != nil {
			return err
		}
	}
	if err := m.tmpfs("/run", 0o755); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// A fresh sysfs shows this node's interfaces; without it scripts see the machine's.
	if err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	if _, err := os.Stat("/proc/sysrq-trigger"); err == nil {
		if err := unix.Mount("/dev/null", "/proc/sysrq-trigger", "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mask sysrq: %w", err)
		}
	}
	return c.runDirs()
}

// runDirs makes what a boot of Debian makes in /run.
func (c *initConfig) runDirs() error {
	for _, d := range []string{"/run/lock/subsys", "/run/resource-agents"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod("/run/lock", 0o1777); err != nil {
		return err
	}
	if !c.RunDirs {
		return nil
	}
	for _, d := range []string{"", "ccm", "crm", "dopd"} {
		p := filepath.Join("/run/heartbeat", d)
		if err := os.MkdirAll(p, 0o750); err != nil {
			return err
		}
		if err := os.Chown(p, c.Uid, c.Gid); err != nil {
			return err
		}
	}
	return nil
}

// listenSyslog binds the node's log socket and returns the loop that records
// each datagram in file, one a line, after its arrival time in seconds.
func listenSyslog(socket, file string) (func(), error) {
	_ = os.Remove(socket)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return func() {
		buf := make([]byte, 1<<16)
		for {
			n, err := conn.Read(buf)
			now := time.Now()
			if err != nil {
				return
			}
			text := strings.TrimRight(string(buf[:n]), "\x00\n")
			fmt.Fprintf(out, "%d.%06d %s\n", now.Unix(), now.Nanosecond()/1000, text)
		}
	}, nil
}

// reapOrphans collects the exit codes of processes whose parents went away.
func reapOrphans() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGCHLD)
	for range c {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
	}
}
