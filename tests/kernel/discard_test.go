package kernel

import (
	"testing"

	"classicha/tests/kernel/talk"
)

// drop discards on s; the image files then read as zeroes.
func (p *pair) drop(s side, off, n int64) {
	p.t.Helper()
	if err := s.discard(off, n); err != nil {
		p.t.Fatalf("%s: discard of %d at %d: %v", s.name(), n, off, err)
	}
	talk.Fill(p.want[off:off+n], off, 0)
}

// Discards on each side reach both disks, in order with the writes around them; also
// while the peer is away and with an integrity algorithm, which they do not use.
func TestDiscard(t *testing.T) {
	for _, alg := range []string{"", "sha1"} {
		t.Run("integrity "+alg, func(t *testing.T) {
			opt := options{}
			if alg != "" {
				opt.net = []string{"--data-integrity-alg=" + alg}
			}
			fromEach(t, opt, func(t *testing.T, p *pair, s side) {
				p.fullSync(s)
				p.writes(s)
				p.drop(s, 2<<20, 512<<10)
				p.drop(s, 6<<20, 4096)
				p.drop(s, 9<<20, 8<<20)
				p.write(s, 2<<20+65536, 65536, 4096, 4)
				p.write(s, 10<<20, 65536, 65536, 1)
				p.drop(s, 10<<20, 32768)
				p.flush(s)
				p.reads(s)
				p.disconnect(p.other(s))
				state(t, s, stateLimit, "WFConnection", "", "")
				p.drop(s, 18<<20, 1<<20)
				p.write(s, 18<<20+8192, 8192, 4096, 1)
				p.flush(s)
				p.connect(p.other(s))
				p.partial(2)
				p.move(p.other(s))
				p.reads(p.other(s))
				must(t, p.other(s), "secondary", "0")
				p.finish()
			})
		})
	}
}

// Zeroes that are written as such (WRITE_ZEROES) reach the kernel.
func TestWriteZeroes(t *testing.T) {
	w := newWorld(t)
	for _, alg := range []string{"", "sha1"} {
		t.Run("integrity "+alg, func(t *testing.T) {
			opt := options{}
			if alg != "" {
				opt.net = []string{"--data-integrity-alg=" + alg}
			}
			p := w.newPair(t, opt)
			p.fullSync(p.o)
			for i, unmap := range []bool{false, true} {
				off := int64(2+6*i) << 20
				if err := p.o.zero(off, 3<<20, unmap); err != nil {
					t.Fatalf("zeroes, unmap %v: %v", unmap, err)
				}
				talk.Fill(p.want[off:off+3<<20], off, 0)
				if err := p.o.zero(off+4<<20, 12288, unmap); err != nil {
					t.Fatalf("zeroes, unmap %v: %v", unmap, err)
				}
				talk.Fill(p.want[off+4<<20:off+4<<20+12288], off, 0)
				p.write(p.o, off+65536, 4096, 4096, 1)
			}
			p.flush(p.o)
			p.reads(p.o)
			p.move(p.k)
			p.reads(p.k)
			must(t, p.k, "secondary", "0")
			p.finish()
		})
	}
}

// A resync knows holes (rs-discard-granularity): what is empty at the source is
// discarded at the target.
func TestThinResync(t *testing.T) {
	opt := options{disk: []string{"--rs-discard-granularity=65536"}}
	fromEach(t, opt, func(t *testing.T, p *pair, source side) {
		p.fullSync(source)
		p.disconnect(p.other(source))
		state(t, source, stateLimit, "WFConnection", "", "")
		p.drop(source, 4<<20, 8<<20)
		p.write(source, 5<<20, 4096, 4096, 1)
		p.flush(source)
		p.connect(p.other(source))
		p.partial(2)
		must(t, source, "secondary", "0")
		p.finish()
	})
}
