package fuse

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
)

// Users lists who uses a device that waits with the keeper, by its node; the processes in
// except have it open to keep it. A node that is not there, or is no loop device, nobody uses.
func Users(node string, except ...int) ([]blockdev.Holder, error) {
	var st unix.Stat_t
	if err := unix.Stat(node, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK || unix.Major(st.Rdev) != loopMajor {
		return nil, nil
	}
	keep := map[int]bool{}
	for _, pid := range except {
		keep[pid] = true
	}
	return holders(int(unix.Minor(st.Rdev)), keep)
}

// holders finds out who uses loop device n, other than the processes in except. It is for messages: whether the
// device is busy is the kernel's to say. Processes in other PID namespaces are not seen.
func holders(n int, except map[int]bool) (h []blockdev.Holder, err error) {
	dev := unix.Mkdev(loopMajor, uint32(n))
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	namespaces := map[string]bool{}
	for _, p := range procs {
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil {
			continue
		}
		// A mount is one in each mount namespace; of those that look alike one is enough.
		if ns, err := os.Readlink(p + "/ns/mnt"); err == nil && !namespaces[ns] {
			namespaces[ns] = true
			h = append(h, mounts(p, dev)...)
		}
		if !except[pid] && opens(p, dev) {
			h = append(h, blockdev.Holder{PID: pid, Name: processName(p), What: "open"})
		}
	}
	if b, err := os.ReadFile("/proc/swaps"); err == nil {
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 0 && isDevice(unescape(f[0]), dev) {
				h = append(h, blockdev.Holder{What: "swap"})
			}
		}
	}
	up, _ := filepath.Glob(fmt.Sprintf("/sys/block/loop%d/holders/*", n))
	for _, u := range up {
		h = append(h, blockdev.Holder{Name: "device", What: filepath.Base(u)})
	}
	return unique(h), nil
}

func unique(h []blockdev.Holder) (u []blockdev.Holder) {
	seen := map[blockdev.Holder]bool{}
	for _, x := range h {
		if !seen[x] {
			seen[x] = true
			u = append(u, x)
		}
	}
	return u
}

func processName(proc string) string {
	b, err := os.ReadFile(proc + "/comm")
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(b))
}

// opens says whether a process has the device open. Only what is called /dev/... or looks like a
// node of ours is examined: stat on any file could hang.
func opens(proc string, dev uint64) bool {
	fds, err := os.ReadDir(proc + "/fd")
	if err != nil {
		return false // it ended meanwhile
	}
	for _, fd := range fds {
		name := proc + "/fd/" + fd.Name()
		to, err := os.Readlink(name)
		if err != nil || !strings.HasPrefix(to, "/dev/") && !strings.Contains(to, "drbd") {
			continue
		}
		if isDevice(name, dev) {
			return true
		}
	}
	return false
}

func isDevice(path string, dev uint64) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && st.Rdev == dev
}

// mounts lists where the device is mounted, as the process sees it.
func mounts(proc string, dev uint64) (h []blockdev.Holder) {
	b, err := os.ReadFile(proc + "/mountinfo")
	if err != nil {
		return nil
	}
	return parseMounts(string(b), fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)), func(source string) bool {
		return strings.HasPrefix(source, "/dev/") && isDevice(source, dev)
	})
}

// parseMounts finds the mounts of a device in a mountinfo text: by number, or by source for
// file systems with numbers of their own (btrfs).
func parseMounts(text, number string, same func(source string) bool) (h []blockdev.Holder) {
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(g) < 2 {
			continue
		}
		if f[2] == number || same(unescape(g[1])) {
			h = append(h, blockdev.Holder{Name: g[0], What: "mounted on " + unescape(f[4])})
		}
	}
	return h
}

// unescape undoes the octal escapes of /proc (\040 for a blank).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
