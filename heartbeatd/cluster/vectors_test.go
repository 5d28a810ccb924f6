package cluster

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/message"
)

// The frames that were fed to a real 3.0.6 node, with its verdicts. Ours must agree,
// but for those in differs.
func TestRealVerdicts(t *testing.T) {
	differs := map[string]string{
		"077-peer-x08-ns-md5-own-key.bin": "accept: we check with the key of the number, so that keys can be changed one node after the other",
		"107-peer-x38-newgen.bin":         "reject: a new run is believed only from a status",
	}
	dir := filepath.Join("..", "message", "testdata", "vectors")
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Authkeys map[string]struct {
			Current int
			Keys    map[string][2]string
		}
		Vectors []struct{ File, Authkeys, Verdict string }
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	nodes := map[string]*Node{}
	seen := 0
	for _, v := range index.Vectors {
		if !strings.Contains(v.File, "-peer-") {
			continue
		}
		seen++
		n := nodes["one"] // one node hears all frames in order, as the real one did
		if n == nil {
			n = New(testConfig("node1", "node2"), 1, Saved{})
			nodes["one"] = n
			n.Step(t0, Tick{})
			n.Step(t0, Packet{"eth0", peerFrame(n.cfg.Keys, "status", "hg", "6b00e7d5", "seq", "16", "st", "active", "dt", "ffff", "protocol", "1")})
			n.byName["node2"].proved = true
		}
		n.cfg.Keys = &message.Keys{Current: index.Authkeys[v.Authkeys].Current, ByNum: map[int]message.Key{}}
		for num, k := range index.Authkeys[v.Authkeys].Keys {
			m, _ := message.ParseMethod(k[0])
			n.cfg.Keys.ByNum[int(num[0]-'0')] = message.Key{Method: m, Secret: []byte(k[1])}
		}
		frame, err := os.ReadFile(filepath.Join(dir, v.File))
		if err != nil {
			t.Fatal(err)
		}
		got := "reject"
		for _, a := range n.Step(t0.Add(time.Duration(seen)*time.Millisecond), Packet{"eth0", frame}) {
			if r, ok := a.(RunRC); ok && r.Type == "labtest" {
				got = "accept"
			}
		}
		want := v.Verdict
		if d, ok := differs[v.File]; ok {
			want, _, _ = strings.Cut(d, ":")
		}
		if got != want {
			t.Errorf("%s: got %s, want %s (the real node: %s)", v.File, got, want, v.Verdict)
		}
	}
	if seen < 70 {
		t.Errorf("only %d frames of a peer found", seen)
	}
}

var t0 = time.Unix(1700000000, 0)

func testConfig(nodes ...string) Config {
	return Config{Node: nodes[0], UUID: [16]byte{1}, Generation: 7, Nodes: nodes, Links: []string{"eth0"},
		Keepalive: time.Second, Deadtime: 3 * time.Second, Warntime: 2 * time.Second, Initdead: 12 * time.Second,
		Deadping: 3 * time.Second, MaxRexmitDelay: 250 * time.Millisecond, HopFudge: 1, LogBadPack: true,
		AutoFailback: FailbackOn,
		Groups:       []Group{{Home: nodes[0], Key: "LabRsc::a"}, {Home: nodes[len(nodes)-1], Key: "LabRsc::b"}},
		Keys:         &message.Keys{Current: 1, ByNum: map[int]message.Key{1: {Method: message.SHA1, Secret: []byte("labsecret")}}},
	}
}

// peerFrame makes a frame of node2 as a real node would send it.
func peerFrame(keys *message.Keys, t string, kv ...string) []byte {
	m := message.New("t", t)
	for i := 0; i+1 < len(kv); i += 2 {
		m.Set(kv[i], kv[i+1])
	}
	for _, d := range [][2]string{{"src", "node2"}, {"hg", "64"}, {"ts", "655a1a00"}, {"ttl", "3"}} {
		if _, ok := m.Lookup(d[0]); !ok {
			m.Set(d[0], d[1])
		}
	}
	return m.AppendNetstring(nil, keys, true)
}
