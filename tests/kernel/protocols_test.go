package kernel

import (
	"strings"
	"testing"
)

// Each protocol, without and with authentication and integrity checks; writes on
// both sides, one after the other.
func TestProtocols(t *testing.T) {
	extras := []struct {
		name string
		net  []string
		log  string // what both sides say
	}{
		{"plain", nil, ""},
		{"cram-hmac", []string{"--cram-hmac-alg=sha1", "--shared-secret=it is a secret"}, `Peer authenticated using 20 bytes HMAC`},
		{"integrity", []string{"--data-integrity-alg=sha1"}, ""},
		{"crc32c and sha256", []string{"--data-integrity-alg=crc32c", "--cram-hmac-alg=sha256", "--shared-secret=s"}, `Peer authenticated using 32 bytes HMAC`},
	}
	w := newWorld(t)
	for _, protocol := range []string{"A", "B", "C"} {
		for _, x := range extras {
			if strings.HasPrefix(x.name, "crc32c") && protocol != "C" {
				continue
			}
			t.Run(protocol+" "+x.name, func(t *testing.T) {
				p := w.newPair(t, options{net: append([]string{"--protocol=" + protocol}, x.net...)})
				p.fullSync(p.k)
				if x.log != "" {
					for _, s := range p.sides() {
						logged(t, s, stateLimit, x.log)
					}
				}
				p.writes(p.k)
				p.move(p.o)
				p.reads(p.o)
				p.writes(p.o)
				p.load4(p.o)
				p.move(p.k)
				p.reads(p.k)
				p.writes(p.k)
				p.load4(p.k)
				must(t, p.k, "secondary", "0")
				p.finish()
			})
		}
	}
}

// load4 writes some more, in no order.
func (p *pair) load4(s side) {
	p.t.Helper()
	l := p.startLoad(s)
	l.reached(p.t, 40)
	l.end(p.t)
	p.flush(s)
}

// A peer with another secret is turned away, by both, for good.
func TestWrongSecret(t *testing.T) {
	w := newWorld(t)
	p := w.newPair(t, options{
		net:       []string{"--cram-hmac-alg=sha1"},
		netOurs:   []string{"--shared-secret=one"},
		netKernel: []string{"--shared-secret=another"},
	})
	p.connect(p.k)
	p.connect(p.o)
	for _, s := range p.sides() {
		state(t, s, stateLimit, "StandAlone", "Secondary/Unknown", "Inconsistent/DUnknown")
		logged(t, s, stateLimit, `Authentication of peer failed`)
		logged(t, s, stateLimit, `Discarding network configuration`)
	}
	// With the right one they meet.
	p.opt.netKernel = p.opt.netOurs
	p.fullSync(p.o)
	must(t, p.o, "secondary", "0")
	p.finish()
}

// Settings that must be equal and are not: both sides say which, and stay alone.
func TestDifferentSettings(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, ours, kernel, log string }{
		{"protocol", "--protocol=A", "--protocol=C", `incompatible protocol settings`},
		{"integrity", "--data-integrity-alg=md5", "--data-integrity-alg=sha1", `incompatible data-integrity-alg settings`},
		{"after-sb-0pri", "--after-sb-0pri=discard-zero-changes", "--after-sb-0pri=disconnect", `incompatible after-sb-0pri settings`},
		{"verify-alg", "--verify-alg=md5", "--verify-alg=sha1", `Different verify-alg settings`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := w.newPair(t, options{netOurs: []string{c.ours}, netKernel: []string{c.kernel}})
			p.connect(p.k)
			p.connect(p.o)
			for _, s := range p.sides() {
				state(t, s, stateLimit, "StandAlone", "Secondary/Unknown", "Inconsistent/DUnknown")
				logged(t, s, stateLimit, c.log)
			}
		})
	}
}
