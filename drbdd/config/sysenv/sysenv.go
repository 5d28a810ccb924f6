// Package sysenv answers package config's questions from the running system.
package sysenv

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
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

// Load reads and parses a configuration file; "-" is standard input. What keeps
// it from being opened is a finding too.
func Load(name string, stdin io.Reader, env config.Env) (*config.Config, config.Findings) {
	if name == "-" {
		data, err := io.ReadAll(stdin)
		if err != nil {
			return nil, cannotOpen("STDIN", err)
		}
		env.Abs = func(name string) string {
			if name == "STDIN" {
				return name
			}
			return abs(name)
		}
		return config.Parse("STDIN", data, env)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, cannotOpen(name, err)
	}
	return config.Parse(name, data, env)
}

// cannotOpen is worded as drbdadm does for its default file.
func cannotOpen(name string, err error) config.Findings {
	var reason error = err
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		reason = pe.Err
	}
	text := reason.Error()
	if text != "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return config.Findings{{Level: config.Error, Pos: config.Pos{File: name}, Original: fmt.Sprintf("Can not open '%s': %s\n", name, text),
		Exit: config.ExitInvalid, Stops: true}}
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

// NotSetuid are those of the programs that group haclient cannot run as root,
// for Env.SetuidPrograms (drbd-config 5).
func NotSetuid(programs ...string) []string {
	var out []string
	group, err := user.LookupGroup("haclient")
	for _, p := range programs {
		var st unix.Stat_t
		if unix.Stat(p, &st) != nil {
			continue // nothing to complain about
		}
		if err != nil || st.Mode&unix.S_ISUID == 0 || st.Uid != 0 || strconv.Itoa(int(st.Gid)) != group.Gid {
			out = append(out, p)
		}
	}
	return out
}
