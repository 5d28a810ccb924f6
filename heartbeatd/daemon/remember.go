package daemon

import (
	"maps"
	"path/filepath"
	"sync"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/daemon/state"
)

func (p Paths) peers() string { return filepath.Join(p.State, "hb_peers") }

// memory is the generations of the other nodes on the disk. The loop never waits for the
// disk: what is lost with the power a moment later was of no use yet.
type memory struct {
	known   map[string]uint64 // the loop's
	version int               // the loop's

	mu      sync.Mutex // guards the file and written
	written int
}

// load reads what earlier runs knew of the configured nodes.
func (m *memory) load(path string, nodes []string) map[string]uint64 {
	m.known = map[string]uint64{}
	was := state.ReadPeers(path)
	for _, n := range nodes {
		if gen, ok := was[n]; ok {
			m.known[n] = gen
		}
	}
	return maps.Clone(m.known)
}

// remember carries out the core's action.
func (d *Daemon) remember(a cluster.Remember) {
	m := &d.memory
	if old, ok := m.known[a.Node]; ok && old == a.Generation {
		return
	}
	if m.known == nil {
		m.known = map[string]uint64{}
	}
	m.known[a.Node] = a.Generation
	m.version++
	known, version := maps.Clone(m.known), m.version
	d.spawn(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if version < m.written {
			return // a later one was faster
		}
		m.written = version
		if err := state.WritePeers(d.paths.peers(), known); err != nil {
			d.log.Warnf("the generations of the other nodes cannot be kept: %v", err)
		}
	})
}
