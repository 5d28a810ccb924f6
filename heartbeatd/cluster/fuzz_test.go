package cluster

import (
	"testing"
	"time"

	"classicha/heartbeatd/message"
)

// FuzzStep feeds three kinds of node (two nodes, legacy, three nodes) with a raw frame,
// with its fields signed as a broken peer would, and through the FIFO. Nothing may panic,
// grow without bound or answer without end.
func FuzzStep(f *testing.F) {
	for _, s := range []string{
		"t=status\nst=active\ndt=bb8\nprotocol=1\nsrc=node2\nseq=1\nhg=64\nts=1",
		"t=resource\nrsc_hold=all\nrtype=full\nisstable=1\nsrc=node2\nseq=2\nhg=64\nts=1\ninfo=partition",
		"t=ask_resources\nrsc_hold=all\ninfo=me\nsrc=node2\nseq=3\nhg=64\nts=1",
		"t=NS_rexmit\ndest=node1\nfirstseq=1\nlastseq=18446744073709551615\nsrc=node2\nts=1",
		"t=hbd_claim\nclaim=1\nhbd_groups=node1/LabRsc::a\nsrc=node2\nseq=4\nhg=64\nts=1",
		"t=ip-request\nipaddr=LabRsc::a\nsrc=node2\nseq=4\nhg=64\nts=1",
		"t=status\nst=dead\ndt=ffffffffffffffff\nsrc=node2\nseq=ffffffffffffffff\nhg=ffffffffffffffff\nts=1",
	} {
		f.Add([]byte(s), uint16(1000))
	}
	f.Fuzz(func(t *testing.T, body []byte, ms uint16) {
		frame := append(append([]byte(">>>\n"), body...), "\n<<<\n"...)
		for _, c := range []Config{testConfig("node1", "node2"), testConfig("node1", "node2"), testConfig("node1", "node2", "node3")} {
			n := New(c, 1, Saved{})
			now := t0
			step := func(ev Event) {
				if acts := n.Step(now, ev); len(acts) > 2000 {
					t.Fatalf("%d actions for one event", len(acts))
				}
			}
			step(Tick{})
			step(Packet{"eth0", peerFrame(c.Keys, "status", "seq", "1", "st", "active", "dt", "bb8")})
			step(Packet{"eth0", peerFrame(c.Keys, "respond-cstatus", "seq", "2", "dest", "node1", "to_id", n.nonce, "cs", "offline")})
			now = now.Add(time.Second)
			step(Tick{})
			for range 3 {
				step(Packet{"eth0", frame})
				if m, _, err := message.Parse(frame, nil); err == nil {
					step(Packet{"eth0", m.AppendText(nil, c.Keys, true)})
				}
				step(FromScript{Frame: frame})
				now = now.Add(time.Duration(ms) * time.Millisecond)
				step(Tick{})
			}
			for i := 0; i < 50; i++ {
				next := n.Next()
				if next.IsZero() {
					break
				}
				if next.After(now) {
					now = next
				}
				step(Tick{})
			}
			n.View()
		}
	})
}
