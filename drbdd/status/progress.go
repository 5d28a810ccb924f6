package status

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"classicha/drbdd/replica"
)

// leftOf is what remains to be done: bits that failed stay set, but are done with.
func leftOf(p *replica.Progress) uint64 {
	if p.Verify {
		return p.Left
	}
	return p.Left - min(p.Failed, p.Left)
}

// doneOf is what was done, at least 0.
func doneOf(p *replica.Progress) uint64 { return p.Total - min(leftOf(p), p.Total) }

// permille is how much of a resync or verify is done, as the kernel counts: in
// units of 4 MiB (of 256 MiB for huge devices), so that small ones are 100 %
// from the start (drbd-cli 5.1).
func permille(p *replica.Progress) uint64 {
	left := leftOf(p)
	if left > p.Total {
		if p.Total == 0 {
			return 1000
		}
		return 0
	}
	shift := 10
	if p.Total >= 1<<32 {
		shift = 16
	}
	return 1000 - (left>>shift)*1000/(1+p.Total>>shift)
}

// percentOf is the same without that coarseness.
func percentOf(p *replica.Progress) float64 {
	if p.Total == 0 {
		return 100
	}
	return 100 * float64(doneOf(p)) / float64(p.Total)
}

// tenths prints a number of per mille as per cent.
func tenths(n uint64) string { return fmt.Sprintf("%d.%d", n/10, n%10) }

// marksInWindow: the kernel keeps eight marks 3 s apart and measures from the
// one before the oldest, which is at least 18 s old.
const marksInWindow = 7

// window is where the present speed is measured from.
func window(p *replica.Progress) replica.Mark {
	if len(p.Marks) == 0 {
		return replica.Mark{At: p.Started, Left: p.Total}
	}
	return p.Marks[max(0, len(p.Marks)-marksInWindow)]
}

// seconds between two times, whole ones, at least 0.
func seconds(from, to time.Time) uint64 {
	if from.IsZero() || to.Before(from) {
		return 0
	}
	return uint64(to.Sub(from) / time.Second)
}

// speed is what the lines about a progress are made of.
type speed struct {
	finish    uint64 // seconds
	now, mean uint64 // KiB/s
	age       uint64 // seconds since the window began
}

func speedOf(p *replica.Progress) speed {
	m := window(p)
	s := speed{age: seconds(m.At, p.Now)}
	dt := max(s.age, 1)
	left := leftOf(p)
	db := m.Left - min(left, m.Left)
	s.finish = dt * (left / (db/100 + 1)) / 100
	s.now = db / dt * kibPerBit
	dt = 1
	if run := p.Now.Sub(p.Started) - p.Paused; !p.Started.IsZero() && run >= time.Second {
		dt = uint64(run / time.Second)
	}
	s.mean = doneOf(p) / dt * kibPerBit
	return s
}

func (s speed) clock() string {
	return fmt.Sprintf("%d:%02d:%02d", s.finish/3600, s.finish%3600/60, s.finish%60)
}

// stood is for how long nothing has moved.
func stood(p *replica.Progress) uint64 {
	for _, m := range p.Marks {
		if m.Left == p.Left {
			return seconds(m.At, p.Now)
		}
	}
	return 0
}

// arrow is the bar of /proc/drbd: head-1 times '=', '>', tail dots.
func arrow(head, tail uint64) string {
	return strings.Repeat("=", int(max(head, 1)-1)) + ">" + strings.Repeat(".", int(tail))
}

// amounts is "(left/total)K", in MiB from 4 GiB on.
func amounts(p *replica.Progress, inMiB func(bits uint64) uint64) string {
	if p.Total > 1<<20 {
		return fmt.Sprintf("(%d/%d)M", inMiB(leftOf(p)), inMiB(p.Total))
	}
	return fmt.Sprintf("(%d/%d)K", leftOf(p)*kibPerBit, p.Total*kibPerBit)
}

// progress83 are the two lines of 8.3 and 8.4. want is shown by the side that
// sets the pace.
func progress83(w io.Writer, p *replica.Progress, want bool) {
	n := permille(p)
	word := "sync'ed"
	if p.Verify {
		word = "verified"
	}
	fmt.Fprintf(w, "\t[%s] %s:%5s%% %s\n", arrow(n/50, 20-n/50), word, tenths(n), amounts(p, func(bits uint64) uint64 { return bits >> 10 * kibPerBit }))
	s := speedOf(p)
	fmt.Fprintf(w, "\tfinish: %s speed: %s (%s)", s.clock(), thousands(s.now), thousands(s.mean))
	if want {
		fmt.Fprintf(w, " want: %s", thousands(p.Want))
	}
	fmt.Fprint(w, " K/sec")
	if s.age > 180 {
		fmt.Fprint(w, " (stalled)")
	}
	fmt.Fprintln(w)
}

// progress07 are those of 0.7 and 8.0.
func progress07(w io.Writer, p *replica.Progress) {
	left := uint64(1000)
	if n := leftOf(p); n <= p.Total {
		left = n >> 10 * 1000 / (p.Total>>10 + 1)
	}
	fmt.Fprintf(w, "\t[%s] sync'ed:%5s%% %s\n", arrow(20-left/50, left/50), tenths(1000-left), amounts(p, func(bits uint64) uint64 { return bits * kibPerBit >> 10 }))
	if stood(p) > 20 {
		fmt.Fprint(w, "\tstalled\n")
		return
	}
	s := speedOf(p)
	fmt.Fprintf(w, "\tfinish: %s speed: %s (%s) K/sec\n", s.clock(), oneComma(s.now), oneComma(s.mean))
}

// thousands groups digits by commas.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// oneComma is what 0.7 made of a speed.
func oneComma(n uint64) string {
	if n > 1000 {
		return fmt.Sprintf("%d,%03d", n/1000, n%1000)
	}
	return strconv.FormatUint(n, 10)
}
