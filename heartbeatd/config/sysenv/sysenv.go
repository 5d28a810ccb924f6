// Package sysenv answers the questions of package config from the running
// system, and reads the files. It is kept apart so that config stays free of
// I/O.
package sysenv

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"classicha/heartbeatd/config"
)

// Env fills a config.Env for the configuration directory dir.
func Env(dir string) config.Env {
	host, fromFile := hostname(dir)
	units := sync.OnceValue(unitNames)
	return config.Env{
		Hostname:     host,
		NodeinfoUsed: fromFile,
		Interface:    iface,
		LookupUser:   lookupUser,
		LookupGroup:  lookupGroup,
		Service:      func(name, proto string) (int, bool) { return service(name, proto) },
		ServiceAt:    serviceAt,
		Resolve:      resolve,
		Stat:         stat,
		Script:       func(name string) (string, bool) { return script(dir, name) },
		Scripts:      func() []string { return scripts(dir, units()) },
		StonithType:  func(name string) bool { return slices.Contains(stonithTypes(), name) || fenceAgent(name) },
		StonithTypes: stonithTypes,
		RealPath:     realPath,
		Mirrors:      func() config.Mirrors { return mirrors(dir, unameOr(dir, host, fromFile)) },
		CorePattern:  firstLine("/proc/sys/kernel/core_pattern"),
		CoreUsesPID:  firstLine("/proc/sys/kernel/core_uses_pid"),
	}
}

// Files reads the configuration files of dir.
func Files(dir string) config.Files {
	return config.Files{
		HA:          read(dir, config.HACfName),
		Authkeys:    read(dir, config.AuthkeysName),
		Haresources: read(dir, config.HaresourcesName),
		Ext:         read(dir, config.ExtName),
	}
}

func read(dir, name string) config.File {
	f := config.File{Name: config.FileIn(dir, name)}
	info, err := os.Stat(filepath.Join(dir, name))
	if err == nil {
		f.Mode = info.Mode()
		f.Data, err = os.ReadFile(filepath.Join(dir, name))
	}
	if err != nil {
		// The place is named by the finding already.
		if pe, ok := err.(*os.PathError); ok {
			err = pe.Err
		}
		f.Err = err
	}
	return f
}

// hostname is uname -n, or the first line of nodeinfo (heartbeat-config 1).
func hostname(dir string) (name string, fromFile bool) {
	if line := strings.TrimSpace(firstLine(filepath.Join(dir, config.NodeinfoName))); line != "" {
		return line, true
	}
	name, _ = os.Hostname()
	return name, false
}

func firstLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// iface asks the way the original does, by ioctl: that knows labels (eth0:0) too.
func iface(name string) (config.Interface, bool) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return config.Interface{}, false
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return config.Interface{}, false
	}
	base, _, _ := strings.Cut(name, ":")
	i, err := net.InterfaceByName(base)
	if err != nil {
		return config.Interface{}, false
	}
	out := config.Interface{Up: i.Flags&net.FlagUp != 0, IPv4: unix.IoctlIfreq(fd, unix.SIOCGIFADDR, req) == nil}
	addrs, _ := i.Addrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out.Addrs = append(out.Addrs, p)
		}
	}
	return out, true
}

func lookupUser(name string) (int, bool) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, false
	}
	id, err := strconv.Atoi(u.Uid)
	return id, err == nil
}

func lookupGroup(name string) (int, bool) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, false
	}
	id, err := strconv.Atoi(g.Gid)
	return id, err == nil
}

// service reads the services file; the names built into package net are not
// what the administrator sees.
func service(name, proto string) (int, bool) {
	port := 0
	eachService(func(names []string, p int, pr string) bool {
		if pr == proto && slices.Contains(names, name) {
			port = p
		}
		return port == 0
	})
	return port, port != 0
}

func serviceAt(port int, proto string) (string, bool) {
	name := ""
	eachService(func(names []string, p int, pr string) bool {
		if p == port && pr == proto {
			name = names[0]
		}
		return name == ""
	})
	return name, name != ""
}

func eachService(f func(names []string, port int, proto string) (more bool)) {
	file, err := os.Open("/etc/services")
	if err != nil {
		return
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		num, proto, ok := strings.Cut(words[1], "/")
		port, err := strconv.Atoi(num)
		if !ok || err != nil {
			continue
		}
		if !f(append([]string{words[0]}, words[2:]...), port, proto) {
			return
		}
	}
}

func resolve(network, host string) (netip.Addr, error) {
	a, err := net.ResolveIPAddr(network, host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%w: %v", config.ErrUnknownHost, err)
	}
	addr, ok := netip.AddrFromSlice(a.IP)
	if !ok {
		return netip.Addr{}, config.ErrUnknownHost
	}
	return addr.Unmap().WithZone(a.Zone), nil
}

func stat(path string) config.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return config.FileInfo{}
	}
	out := config.FileInfo{Kind: config.OtherFile, Mode: info.Mode().Perm()}
	switch m := info.Mode(); {
	case m.IsRegular():
		out.Kind = config.Regular
	case m.IsDir():
		out.Kind = config.Directory
	case m&os.ModeCharDevice != 0:
		out.Kind = config.CharDevice
	}
	return out
}
