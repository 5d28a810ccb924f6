package config

import (
	"errors"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
)

// ErrUnknownHost is what Env.Resolve returns (wrapped or not) for a name that
// has no address.
var ErrUnknownHost = errors.New("unknown host")

// FileKind is what Env.Stat sees at a path, links followed.
type FileKind uint8

// Kinds of file; NoFile is the zero value.
const (
	NoFile FileKind = iota
	Regular
	Directory
	CharDevice
	OtherFile
)

// FileInfo is the answer of Env.Stat.
type FileInfo struct {
	Kind FileKind
	Mode fs.FileMode // permission bits
}

// Executable reports whether it is a regular file that somebody may execute.
func (f FileInfo) Executable() bool {
	return f.Kind == Regular && f.Mode.Perm()&0o111 != 0
}

// Interface is the answer of Env.Interface.
type Interface struct {
	Up    bool
	IPv4  bool // has an IPv4 address
	Addrs []netip.Prefix
}

// AddressAsk is a question to Env.Answering. An empty NIC is found by the
// routing table.
type AddressAsk struct {
	Addr netip.Addr
	NIC  string
}

// AddressAnswer is an address that another machine answers for. Node is the node
// of the cluster that it is; Foreign says that it is surely none.
type AddressAnswer struct {
	Addr     netip.Addr
	NIC, MAC string
	Node     string
	Foreign  bool
}

// Env answers what parsing and checking must know about the machine. A nil
// function means "unknown": what depends on it is then not checked. package
// sysenv fills all of them from the running system.
type Env struct {
	// Hostname is uname -n or, where the file exists, the first line of
	// nodeinfo. It is our node name, compared in lower case.
	Hostname string
	// NodeinfoUsed says that Hostname came from nodeinfo.
	NodeinfoUsed bool

	Interface   func(name string) (Interface, bool)
	LookupUser  func(name string) (uid int, ok bool)
	LookupGroup func(name string) (gid int, ok bool)
	// Service finds a port in the services file, ServiceAt the other way round.
	Service   func(name, proto string) (port int, ok bool)
	ServiceAt func(port int, proto string) (name string, ok bool)
	// Resolve finds the first address of a host; network is "ip4" or "ip6".
	Resolve  func(network, host string) (netip.Addr, error)
	Stat     func(path string) FileInfo
	ReadFile func(path string) ([]byte, error)
	// Script finds a resource script by its exact name in resource.d, init.d
	// or as a systemd unit; Scripts lists all names, resource.d first.
	Script  func(name string) (path string, ok bool)
	Scripts func() []string
	// StonithType reports whether a STONITH device type exists; StonithTypes
	// lists them.
	StonithType  func(name string) bool
	StonithTypes func() []string
	// RealPath follows symbolic links; a path that does not exist stays as it is.
	RealPath func(path string) string
	// Mirrors reads drbd.conf. It is asked only if haresources names DRBD.
	Mirrors func() Mirrors
	// Answering finds out which addresses are in use on the network by other
	// machines, and by which of the other nodes, if by one of them. Addresses
	// that this machine has itself are left out.
	Answering func(asks []AddressAsk, nodes []string) []AddressAnswer
	// CorePattern and CoreUsesPID are the two files of /proc/sys/kernel without
	// newline; empty is unknown. The original warns about their defaults.
	CorePattern, CoreUsesPID string
}

func (e *Env) iface(name string) (Interface, bool) {
	if e.Interface == nil {
		return Interface{Up: true, IPv4: true}, true
	}
	return e.Interface(name)
}

func (e *Env) user(name string) (int, bool) {
	if e.LookupUser == nil {
		return 0, true
	}
	return e.LookupUser(name)
}

func (e *Env) group(name string) (int, bool) {
	if e.LookupGroup == nil {
		return 0, true
	}
	return e.LookupGroup(name)
}

// resolve takes a literal address of the right family as it is and asks the
// machine for names. Without a resolver a name stands for the zero address.
func (e *Env) resolve(network, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		if a = a.Unmap(); a.Is4() != (network == "ip4") {
			return netip.Addr{}, ErrUnknownHost
		}
		return a, nil
	}
	if host == "" {
		return netip.Addr{}, ErrUnknownHost
	}
	if a, ok := shortIPv4(host); ok && network == "ip4" {
		return a, nil
	}
	if e.Resolve == nil {
		return netip.Addr{}, nil
	}
	return e.Resolve(network, host)
}

// shortIPv4 reads the old forms of an address that C's resolver takes: fewer
// than four parts (10.1 is 10.0.0.1), octal ones.
func shortIPv4(s string) (netip.Addr, bool) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var v uint64
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		n, err := strconv.ParseUint(part, 0, bits)
		if err != nil || strings.ContainsAny(part, "_bBoOxX+") {
			return netip.Addr{}, false
		}
		v = v<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}

func (e *Env) stat(path string, otherwise FileKind) FileInfo {
	if e.Stat == nil {
		return FileInfo{Kind: otherwise, Mode: 0o755}
	}
	return e.Stat(path)
}

func (e *Env) scripts() []string {
	if e.Scripts == nil {
		return nil
	}
	return e.Scripts()
}

// node is our own name as the cluster knows it.
func (e *Env) node() string { return strings.ToLower(e.Hostname) }
