package state

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// generationWidth is the width of the number in hb_generation; with the
// newline the file has 16 bytes.
const generationWidth = 15

// maxGeneration is the largest number that fits.
const maxGeneration = 999_999_999_999_999

// NextGeneration takes the next heartbeat generation (hg) from the file: the
// number in it plus one, on the disk before the function returns. A missing or
// bad file starts at the time plus one and gives a warning in the original's
// words (heartbeat-wire 15); the caller logs it at WARN. An error means that the
// number could not be saved: the daemon must not start with it.
func NextGeneration(path string, now time.Time) (gen uint64, warning string, err error) {
	last, ok := readGeneration(path)
	if ok {
		gen = last + 1
	} else {
		gen = fromClock(now) + 1
		warning = fmt.Sprintf("No Previous generation - starting at %d", gen)
	}
	line := fmt.Sprintf("%*d\n", generationWidth, gen)
	if err := writeDurably(path, []byte(line), 0o644); err != nil {
		return 0, "", err
	}
	return gen, warning, nil
}

// TimeGeneration is the generation of `hbgenmethod time`: the clock in seconds. The file need not be
// there; where it can be written it remembers the number, so that peers do not take this node for a
// replay of itself when its clock was set back.
func TimeGeneration(path string, now time.Time) uint64 {
	gen := fromClock(now)
	if last, ok := readGeneration(path); ok && last >= gen {
		gen = last + 1
	}
	_ = writeDurably(path, fmt.Appendf(nil, "%*d\n", generationWidth, gen), 0o644)
	return gen
}

// fromClock keeps a clock before 1970 from giving an enormous generation.
func fromClock(now time.Time) uint64 { return uint64(max(now.Unix(), 0)) }

func readGeneration(path string) (uint64, bool) {
	b, err := readSmall(path, 64)
	if err != nil {
		return 0, false
	}
	return parseGeneration(b)
}

// parseGeneration accepts any blanks around the digits.
func parseGeneration(b []byte) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n >= maxGeneration {
		return 0, false
	}
	return n, true
}

// readSmall reads at most max bytes; a larger file is an error.
func readSmall(path string, max int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	if st.Size() > max {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, max)
	}
	return os.ReadFile(path)
}
