package kernel

import (
	"bytes"
	"os"
	"testing"

	"classicha/tests/kernel/talk"
)

// write writes new data and notes it in the model.
func (p *pair) write(s side, off, n, size int64, deep int) {
	p.t.Helper()
	p.seed++
	if err := s.write(off, n, size, deep, p.seed); err != nil {
		p.t.Fatalf("%s: write of %d at %d: %v", s.name(), n, off, err)
	}
	talk.Fill(p.want[off:off+n], off, p.seed)
}

// writes writes in many ways: single sectors, blocks, long runs, some at a time, to
// the last block of the device; with flushes between.
func (p *pair) writes(s side) {
	p.t.Helper()
	for i := int64(0); i < 12; i++ {
		p.write(s, (i*7919%(p.size/4096-1))*4096, 4096, 4096, 1)
	}
	p.write(s, 3*4096+512, 512, 512, 1)
	p.write(s, 5*4096+1024, 8192+512, 8192+512, 1)
	p.flush(s)
	p.write(s, 2<<20, 1<<20, 128<<10, 4)
	p.write(s, 5<<20, 256<<10, 4096, 8)
	p.flush(s)
	p.write(s, 8<<20, 2<<20, 1<<20, 2)
	p.write(s, p.size-4096, 4096, 4096, 1)
	p.flush(s)
}

func (p *pair) flush(s side) {
	p.t.Helper()
	if err := s.flush(); err != nil {
		p.t.Fatalf("%s: flush: %v", s.name(), err)
	}
}

// reads compares what a Primary reads with the model.
func (p *pair) reads(s side) {
	p.t.Helper()
	got, err := s.hash(0, p.size)
	if err != nil {
		p.t.Fatalf("%s: read: %v", s.name(), err)
	}
	want, _ := talk.Hash(bytes.NewReader(p.want), 0, p.size, make([]byte, 1<<20))
	if got != want {
		p.t.Errorf("%s reads something else than what was written", s.name())
	}
}

// finish waits until both are in sync, takes both down and compares the images with
// each other and with the model.
func (p *pair) finish() {
	p.t.Helper()
	p.synced()
	p.down()
	p.compare()
}

func (p *pair) down() {
	p.t.Helper()
	for _, s := range p.sides() {
		must(p.t, s, "down", "r0")
	}
}

func (p *pair) compare() {
	p.t.Helper()
	var images [2][]byte
	for i, s := range p.sides() {
		b, err := os.ReadFile(s.image())
		if err != nil {
			p.t.Fatal(err)
		}
		images[i] = b[:p.size]
	}
	differ(p.t, "ours and kernel's", images[0], images[1], nil)
	if p.want != nil {
		differ(p.t, "ours and what was written", images[0], p.want, p.maybe)
		differ(p.t, "kernel's and what was written", images[1], p.want, p.maybe)
	}
}

// differ names blocks that are not equal, besides some.
func differ(t *testing.T, what string, a, b []byte, besides map[int64]bool) {
	t.Helper()
	n, first := 0, -1
	for off := 0; off < len(a); off += talk.Block {
		end := min(off+talk.Block, len(a))
		if !bytes.Equal(a[off:end], b[off:end]) && !besides[int64(off)] {
			if n++; first < 0 {
				first = off
			}
		}
	}
	if n > 0 {
		t.Errorf("%s: %d of %d blocks differ, the first at byte %d", what, n, (len(a)+talk.Block-1)/talk.Block, first)
	}
}
