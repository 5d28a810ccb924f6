package state

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestPeersRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hb_peers")
	if got := ReadPeers(path); len(got) != 0 {
		t.Errorf("a missing file holds %v", got)
	}
	want := map[string]uint64{"node2": 1795220914, "node3": 7}
	if err := WritePeers(path, want); err != nil {
		t.Fatal(err)
	}
	if got := ReadPeers(path); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	b, _ := os.ReadFile(path)
	if string(b) != "node2 1795220914\nnode3 7\n" {
		t.Errorf("the file is %q", b)
	}
}

func FuzzPeers(f *testing.F) {
	f.Add([]byte("node2 1795220914\nnode3 7\n"))
	f.Add([]byte("node2 -1\n\x00 5\nnode3 99999999999999999999\nx y z\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, gen := range ParsePeers(data) {
			if name == "" || gen > maxGeneration {
				t.Errorf("%q %d", name, gen)
			}
		}
	})
}
