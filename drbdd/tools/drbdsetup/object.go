package drbdsetup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// drbdMajor is the major number of DRBD's block devices.
const drbdMajor = 147

const maxMinor = 1<<20 - 1

// maxLinks is how many links of links are followed.
const maxLinks = 8

// devName are words that say a minor without a look at a file.
var devName = regexp.MustCompile(`^(?:/dev/)?drbd([0-9]{1,7})$|^minor-([0-9]{1,7})$|^([0-9]{1,7})$`)

// parseMinor reads a minor in every spelling (drbd-cli 3): 0, minor-0, drbd0,
// /dev/drbd0, a block device with major 147, a link to one of them. Where the
// device file itself says which minor it is, that counts.
func parseMinor(text string) (int, bool) {
	if strings.HasPrefix(text, "/") {
		if n, ok := nodeMinor(text); ok {
			return n, true
		}
		// Not there, or not made by a kernel's DRBD: the name says it, or that of what
		// a link of udev points to.
		for range maxLinks {
			to, err := os.Readlink(text)
			if err != nil {
				break
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(filepath.Dir(text), to)
			}
			text = to
		}
	}
	m := devName.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1] + m[2] + m[3])
	return n, err == nil && n <= maxMinor
}

// nodeMinor looks at a device file.
func nodeMinor(path string) (int, bool) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK || unix.Major(st.Rdev) != drbdMajor {
		return 0, false
	}
	return int(unix.Minor(st.Rdev)), true
}

func noMinor(text string) error {
	return &failure{exit: exitUsage, err: fmt.Sprintf("Cannot determine minor device number of device '%s'\n", text)}
}

// isMinorWord tells whether a word where a resource may stand as well is a minor:
// only what nobody would call a resource.
func isMinorWord(text string) (int, bool) {
	if !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "minor-") && strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	return parseMinor(text)
}

// backing checks a lower or metadata device as the original does before anything
// is asked; regular files are let through. It returns the absolute path.
func backing(path string) (string, error) {
	fail := func(format string, args ...any) error {
		return &failure{exit: exitUsage, err: fmt.Sprintf(format, args...)}
	}
	// O_NONBLOCK: a fifo must not hold us.
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		var errno syscall.Errno
		if !errors.As(err, &errno) {
			return "", fail("Can not open device '%s': %v\n", path, err)
		}
		return "", fail("Can not open device '%s': %s\n", path, errnoText(errno))
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return "", fail("fstat(%s) failed: %v\n", path, err)
	}
	if m := fi.Mode(); !m.IsRegular() && (m&os.ModeDevice == 0 || m&os.ModeCharDevice != 0) {
		return "", fail("%s is not a block device!\n", path)
	}
	return filepath.Abs(path)
}

// errnoText is strerror's sentence: Go's begins with a small letter.
func errnoText(e syscall.Errno) string {
	s := e.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}
