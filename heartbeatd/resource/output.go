package resource

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	tailMax   = 2 << 10  // bytes of output that a Result carries
	keepMax   = 1 << 20  // bytes of copied output after which the file is emptied
	copyMax   = 64 << 10 // bytes copied to the debug file per look; more is counted
	statusMax = 64 << 10 // bytes of a status answer that are looked at
)

// output collects what scripts print, in a file in memory.
//
// A file, not a pipe: a script may leave a program running that inherited its
// standard output. A pipe would keep the end of the script from being seen, and
// closing it would kill that program by SIGPIPE; a file that is sealed would make
// its prints fail. So all runs append to one file for the life of the Runner, which
// copies what is new to the debug file and empties it when it has grown.
type output struct {
	mu    sync.Mutex
	f     *os.File
	pos   int64 // up to here it has been copied
	debug io.Writer
}

func memfile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memory file for script output: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_APPEND); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("memory file for script output: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func newOutput(debug io.Writer) (*output, error) {
	f, err := memfile("script-output")
	if err != nil {
		return nil, err
	}
	return &output{f: f, debug: debug}, nil
}

func (o *output) close() error { return o.f.Close() }

// collect copies what was printed since the last call to the debug file and adds
// its end to tail, which stays below tailMax bytes.
func (o *output) collect(tail *bytes.Buffer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	fi, err := o.f.Stat()
	if err != nil || fi.Size() == o.pos {
		return
	}
	size := fi.Size()
	if size < o.pos { // a script emptied its "/dev/stderr"
		o.pos = 0
	}
	if skip := size - o.pos - copyMax; skip > 0 {
		o.pos += skip
		fmt.Fprintf(o.debug, "[%d bytes of script output left out]\n", skip)
	}
	b := make([]byte, size-o.pos)
	n, _ := o.f.ReadAt(b, o.pos)
	b = b[:n]
	o.pos += int64(n)
	o.debug.Write(b) // a full disk must not stop a takeover
	if tail != nil {
		tail.Write(b)
		if extra := tail.Len() - tailMax; extra > 0 {
			tail.Next(extra)
		}
	}
	if o.pos > keepMax {
		// A line printed between the look and this is lost; the file is appended to,
		// so writers go on at its new beginning.
		if o.f.Truncate(0) == nil {
			o.pos = 0
		}
	}
}

// readAll returns the beginning of a memory file, at most limit bytes.
func readAll(f *os.File, limit int) string {
	b := make([]byte, limit)
	n, _ := f.ReadAt(b, 0)
	return string(b[:n])
}

// Lines splits output into lines for the log: no empty ones, no control
// characters (the text may come from anywhere), the last max of them.
func Lines(out string, max int) []string {
	var lines []string
	for l := range strings.SplitSeq(out, "\n") {
		l = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, l)
		if l = strings.TrimRight(l, " "); l != "" {
			lines = append(lines, l)
		}
	}
	if len(lines) > max {
		lines = lines[len(lines)-max:]
	}
	return lines
}
