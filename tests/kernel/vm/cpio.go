package vm

import (
	"bytes"
	"fmt"
	"path"
)

// archive is a cpio archive in the "newc" format, which the kernel unpacks into its
// first file system (Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	buf  bytes.Buffer
	ino  int
	dirs map[string]bool
}

const (
	cpioDir  = 0o040755
	cpioFile = 0o100755
	cpioLink = 0o120777
	cpioChar = 0o020600
)

func (a *archive) entry(name string, mode int, data []byte, major, minor int) {
	a.ino++
	fmt.Fprintf(&a.buf, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.ino, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name)+1, 0)
	a.buf.WriteString(name)
	a.buf.WriteByte(0)
	a.pad()
	a.buf.Write(data)
	a.pad()
}

func (a *archive) pad() {
	for a.buf.Len()%4 != 0 {
		a.buf.WriteByte(0)
	}
}

// dir adds a directory and those above it, once.
func (a *archive) dir(name string) {
	if name == "." || name == "/" || a.dirs[name] {
		return
	}
	if a.dirs == nil {
		a.dirs = map[string]bool{}
	}
	a.dirs[name] = true
	a.dir(path.Dir(name))
	a.entry(name, cpioDir, nil, 0, 0)
}

func (a *archive) file(name string, data []byte) {
	a.dir(path.Dir(name))
	a.entry(name, cpioFile, data, 0, 0)
}

func (a *archive) link(name, target string) {
	a.dir(path.Dir(name))
	a.entry(name, cpioLink, []byte(target), 0, 0)
}

func (a *archive) char(name string, major, minor int) {
	a.dir(path.Dir(name))
	a.entry(name, cpioChar, nil, major, minor)
}

// end returns the whole archive.
func (a *archive) end() []byte {
	a.entry("TRAILER!!!", 0, nil, 0, 0)
	return a.buf.Bytes()
}
