package kernel

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// side is one of the two nodes: drbdd or the kernel. Both take the same commands and
// print the same texts; minor 0 of resource r0 is what is tested.
type side interface {
	name() string
	addr() string // ipv4:ADDRESS:PORT
	disk() string // its backing device, as it names it
	image() string
	setup(limit time.Duration, args ...string) (out string, code int, err error)
	meta(args ...string) (out string, code int, err error) // drbdmeta 0 v08 DISK internal ARGS
	proc() string                                          // the text of /proc/drbd
	log() string                                           // of this test
	write(off, n, size int64, deep int, seed uint64) error
	flush() error
	discard(off, n int64) error
	hash(off, n int64) (string, error)
	freeze(on bool) error // everything of it stands still, or goes on
}

const (
	setupLimit = 40 * time.Second // a command; the kernel may be emulated
	stateLimit = 90 * time.Second // a change of state that needs the peer
	syncLimit  = 3 * time.Minute  // a resync of some ten MiB
)

// must runs drbdsetup and expects success.
func must(t *testing.T, s side, args ...string) string {
	t.Helper()
	out, code, err := s.setup(setupLimit, args...)
	if err != nil || code != 0 {
		t.Fatalf("%s: drbdsetup %s: exit code %d, %v\n%s", s.name(), strings.Join(args, " "), code, err, out)
	}
	return out
}

// refused runs drbdsetup and expects an exit code.
func refused(t *testing.T, s side, want int, args ...string) string {
	t.Helper()
	out, code, err := s.setup(setupLimit, args...)
	if err != nil || code != want {
		t.Fatalf("%s: drbdsetup %s: exit code %d, %v; want %d\n%s", s.name(), strings.Join(args, " "), code, err, want, out)
	}
	return out
}

func mustMeta(t *testing.T, s side, args ...string) string {
	t.Helper()
	out, code, err := s.meta(args...)
	if err != nil || code != 0 {
		t.Fatalf("%s: drbdmeta %s: exit code %d, %v\n%s", s.name(), strings.Join(args, " "), code, err, out)
	}
	return out
}

var (
	procLine = regexp.MustCompile(`(?m)^ *0: cs:(\S+)(?: ro:(\S+) ds:(\S+))?`)
	procOOS  = regexp.MustCompile(`oos:(\d+)`)
)

// seen is what the /proc text says.
type seen struct {
	cs, ro, ds string
	oosKiB     int
	text       string
}

func look(s side) (v seen) {
	v.text = s.proc()
	if m := procLine.FindStringSubmatch(v.text); m != nil {
		v.cs, v.ro, v.ds = m[1], m[2], m[3]
	}
	v.oosKiB = -1
	if m := procOOS.FindStringSubmatch(v.text); m != nil {
		fmt.Sscan(m[1], &v.oosKiB)
	}
	return v
}

// state waits until a side shows connection state, roles and disk states; an empty
// word is not looked at, several are separated by a bar.
func state(t *testing.T, s side, limit time.Duration, cs, ro, ds string) seen {
	t.Helper()
	ok := func(want, got string) bool {
		for w := range strings.SplitSeq(want, "|") {
			if w == "" || w == got {
				return true
			}
		}
		return false
	}
	var v seen
	await(t, limit, func() string {
		v = look(s)
		if ok(cs, v.cs) && ok(ro, v.ro) && ok(ds, v.ds) {
			return ""
		}
		return fmt.Sprintf("%s: waited for cs:%s ro:%s ds:%s, is\n%s", s.name(), cs, ro, ds, v.text)
	})
	return v
}

// logged waits until a line of the log matches.
func logged(t *testing.T, s side, limit time.Duration, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	await(t, limit, func() string {
		if re.MatchString(s.log()) {
			return ""
		}
		return fmt.Sprintf("%s: no line of the log matches %q", s.name(), pattern)
	})
}

func countLogged(s side, pattern string) int {
	return len(regexp.MustCompile(pattern).FindAllString(s.log(), -1))
}

// await polls until what is wrong is nothing.
func await(t *testing.T, limit time.Duration, wrong func() string) {
	t.Helper()
	end := time.Now().Add(limit)
	for {
		w := wrong()
		if w == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %v: %s", limit, w)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
