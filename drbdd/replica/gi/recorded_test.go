package gi

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"classicha/drbdd/metadata"
	"classicha/drbdd/wire"
	"classicha/drbdd/wire/recorded"
)

// node is the log of one kernel about one volume.
type node struct {
	scenario, name, device string
	lines                  []string
}

func (n node) String() string { return n.scenario + " " + n.name + " " + n.device }

func nodes() (all []node) {
	for _, scenario := range recorded.Scenarios() {
		for _, text := range strings.Split(recorded.KernelLog(scenario), "# kernel messages of ")[1:] {
			name, text, _ := strings.Cut(text, "\n")
			for _, device := range []string{"drbd0", "drbd1"} {
				n := node{scenario: scenario, name: name, device: device}
				for line := range strings.Lines(text) {
					if l, ok := strings.CutPrefix(strings.TrimSpace(line), "block "+device+": "); ok {
						n.lines = append(n.lines, l)
					}
				}
				all = append(all, n)
			}
		}
	}
	return all
}

// set reads "WHO CUR:BM:H0:H1 bits:N flags:F".
func set(t *testing.T, who, line string) (u wire.UUIDs) {
	t.Helper()
	if n, err := fmt.Sscanf(line, who+" %X:%X:%X:%X bits:%d flags:%X", &u.Current, &u.Bitmap, &u.History0, &u.History1, &u.DirtyBits, &u.Flags); n != 6 {
		t.Fatalf("%q: %v", line, err)
	}
	return u
}

// handshakes are the comparisons of a log, each with all lines up to the next.
func (n node) handshakes() (all [][]string) {
	for i, l := range n.lines {
		if l == "drbd_sync_handshake:" {
			j := slices.Index(n.lines[i+1:], "drbd_sync_handshake:")
			if j < 0 {
				j = len(n.lines) - i - 1
			}
			all = append(all, n.lines[i:i+1+j])
		}
	}
	return all
}

// mine are the lines that Decide makes, or whose handlers it asks for.
var mine = regexp.MustCompile(`^(self |peer [0-9A-F]{16}:|drbd_sync_handshake|uuid_compare|Split-Brain|Becoming|Unrelated|I shall|dry-run|` +
	`Writing the whole bitmap, full sync required after|No resync|was Sync|Lost last|Last sync|To resolve|helper command: \S+ \S*(split-brain|pri-lost)\S* minor-\d$)`)

// crashed tells whether the node whose set is self was a crashed Primary: the
// log of its peer has the flag.
func crashed(t *testing.T, all []node, of node, self wire.UUIDs) bool {
	for _, n := range all {
		if n.scenario != of.scenario || n.device != of.device || n.name == of.name {
			continue
		}
		for _, h := range n.handshakes() {
			if p := set(t, "peer", h[2]); peerSet(p) == peerSet(self) && p.DirtyBits == self.DirtyBits {
				return p.Flags&wire.UUIDCrashedPrimary != 0
			}
		}
	}
	return false
}

// Each comparison that the recorded kernels logged, with what they did about it.
func TestRecordedHandshakes(t *testing.T) {
	all := nodes()
	rules, entered := map[int]int{}, map[wire.ConnState]int{}
	for _, n := range all {
		before := 0
		for _, log := range n.handshakes() {
			self, peer := set(t, "self", log[1]), set(t, "peer", log[2])
			before += slices.Index(n.lines[before:], "drbd_sync_handshake:") + 1
			in := Input{
				Self: peerSet(self), Peer: peer, CommBits: self.DirtyBits, Bits: self.DirtyBits,
				SelfPrimary: self.Current&1 != 0, PeerPrimary: peer.Current&1 != 0,
				SelfCrashed: crashed(t, all, n, self), Dialect: wire.Dialect{Version: 101, Features: wire.AllFeatures},
				Disk: wire.UpToDate, PeerDisk: wire.UpToDate,
				DryRun: n.scenario == "connect_tentative", DiscardMyData: n.scenario == "split_brain_discard_my_data" && n.name == "node2",
			}
			if n.scenario == "split_brain_auto_zero_changes" {
				in.AfterSB[0] = DiscardZeroChanges
			}
			if slices.Contains(n.lines[:before], "disk( Attaching -> Negotiating )") {
				in.Disk, in.AttachDisk = wire.Negotiating, wire.Consistent
			}
			// Fresh disks, or those that the log tells about, are Inconsistent.
			if self.Current == metadata.JustCreated || slices.Contains(log, "Becoming sync target due to disk states.") {
				in.Disk = wire.Inconsistent
			}
			if peer.Current == metadata.JustCreated || slices.Contains(log, "Becoming sync source due to disk states.") {
				in.PeerDisk = wire.Inconsistent
			}
			d := Decide(in)
			var got, want []string
			for _, s := range d.Steps {
				if s.Handler != "" {
					s.Text = "helper command: /sbin/drbdadm " + s.Handler + " minor-" + n.device[4:]
				}
				got = append(got, s.Text)
			}
			conn := wire.StandAlone
			for _, l := range log {
				if mine.MatchString(l) {
					want = append(want, l)
				}
				for _, c := range []wire.ConnState{wire.Connected, wire.WFBitMapS, wire.WFBitMapT} {
					if conn == wire.StandAlone && (strings.Contains(l, "conn( WFReportParams -> "+c.String()+" )") || strings.Contains(l, "conn( Connected -> "+c.String()+" )")) {
						conn = c
					}
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v:\n%s\nlogged:\n%s", n, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			// A handshake may be dropped by the peer before it is logged.
			if conn != wire.StandAlone && (!d.OK || d.Conn != conn) {
				t.Errorf("%v: %v %s, but %s was entered", n, d.OK, d.Conn, conn)
			}
			if conn == wire.StandAlone && d.OK {
				t.Logf("%v: %s, but nothing was logged", n, d.Conn)
			}
			rules[d.Compare.Rule]++
			entered[conn]++
		}
	}
	for _, rule := range []int{10, 20, 30, 40, 50, 70, 90, 100} {
		if rules[rule] == 0 {
			t.Errorf("rule %d was not met", rule)
		}
	}
	t.Logf("by rule: %v; entered: %v", rules, entered)
}

// The identifiers move as the recorded kernels logged.
func TestRecordedRotation(t *testing.T) {
	read := func(line, what string) (u metadata.UUIDs, ok bool) {
		n, _ := fmt.Sscanf(line, what+" %X:%X:%X:%X", &u.Current, &u.Bitmap, &u.History0, &u.History1)
		return u, n == 4
	}
	checked := map[string]int{}
	for _, n := range nodes() {
		var own, peer metadata.UUIDs
		known, target := false, false
		for _, l := range n.lines {
			check := func(what string, want metadata.UUIDs) {
				t.Helper()
				if known && own != want {
					t.Errorf("%v: %q: got %X, logged %X", n, l, own, want)
				}
				own = want
				if known {
					checked[what]++
				}
			}
			if strings.HasPrefix(l, "self ") {
				own, known = peerSet(set(t, "self", l)), true
			} else if strings.HasPrefix(l, "peer ") && strings.Contains(l, " bits:") {
				peer = peerSet(set(t, "peer", l))
			} else if u, ok := read(l, "attached to UUIDs"); ok {
				own, known = u, true
			} else if u, ok := read(l, "new current UUID"); ok {
				own.NewCurrent(u.Current, u.Current&1 != 0)
				check("new current", u)
			} else if u, ok := read(l, "updated sync UUID"); ok {
				if StartAsSource(&own, u.Bitmap) != u.Bitmap {
					t.Errorf("%v: %q: sent another one", n, l)
				}
				target = false
				check("start source", u)
			} else if u, ok := read(l, "updated sync uuid"); ok {
				StartAsTarget(&own, u.Current, u.Current&1 != 0)
				target = true
				check("start target", u)
			} else if u, ok := read(l, "updated UUIDs"); ok {
				if target {
					// The peer's P_UUIDS may be younger than the handshake; its current one
					// is what became ours.
					peer.Current = u.Current
					FinishAsTarget(&own, &peer, u.Current&1 != 0)
				} else {
					FinishAsSource(&own, &peer)
				}
				if peer.Bitmap != u.Bitmap || peer.History0 != u.History0 || peer.History1 != u.History1 {
					t.Errorf("%v: %q: the peer's copy is %X", n, l, peer)
				}
				check("finish", u)
			} else if strings.HasPrefix(l, "role( Primary -> Secondary )") {
				own.SetCurrent(own.Current, false)
			} else if strings.HasPrefix(l, "role( Secondary -> Primary )") && !strings.Contains(l, " disk( ") {
				// A forced promotion begins a new generation, and only then is bit 0 set
				// (section 10.7).
				own.SetCurrent(own.Current, true)
			}
		}
	}
	t.Log(checked)
	if len(checked) != 4 || checked["finish"] < 20 {
		t.Error("too few moves found")
	}
}
