package kernel

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"classicha/tests/kernel/talk"
)

// Two volumes of one resource share a connection, its epochs and its barriers: both
// are written at the same time, on each side, and both are equal at the end.
func TestTwoVolumes(t *testing.T) {
	for _, protocol := range []string{"A", "C"} {
		t.Run(protocol, func(t *testing.T) {
			w := newWorld(t)
			p := w.newPair(t, options{net: []string{"--protocol=" + protocol}})
			o1, k1 := p.second()
			p.fullSync(p.k)
			must(t, p.k, "primary", "1", "--force")
			second := func(s side) {
				t.Helper()
				line := regexp.MustCompile(`(?m)^ 1: cs:Connected ro:\S+ ds:UpToDate/UpToDate`)
				await(t, syncLimit, func() string {
					if text := s.proc(); !line.MatchString(text) {
						return fmt.Sprintf("%s: volume 1 is not in sync\n%s", s.name(), text)
					}
					return ""
				})
			}
			second(p.o)
			second(p.k)
			want, err := os.ReadFile(k1.img)
			if err != nil {
				t.Fatal(err)
			}
			want = want[:p.size]
			for i, s := range []side{p.k, p.o, p.k} {
				if i > 0 {
					must(t, p.other(s), "secondary", "0")
					refused(t, s, 11, "primary", "0") // volume 1 is Primary over there
					must(t, p.other(s), "secondary", "1")
					must(t, s, "primary", "0")
					must(t, s, "primary", "1")
				}
				other := side(k1)
				if s == side(p.o) {
					other = o1
				}
				l := p.startLoad(s)
				for n := range int64(40) {
					off, seed := n*131072, uint64(i*1000+50)+uint64(n)
					if err := other.write(off, 65536, 4096, 4, seed); err != nil {
						t.Fatalf("%s: volume 1: %v", s.name(), err)
					}
					talk.Fill(want[off:off+65536], off, seed)
					if n%8 == 7 {
						if err := other.flush(); err != nil {
							t.Fatal(err)
						}
					}
				}
				l.reached(t, 5)
				l.end(t)
				p.flush(s)
			}
			for _, minor := range []string{"0", "1"} {
				must(t, p.k, "secondary", minor)
			}
			second(p.o)
			second(p.k)
			p.finish()
			for _, img := range []string{o1.img, k1.img} {
				got, err := os.ReadFile(img)
				if err != nil {
					t.Fatal(err)
				}
				differ(t, "volume 1 and what was written", got[:len(want)], want, nil)
			}
		})
	}
}

// second gives both sides a second volume, and returns the sides as they see it.
func (p *pair) second() (*ours, *theirs) {
	p.t.Helper()
	o, k := *p.o, *p.k
	o.at, k.at = 1, 1
	o.img = filepath.Join(p.o.dir, "disk1")
	k.n, k.img = p.w.next, p.w.files[p.w.next]
	p.w.next++
	if err := os.WriteFile(o.img, bytes.Repeat([]byte{1}, diskSize), 0o644); err != nil {
		p.t.Fatal(err)
	}
	for _, s := range []side{&o, &k} {
		must(p.t, s, "new-minor", "r0", "1", "1")
		for _, cmd := range [][]string{{"create-md", "--force"}, {"apply-al"}} {
			var out string
			var code int
			var err error
			if s == side(&o) {
				out, code, err = o.program(setupLimit, append([]string{"drbdmeta", "--force", "1", "v08", o.img, "internal"}, cmd...)...)
			} else {
				out, code, err = k.run(setupLimit, append([]string{"drbdmeta", "1", "v08", k.disk(), "internal"}, cmd...)...)
			}
			if err != nil || code != 0 {
				p.t.Fatalf("%s: drbdmeta 1 %v: %d %v %s", s.name(), cmd, code, err, out)
			}
		}
		must(p.t, s, append([]string{"attach", "1", s.disk(), s.disk(), "internal"}, commonDisk...)...)
	}
	return &o, &k
}
