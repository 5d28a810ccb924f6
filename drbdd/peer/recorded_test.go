package peer

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/wire"
	"classicha/drbdd/wire/recorded"
)

// secrets are those of the recordings with authentication.
var secrets = map[string][2]string{
	"handshake_sha1":   {"sha1", "FooFunFactory"},
	"handshake_sha256": {"sha256", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"},
}

// tape is one recorded connection, seen from the node that is played.
type tape struct {
	scenario           string
	outData, outMeta   []byte // what the kernel sent
	wantData, wantMeta []byte // what the other kernel sent: we should, as far as it does not depend on data
	seconds            float64
}

// tapes returns the connections of a scenario with node side ("a" or "b") as the fake.
func tapes(scenario, side string) (all []tape) {
	other := map[string]string{"a": "b", "b": "a"}[side]
	for i := 1; ; i++ {
		conn := ""
		if i > 1 {
			conn = fmt.Sprintf(".c%d", i)
		}
		file := func(from, to, sock string) []byte {
			return recorded.Files()[fmt.Sprintf("%s%s.%s2%s.%s.bin", scenario, conn, from, to, sock)]
		}
		t := tape{
			scenario: scenario,
			outData:  file(side, other, "data"), outMeta: file(side, other, "meta"),
			wantData: file(other, side, "data"), wantMeta: file(other, side, "meta"),
		}
		if t.outData == nil && t.wantData == nil {
			return all
		}
		all = append(all, t)
	}
}

// decode cuts a recorded stream into packets; those of the handshake are left out.
func decode(t *testing.T, sock wire.Socket, b []byte) (all []got) {
	t.Helper()
	dec := wire.NewDecoder(sock, wire.Dialect{Version: 101, Features: wire.AllFeatures})
	for len(b) > 0 {
		p, n, err := dec.Next(b)
		if err != nil {
			t.Fatal(err)
		}
		b = b[n:]
		if !stranger(p.Cmd) {
			all = append(all, got{sock, p})
		}
	}
	return all
}

// handshakeEnd is where P_PROTOCOL begins: what the node sent before depends only on
// its configuration and its challenge.
func handshakeEnd(t *testing.T, b []byte) (end int, challenge []byte) {
	t.Helper()
	dec := wire.NewDecoder(wire.DataSocket, wire.Dialect{Version: 101, Features: wire.AllFeatures})
	for end < len(b) {
		p, n, err := dec.Next(b[end:])
		if err != nil {
			t.Fatal(err)
		}
		if !stranger(p.Cmd) {
			break
		}
		if p.Cmd == wire.CmdAuthChallenge {
			challenge = p.Payload
		}
		end += n
	}
	return end, challenge
}

// fake plays the kernel: it opens the sockets that its kernel opened, in that order.
func fake(t *testing.T, n *node, tp tape) (data, meta net.Conn) {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", n.cfg.Remote.String())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	accept := func(l net.Listener, c wire.Command) net.Conn {
		nc, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 8)
		_, err = io.ReadFull(nc, first)
		if c == wire.CmdInitialMeta && bytes.Equal(first, wire.Initial.AppendHeader(nil, wire.CmdInitialData, 0, 0)) {
			t.Skip("our node was slow: its data socket crossed")
		}
		if err != nil || !bytes.Equal(first, wire.Initial.AppendHeader(nil, c, 0, 0)) {
			t.Fatalf("first packet % x, %v", first, err)
		}
		return nc
	}
	opens := func(b []byte, c wire.Command) bool {
		return bytes.HasPrefix(b, wire.Initial.AppendHeader(nil, c, 0, 0))
	}
	switch {
	case opens(tp.outData, wire.CmdInitialData): // ours was there first, and is refused
		n.dial()
		data = raw(t, "127.0.0.2", n.cfg.Local)
		time.Sleep(20 * time.Millisecond) // its own first attempt is under way
		l := listen()
		defer l.Close()
		data.Write(tp.outData[:8])
		if opens(tp.outMeta, wire.CmdInitialMeta) {
			meta = raw(t, "127.0.0.2", n.cfg.Local)
			meta.Write(tp.outMeta[:8])
		} else {
			meta = accept(l, wire.CmdInitialMeta)
		}
	default:
		l := listen()
		defer l.Close()
		n.dial()
		data = accept(l, wire.CmdInitialData)
		if !opens(tp.outMeta, wire.CmdInitialMeta) {
			t.Skip("one side opened both sockets")
		}
		meta = raw(t, "127.0.0.2", n.cfg.Local)
		meta.Write(tp.outMeta[:8])
	}
	return data, meta
}

// TestRecorded plays every recorded connection to a node, from either side: what the
// node sends in the handshake is what the other kernel sent, byte for byte, and every
// packet arrives.
func TestRecorded(t *testing.T) {
	played, total := 0, 0
	for _, scenario := range recorded.Scenarios() {
		for _, side := range []string{"a", "b"} {
			for i, tp := range tapes(scenario, side) {
				if testing.Short() && i > 0 || len(tp.outData) < 80 { // it ended before the handshake
					continue
				}
				t.Run(fmt.Sprintf("%s/%s%d", scenario, side, i+1), func(t *testing.T) {
					if k := play(t, tp); k > 0 {
						total += k
						played++
					}
				})
			}
		}
	}
	if t.Logf("%d connections, %d packets", played, total); played < 40 {
		t.Error("too few")
	}
}

func play(t *testing.T, tp tape) int {
	cfg := quick(t, freePort(t, "127.0.0.1"), freePort(t, "127.0.0.2"))
	end, challenge := handshakeEnd(t, tp.wantData)
	if challenge != nil {
		s, ok := secrets[tp.scenario]
		if !ok {
			t.Skip("a failed authentication")
		}
		cfg.CramAlg, cfg.Secret, cfg.random = s[0], s[1], bytes.NewReader(challenge)
	} else if _, c := handshakeEnd(t, tp.outData); c != nil {
		t.Skip("a failed authentication")
	}
	n := newNode(t, "ours", cfg)
	data, meta := fake(t, n, tp)
	defer data.Close()
	defer meta.Close()
	rest := func(out []byte, c wire.Command) []byte {
		return bytes.TrimPrefix(out, wire.Initial.AppendHeader(nil, c, 0, 0))
	}
	go data.Write(rest(tp.outData, wire.CmdInitialData))
	go meta.Write(rest(tp.outMeta, wire.CmdInitialMeta))

	want := bytes.TrimPrefix(tp.wantData[:end], wire.Initial.AppendHeader(nil, wire.CmdInitialData, 0, 0))
	have := make([]byte, len(want))
	_ = data.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(data, have); err != nil || !bytes.Equal(have, want) {
		t.Fatalf("we sent % x, %v\nthe kernel  % x", have, err, want)
	}
	s := n.wait("up").sess
	if opened := bytes.HasPrefix(tp.wantMeta, wire.Initial.AppendHeader(nil, wire.CmdInitialMeta, 0, 0)); s.ResolveConflicts == opened {
		t.Errorf("RESOLVE_CONFLICTS is %v", s.ResolveConflicts)
	}
	kernel := recorded.KernelLog(tp.scenario)
	n.mu.Lock()
	for _, l := range n.logs {
		if _, text, _ := strings.Cut(l, ": "); !strings.Contains(kernel, "drbd r0: "+text+"\n") && !strings.HasPrefix(text, "Peer authenticated") {
			t.Errorf("no kernel logged %q", text)
		}
	}
	n.mu.Unlock()
	all := append(decode(t, wire.DataSocket, tp.outData), decode(t, wire.MetaSocket, tp.outMeta)...)
	arrived := slices.Clone(n.received(len(all)))
	slices.SortStableFunc(arrived, func(a, b got) int { return int(a.sock) - int(b.sock) })
	for i := range all {
		w := &all[i].packet
		if w.Payload != nil && w.Cmd != wire.CmdOVReply && w.Cmd != wire.CmdCsumRSRequest {
			w.Digest = nil // that of data-integrity-alg was checked
		}
		if g := arrived[i]; g.packet.String() != w.String() || !bytes.Equal(g.packet.Payload, w.Payload) {
			t.Fatalf("packet %d on %s\ngot  %s\nwant %s", i, g.sock, g.packet.String(), w.String())
		}
	}
	data.Close()
	if e := n.wait("down"); e.text != "sock was shut down by peer" && e.text != "sock was reset by peer" {
		t.Errorf("%+v", e)
	}
	return len(all)
}

// TestRecordedFailures: with what the kernel without a secret sends, and with the
// answer to a wrong secret, ours logs what the kernel logged.
func TestRecordedFailures(t *testing.T) {
	for scenario, want := range map[string][]string{
		"auth_one_side_only": {"expected AuthChallenge packet, received: ReportProtocol (0x000b)", "Authentication of peer failed"},
		"auth_wrong_secret":  {"Authentication of peer failed"},
	} {
		t.Run(scenario, func(t *testing.T) {
			tp := tapes(scenario, "b")[0]
			cfg := quick(t, freePort(t, "127.0.0.1"), freePort(t, "127.0.0.2"))
			_, challenge := handshakeEnd(t, tp.wantData)
			cfg.CramAlg, cfg.Secret, cfg.random = "sha1", "right", bytes.NewReader(challenge)
			n := newNode(t, "ours", cfg)
			data, meta := fake(t, n, tp)
			defer data.Close()
			defer meta.Close()
			data.Write(tp.outData)
			n.wait("gave up")
			lines := []string{agreed, featline}
			for _, w := range want {
				lines = append(lines, "err: "+w)
				if !strings.Contains(recorded.KernelLog(scenario), "drbd r0: "+w+"\n") {
					t.Errorf("no kernel logged %q", w)
				}
			}
			n.wantLog(append(lines, discard)...)
		})
	}
}
