package rt

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What LimitGC sets. The daemon's live heap is about 1 MiB; with half of it as
// allowance the heap stays at the runtime's minimum. The limit is a brake for
// floods of messages, far enough away not to make the collector run for ever.
const (
	gcPercent   = 50
	memoryLimit = 16 << 20
)

// prefaultBudget bounds the part of our program file that LockMemory loads, in
// bytes: the target is 20 MiB resident altogether.
const prefaultBudget = 8 << 20

// LimitGC trades a little CPU for a small heap.
func LimitGC() {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
}

// LockMemory keeps the process in memory, so that a machine that swaps does not
// delay heartbeats, and takes reserveKB (memreserve) in advance. The results
// are lines to log at WARN.
//
// It must be MCL_ONFAULT: the Go runtime reserves address space by the gigabyte.
// Measured with Go 1.26 on a program with eight sockets: plain 10 MiB resident,
// MCL_CURRENT 82 MiB, MCL_CURRENT|MCL_FUTURE 96 MiB, with MCL_ONFAULT 10 to 13 MiB. What was not
// touched is not locked, so the program's code, which a dead disk could not
// deliver, is loaded here, and the reserve is touched.
func LockMemory(reserveKB int) (warnings []string) {
	inf := &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	_ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, inf) // without the right to, mlockall tells
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return []string{fmt.Sprintf("Cannot lock ourselves into memory: %v; heartbeats may be late when the machine swaps", err)}
	}
	prefaultProgram(prefaultBudget)
	reserve(reserveKB)
	return nil
}

// Resident is the resident size in KiB, for the start's debug line.
func Resident() int64 {
	kb, _ := statusLine("VmRSS")
	return kb
}

// ProtectFromOOM asks the kernel to kill anything else first. The result is a line to log
// at WARN, or "" on success: then Starter.ResetOOM gives children the normal value back.
func ProtectFromOOM() (warning string) {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("-1000\n"), 0); err != nil {
		return fmt.Sprintf("Cannot protect ourselves from the out-of-memory killer: %v", err)
	}
	return ""
}

// reserve lets the heap grow by the amount and touches every page. The
// collector takes it back into its free pages: later allocations find them
// present, so the reserve is not added to what the daemon needs later.
func reserve(kb int) {
	if kb <= 0 {
		return
	}
	b := make([]byte, min(kb, 64<<10)<<10)
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 1
	}
	runtime.KeepAlive(b)
}

// prefaultProgram loads our own mapped file, code first, up to budget bytes.
func prefaultProgram(budget int) {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer f.Close()
	var code, rest []mapping
	for sc := bufio.NewScanner(f); sc.Scan(); {
		m, ok := parseMapping(sc.Text())
		if !ok || m.path != exe || m.perms[0] != 'r' {
			continue
		}
		if m.perms[2] == 'x' {
			code = append(code, m)
		} else {
			rest = append(rest, m)
		}
	}
	for _, m := range append(code, rest...) {
		n := min(int(m.end-m.start), budget)
		budget -= n
		m.load(n)
	}
}

// mapping is a line of /proc/self/maps.
type mapping struct {
	start, end uintptr
	perms      string // r-xp
	path       string
}

func parseMapping(line string) (m mapping, ok bool) {
	f := strings.Fields(line)
	if len(f) < 6 || len(f[1]) < 4 {
		return mapping{}, false
	}
	from, to, ok := strings.Cut(f[0], "-")
	if !ok {
		return mapping{}, false
	}
	a, err1 := strconv.ParseUint(from, 16, 64)
	b, err2 := strconv.ParseUint(to, 16, 64)
	if err1 != nil || err2 != nil || a >= b {
		return mapping{}, false
	}
	return mapping{uintptr(a), uintptr(b), f[1], strings.Join(f[5:], " ")}, true
}

// load asks the kernel to bring n bytes in; kernels before 5.14 refuse, and
// then each page waits for its first use as in any program.
func (m mapping) load(n int) {
	if n <= 0 {
		return
	}
	// A raw call, since the address is not one of Go's.
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, uintptr(n), unix.MADV_POPULATE_READ)
}
