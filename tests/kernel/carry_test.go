package kernel

import (
	"testing"
)

// swap exchanges the disks of the two sides while both are down. Ours must be one of
// the machine's.
func (p *pair) swap() {
	p.t.Helper()
	i := p.k.n
	p.k.n, p.k.img, p.o.img = p.oursAt, p.o.img, p.k.img
	p.oursAt = i
}

// A disk of the kernel goes on with drbdd, and one of drbdd with the kernel, and
// back; there is never a full sync, only what was written in between.
func TestCarriedOver(t *testing.T) {
	w := newWorld(t)
	p := w.bare(t, options{})
	// Both disks are disks of the machine; the kernel opens only one of them.
	p.oursAt = w.next
	p.o.img = w.files[w.next]
	w.next++
	for i, s := range p.sides() {
		fillImage(t, s.image(), uint64(1001+i))
		mustMeta(t, s, "create-md", "--force")
		p.attach(s)
	}
	p.fullSync(p.k)
	p.writes(p.k)
	must(t, p.k, "secondary", "0")
	p.synced()
	for round := range 4 {
		p.down()
		p.compare()
		p.swap()
		for _, s := range p.sides() {
			p.again(s)
		}
		p.synced()
		first, second := side(p.o), side(p.k)
		if round%2 == 1 {
			first, second = second, first
		}
		for _, s := range []side{first, second} {
			must(t, s, "primary", "0")
			p.reads(s)
			p.writes(s)
			must(t, s, "secondary", "0")
		}
	}
	for _, s := range p.sides() {
		if kib, n := lastResync(s); n != 1 {
			t.Errorf("%s: %d resyncs, the last of %d KiB; wanted only the first", s.name(), n, kib)
		}
	}
	p.finish()
}

// The machine dies as a Primary, and its disk goes on with drbdd, alone: the activity
// log of the kernel says what may differ from the peer, and only that is sent.
func TestCarriedOverAfterACrash(t *testing.T) {
	w := newWorld(t)
	for _, dead := range []string{"kernel", "ours"} {
		t.Run(dead, func(t *testing.T) {
			p := w.bare(t, options{})
			p.oursAt = w.next
			p.o.img = w.files[w.next]
			w.next++
			for i, s := range p.sides() {
				fillImage(t, s.image(), uint64(1001+i))
				mustMeta(t, s, "create-md", "--force")
				p.attach(s)
			}
			s := side(p.k)
			if dead == "ours" {
				s = p.o
			}
			p.fullSync(s)
			p.span = alSpan
			l := p.startLoad(s)
			l.reached(t, 30)
			w.m.Kill()
			p.o.powerCut(t)
			l.broken(t)
			if err := w.m.Boot(); err != nil {
				t.Fatal(err)
			}
			p.o.start(t)
			p.swap()
			for _, s := range p.sides() {
				p.again(s)
			}
			p.partial(2)
			for _, s := range p.sides() {
				must(t, s, "primary", "0")
				p.writes(s)
				must(t, s, "secondary", "0")
			}
			p.finish()
		})
	}
}
