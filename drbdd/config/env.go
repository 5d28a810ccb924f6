package config

import "path"

// Env answers what reading a configuration must know about the machine. A nil
// function means "unknown": what depends on it is left out. Package sysenv
// fills it from the running system.
type Env struct {
	// Hostname is uname -n; section "on NAME" is ours if NAME is equal to it,
	// case included (drbd-config 1).
	Hostname string
	// Abs makes a file name absolute; it is printed in "# FILE" and "defined
	// at". Nil leaves names as they are.
	Abs func(name string) string
	// Glob lists the names below dir that match the pattern of an include, in
	// the form in which the pattern was given (relative to dir, or absolute).
	// A pattern without meta characters yields itself if it exists.
	Glob func(dir, pattern string) []string
	// ReadFile reads an included file; name is a result of Glob.
	ReadFile func(dir, name string) ([]byte, error)
	// RealPath resolves links, so that no file is included twice.
	RealPath func(dir, name string) string

	// LocalAddr reports whether an IP address, written as in the file, is
	// configured on this machine. With nil no floating section is ours.
	LocalAddr func(addr string) bool
	// Terminal says that an unknown name in resync-after is an error; without a
	// terminal the original drops the option (drbd-config 5).
	Terminal bool
	// DumpOnly is set for a plain dump: the original then does not check what a
	// resource gets from common, because it does not put them together (seen).
	DumpOnly bool
	// SetuidPrograms are the programs (drbdsetup, drbdmeta) that the handler
	// drbd-peer-outdater could not run as root: the original warns about them.
	SetuidPrograms []string
}

func (e *Env) abs(name string) string {
	if e.Abs == nil {
		return name
	}
	return e.Abs(name)
}

func (e *Env) glob(dir, pattern string) []string {
	if e.Glob == nil {
		return nil
	}
	return e.Glob(dir, pattern)
}

func (e *Env) realPath(dir, name string) string {
	if e.RealPath == nil {
		return join(dir, name)
	}
	return e.RealPath(dir, name)
}

func (e *Env) local(addr string) bool {
	return e.LocalAddr != nil && e.LocalAddr(addr)
}

func join(dir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(dir, name)
}
