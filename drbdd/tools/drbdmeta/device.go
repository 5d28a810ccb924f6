package drbdmeta

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"classicha/drbdd/metadata"
)

// device is the opened metadata device. Package disk is not used: it serves requests
// beside each other and rounds sizes; here every byte of the size counts, and the
// texts of errors name the system call. Reads and writes may have any offset and
// length; with direct I/O they go through an aligned buffer.
type device struct {
	f      *os.File
	name   string
	size   int64
	block  bool // a block device, not a file
	direct bool
	align  int64 // of direct I/O, bytes

	where   string // what is being done, in the original's words
	super   int64  // the super block has its own words
	dry     bool
	verbose int
	trace   io.Writer
}

// Words for where in messages.
const (
	inSuperRead  = "v08_md_disk_to_cpu"
	inSuperWrite = "v08_md_cpu_to_disk"
	inCreateAL   = "md_initialize_common:AL"
	inCreateBM   = "md_initialize_common:BM"
	inProbe      = "check_for_existing_data"
	inFlavours   = "check_internal_md_flavours"
	inExternal   = "check_external_md_flavours"
	inApply      = "apply_al"
	inMove       = "v08_move_internal_md_after_resize"
	inDump       = "printf_bm"
	inRestore    = "meta_restore_md"
	inWipe       = "meta_wipe_md"
	inConvert    = "convert_md"
)

// ioError is a failed read or write; its text is the original's.
type ioError struct {
	op    string
	fd    uintptr
	n     int
	off   int64
	where string
	err   error
}

func (e *ioError) Error() string {
	return fmt.Sprintf("%s(%d,...,%d,%d) in %s failed: %s", e.op, e.fd, e.n, e.off, e.where, strerror(e.err))
}

func (e *ioError) Unwrap() error { return e.err }

// errText is what to print for an error: the system call's line if there is one.
func errText(err error) string {
	if x := (*ioError)(nil); errors.As(err, &x) {
		return x.Error()
	}
	return err.Error()
}

// strerror is the text that C programs print for a system error.
func strerror(err error) string {
	var no syscall.Errno
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "unexpected end of the device"
	case !errors.As(err, &no):
		return err.Error()
	}
	s := no.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}

// openDevice opens t.device and finds out its size. It prints what is wrong.
func (t *tool) openDevice() (*device, int) {
	flags := os.O_RDWR | unix.O_EXCL | unix.O_DIRECT
	var f *os.File
	for {
		var err error
		f, err = os.OpenFile(t.device, flags, 0)
		if err == nil {
			break
		}
		fmt.Fprintf(t.err, "open(%s) failed: %s\n", t.device, strerror(err))
		switch {
		case errors.Is(err, unix.EBUSY) && flags&unix.O_EXCL != 0:
			if !t.confirm("Exclusive open failed. Do it anyways?") {
				fmt.Fprintln(t.out, "Operation canceled.")
				return nil, 20
			}
			flags &^= unix.O_EXCL
		case errors.Is(err, unix.EINVAL) && flags&unix.O_DIRECT != 0:
			fmt.Fprintln(t.err, "could not open with O_DIRECT, retrying without")
			flags &^= unix.O_DIRECT
		default:
			return nil, 20
		}
	}
	d := &device{
		f: f, name: t.device, direct: flags&unix.O_DIRECT != 0, align: 512, super: -1,
		dry: t.opt.dryRun, verbose: t.opt.verbose, trace: t.err,
	}
	if code := t.measure(d); code != 0 {
		f.Close()
		return nil, code
	}
	return d, 0
}

func (t *tool) measure(d *device) int {
	st, err := d.f.Stat()
	if err != nil {
		return t.fail(20, fmt.Sprintf("fstat(%s) failed: %s", d.name, strerror(err)))
	}
	d.block = st.Mode()&os.ModeDevice != 0 && st.Mode()&os.ModeCharDevice == 0
	if !d.block && !t.opt.force {
		return t.fail(20, fmt.Sprintf("'%s' is not a block device!", d.name))
	}
	n, err := unix.IoctlGetInt(int(d.f.Fd()), unix.BLKSSZGET)
	if err == nil {
		d.align = int64(n)
		t.say(2, "hard_sect_size is %d Byte", n)
	} else {
		fmt.Fprintln(t.err, "ioctl(md_fd, BLKSSZGET) returned -1, assuming hard_sect_size is 512 Byte")
	}
	if d.block {
		d.size, err = d.f.Seek(0, io.SeekEnd)
	} else {
		d.size = st.Size()
		if d.size <= 0 {
			err = unix.ENOTTY // the original asks for the size of a block device then
		} else {
			err = nil
		}
	}
	if err != nil {
		return t.fail(20, "ioctl(,BLKGETSIZE64,) failed: "+strerror(err))
	}
	return 0
}

// label is the original's word for what happens at an offset.
func (d *device) label(off int64, write bool) string {
	switch {
	case off != d.super || d.where == inWipe:
		return d.where
	case write:
		return inSuperWrite
	}
	return inSuperRead
}

func (d *device) say(op string, n int, off int64, skipped bool) {
	switch {
	case skipped:
		fmt.Fprintf(d.trace, " %-26s: %s(%d, ...,%6d,%12d) SKIPPED DUE TO DRY-RUN\n", d.label(off, true), op, d.f.Fd(), n, off)
	case d.verbose > 1:
		fmt.Fprintf(d.trace, " %-26s: %s(%d, ...,%6d,%12d)\n", d.label(off, op == "pwrite"), op, d.f.Fd(), n, off)
	}
}

// ReadAt reads all of p; the device must be long enough.
func (d *device) ReadAt(p []byte, off int64) (int, error) {
	d.say("pread", len(p), off, false)
	if err := d.read(p, off); err != nil {
		return 0, &ioError{"pread", d.f.Fd(), len(p), off, d.label(off, false), err}
	}
	return len(p), nil
}

func (d *device) read(p []byte, off int64) error {
	if !d.direct {
		_, err := d.f.ReadAt(p, off)
		return err
	}
	first, last := off&^(d.align-1), (off+int64(len(p))+d.align-1)&^(d.align-1)
	b := aligned(int(last - first))
	n, err := d.f.ReadAt(b, first)
	if errors.Is(err, unix.EINVAL) && d.buffered() {
		return d.read(p, off)
	}
	if have := int64(n) - (off - first); have < int64(len(p)) {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	copy(p, b[off-first:])
	return nil
}

// WriteAt writes all of p. A part of a block at either end is read first.
func (d *device) WriteAt(p []byte, off int64) (int, error) {
	d.say("pwrite", len(p), off, d.dry)
	if d.dry {
		return len(p), nil
	}
	if err := d.write(p, off); err != nil {
		return 0, &ioError{"pwrite", d.f.Fd(), len(p), off, d.label(off, true), err}
	}
	return len(p), nil
}

func (d *device) write(p []byte, off int64) error {
	if !d.direct {
		_, err := d.f.WriteAt(p, off)
		return err
	}
	first, last := off&^(d.align-1), (off+int64(len(p))+d.align-1)&^(d.align-1)
	if first != off || last != off+int64(len(p)) {
		if !d.buffered() { // such a write would change a neighbour or the size of a file
			return unix.EINVAL
		}
		return d.write(p, off)
	}
	b := aligned(len(p))
	copy(b, p)
	_, err := d.f.WriteAt(b, off)
	if errors.Is(err, unix.EINVAL) && d.buffered() {
		return d.write(p, off)
	}
	return err
}

// buffered turns direct I/O off: a file system may want more than 512 bytes at a
// time. Sync makes the result as stable.
func (d *device) buffered() bool {
	fl, err := unix.FcntlInt(d.f.Fd(), unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(d.f.Fd(), unix.F_SETFL, fl&^unix.O_DIRECT)
	}
	d.direct = d.direct && err != nil
	return err == nil
}

// Sync makes what was written stable.
func (d *device) Sync() error {
	if d.dry {
		return nil
	}
	if err := d.f.Sync(); err != nil {
		return fmt.Errorf("fsync(%s) failed: %s", d.name, strerror(err))
	}
	return nil
}

// Close closes the device.
func (d *device) Close() error { return d.f.Close() }

// zeroOut asks the kernel to zero a range of a block device; a file refuses.
func (d *device) zeroOut(off, n int64) error {
	if d.dry && d.block {
		return nil
	}
	r := [2]uint64{uint64(off), uint64(n)}
	_, _, no := unix.Syscall(unix.SYS_IOCTL, d.f.Fd(), unix.BLKZEROOUT, uintptr(unsafe.Pointer(&r)))
	if no != 0 {
		return no
	}
	return nil
}

// aligned is a buffer that direct I/O takes.
func aligned(n int) []byte {
	b := make([]byte, n+metadata.BlockSize)
	skip := int(-uintptr(unsafe.Pointer(&b[0])) & (metadata.BlockSize - 1))
	return b[skip:][:n:n]
}
