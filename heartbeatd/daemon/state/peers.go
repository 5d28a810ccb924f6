package state

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxPeersFile bounds what is read of hb_peers.
const maxPeersFile = 1 << 20

// ReadPeers reads the generations of the other nodes, as WritePeers left them. A file that
// is missing or damaged is as one without lines: it only guards against repeated packets.
func ReadPeers(path string) map[string]uint64 {
	b, err := readSmall(path, maxPeersFile)
	if err != nil {
		return nil
	}
	return ParsePeers(b)
}

// ParsePeers understands lines of a name and a decimal number; others are left out.
func ParsePeers(data []byte) map[string]uint64 {
	known := map[string]uint64{}
	for _, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		if gen, err := strconv.ParseUint(f[1], 10, 64); err == nil && gen <= maxGeneration {
			known[f[0]] = gen
		}
	}
	return known
}

// WritePeers replaces the file durably.
func WritePeers(path string, known map[string]uint64) error {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(known)) {
		b = fmt.Appendf(b, "%s %d\n", name, known[name])
	}
	return writeDurably(path, b, 0o644)
}
