// Package sysenv answers package config's questions from the running system.
package sysenv

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"classicha/drbdd/config"
)

// MainFiles are the names under which drbdadm 8.4 looks for its configuration,
// first wins (drbd-config 1).
var MainFiles = []string{"/etc/drbd-84.conf", "/etc/drbd-83.conf", "/etc/drbd-82.conf", "/etc/drbd-08.conf", "/etc/drbd.conf"}

// NodeVariable is the environment variable that replaces the host name.
const NodeVariable = "__DRBD_NODE__"

// System is the Env of this machine.
func System() config.Env {
	return config.Env{
		Hostname: Hostname(), Abs: abs, Glob: glob, ReadFile: readFile, RealPath: realPath,
		LocalAddr: LocalAddr, Terminal: term.IsTerminal(int(os.Stdin.Fd())),
	}
}

// Hostname is uname -n, or what the environment says instead.
func Hostname() string {
	if n := os.Getenv(NodeVariable); n != "" {
		return n
	}
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Nodename[:])
}

// MainFile is the configuration file that drbdadm would take without -c: the
// first readable one, the last name if there is none.
func MainFile() string {
	for _, name := range MainFiles {
		if unix.Access(name, unix.R_OK) == nil {
			return name
		}
	}
	return MainFiles[len(MainFiles)-1]
}

// abs resolves links in the directory of a file but not the file itself, as the
// original does (seen).
func abs(name string) string {
	full, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(full))
	if err != nil {
		return full
	}
	return filepath.Join(dir, filepath.Base(full))
}

func in(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// glob matches like glob(3): names stay relative if the pattern is.
func glob(dir, pattern string) []string {
	names, err := filepath.Glob(in(dir, pattern))
	if err != nil {
		return nil
	}
	out := names[:0]
	for _, n := range names {
		// Unlike Go, glob(3) does not let a pattern match a hidden file.
		if strings.HasPrefix(filepath.Base(n), ".") && !strings.HasPrefix(filepath.Base(pattern), ".") {
			continue
		}
		if !filepath.IsAbs(pattern) {
			if rel, err := filepath.Rel(dir, n); err == nil {
				n = rel
			}
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func readFile(dir, name string) ([]byte, error) { return os.ReadFile(in(dir, name)) }

func realPath(dir, name string) string {
	full := in(dir, name)
	if r, err := filepath.EvalSymlinks(full); err == nil {
		return r
	}
	return full
}

// LocalAddr reports whether an address is configured on an interface of this
// machine; every address of 127.0.0.0/8 is.
func LocalAddr(addr string) bool {
	want, err := netip.ParseAddr(addr)
	if err != nil {
		return false
	}
	if want.IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr() == want.WithZone("").Unmap()
	})
}
