package kernel

import (
	"os"
	"testing"

	"classicha/tests/kernel/talk"
)

// spoil changes blocks of a side's disk behind its back.
func (p *pair) spoil(s side, blocks ...int64) {
	p.t.Helper()
	if s == side(p.k) {
		for _, b := range blocks {
			q := talk.Request{Op: talk.OpWrite, Path: p.k.disk(), Off: b * 4096, Len: 512, Size: 512, Seed: 4711}
			if _, err := p.k.m.Call(setupLimit, q); err != nil {
				p.t.Fatal(err)
			}
		}
		return
	}
	f, err := os.OpenFile(p.o.img, os.O_WRONLY, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	data := make([]byte, 512)
	for _, b := range blocks {
		talk.Fill(data, b*4096, 4711)
		if _, err := f.WriteAt(data, b*4096); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		p.t.Fatal(err)
	}
}

// Online verify, started from each side, finds what differs, on both sides; the
// Primary then repairs the other after a reconnect.
func TestVerify(t *testing.T) {
	opt := options{net: []string{"--verify-alg=sha1", "--csums-alg=md5"}}
	fromEach(t, opt, func(t *testing.T, p *pair, starter side) {
		p.fullSync(p.k)
		p.writes(p.k)

		t.Log("nothing differs")
		must(t, starter, "verify", "0")
		logged(t, starter, syncLimit, `Online verify +done`)
		p.synced()

		t.Log("five blocks of the Secondary differ")
		p.spoil(p.o, 1, 2, 100, 3000, p.size/4096-1)
		must(t, starter, "verify", "0")
		logged(t, starter, syncLimit, `Online verify found 5 4k block out of sync`)
		for _, s := range p.sides() {
			v := state(t, s, stateLimit, "Connected", "", "UpToDate/UpToDate")
			if v.oosKiB != 20 {
				t.Errorf("%s: %d KiB are out of sync, wanted 20\n%s", s.name(), v.oosKiB, v.text)
			}
		}
		p.disconnect(p.o)
		p.connect(p.o)
		p.partial(2)

		t.Log("two blocks of the kernel differ")
		p.move(p.o)
		p.spoil(p.k, 7, 1234)
		must(t, starter, "verify", "0")
		logged(t, starter, syncLimit, `Online verify found 2 4k block out of sync`)
		state(t, p.k, stateLimit, "Connected", "", "")
		p.disconnect(p.k)
		p.connect(p.k)
		p.partial(3)
		must(t, p.o, "secondary", "0")
		p.finish()
	})
}

// A resync with checksums sends only what differs of the marked blocks.
func TestChecksumResync(t *testing.T) {
	opt := options{net: []string{"--csums-alg=sha1"}}
	fromEach(t, opt, func(t *testing.T, p *pair, source side) {
		target := p.other(source)
		p.fullSync(source)
		p.write(source, 4<<20, 2<<20, 256<<10, 2)
		same := p.seed
		p.flush(source)
		p.disconnect(target)
		state(t, source, stateLimit, "WFConnection", "", "")
		// 2 MiB again with the same content, 32 KiB with another.
		if err := source.write(4<<20, 2<<20, 256<<10, 2, same); err != nil {
			t.Fatal(err)
		}
		p.write(source, 10<<20, 32<<10, 4096, 2)
		p.flush(source)
		p.connect(target)
		p.partial(2)
		logged(t, target, stateLimit, `98 % had equal checksums, eliminated: 2048K; transferred 32K total 2080K`)
		must(t, source, "secondary", "0")
		p.finish()
	})
}
