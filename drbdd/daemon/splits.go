package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// splits is what was seen of the generations of the data of each volume: when this
// node began one of its own, and what the peer said of its. It is for people who have
// to decide after a split brain; nothing else follows from it. Its file stands beside
// the state file, so it outlives the daemon and not a boot.
type splits struct {
	s       *Server
	mu      sync.Mutex
	m       map[string]control.Split // by resource/volume
	watched map[string]bool          // its disk was there the last time, so that a change is seen when it happens
}

func (x *splits) file() string { return filepath.Join(x.s.set.RunDir, "splits.json") }

func volumeKey(name string, vol int) string { return fmt.Sprintf("%s/%d", name, vol) }

func (x *splits) load(s *Server) {
	x.s, x.m, x.watched = s, map[string]control.Split{}, map[string]bool{}
	b, err := os.ReadFile(x.file())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = json.Unmarshal(b, &x.m)
	}
	if err != nil || x.m == nil {
		x.m = map[string]control.Split{}
		s.logf(replica.Notice, "drbd", "when the data of the devices last changed is not known: %v", err)
	}
}

// write is called with mu.
func (x *splits) write() {
	b, err := json.MarshalIndent(x.m, "", " ")
	if err == nil {
		err = writeFile(x.file(), b, 0o600)
	}
	if err != nil {
		x.s.logf(replica.Notice, "drbd", "when the data of the devices changed cannot be noted: %v", err)
	}
}

func (x *splits) of(name string, vol int) control.Split {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.m[volumeKey(name, vol)]
}

// see compares a resource with what it was.
func (x *splits) see(w replica.View) {
	x.mu.Lock()
	defer x.mu.Unlock()
	changed := false
	for _, v := range w.Volumes {
		key := volumeKey(w.Name, v.Vol)
		if !v.HasDisk {
			delete(x.watched, key)
			continue
		}
		old := x.m[key]
		now := follow(old, v, x.watched[key], time.Now().UnixNano())
		x.watched[key] = true
		if now != old {
			x.m[key] = now
			changed = true
		}
	}
	if changed {
		x.write()
	}
}

// follow is a record after the volume became v. watched: the record is that of just
// before.
func follow(x control.Split, v replica.VolumeView, watched bool, now int64) control.Split {
	if current := v.UUIDs.Current &^ 1; current != x.Current {
		old := x.Current
		x.Current, x.Since, x.Role = current, 0, wire.RoleUnknown
		if watched && old != 0 && v.UUIDs.Bitmap&^1 == old { // begun here, not taken over from the peer
			x.Since, x.Role = now, v.Role
		}
	}
	switch {
	case v.Role == wire.Primary:
		x.Until = primaryNow
	case x.Until == primaryNow:
		x.Until = 0
		if watched {
			x.Until = now
		}
	}
	if p := x.Peer; p != nil && v.Conn >= wire.Connected && !p.Accepted {
		said := *p
		said.Accepted = true
		x.Peer = &said
	}
	return x
}

// primaryNow stands in the record for a node that is Primary.
const primaryNow = -1

// heard notes what the peer tells of its volume. It is called in the loop.
func (r *resource) heard(p replica.Packet) {
	x := &r.s.splits
	x.mu.Lock()
	defer x.mu.Unlock()
	key := volumeKey(r.name, p.Vol)
	rec := x.m[key]
	switch b := p.Body.(type) {
	case wire.UUIDs:
		said := control.PeerSaid{At: time.Now().UnixNano(), UUIDs: b, Accepted: r.agreed(p.Vol)}
		if rec.Peer != nil && said.Accepted {
			said.Role = rec.Peer.Role
		}
		rec.Peer = &said
	case wire.StateInfo:
		if rec.Peer == nil || rec.Peer.Role == b.State.Role() {
			return
		}
		said := *rec.Peer
		said.Role = b.State.Role()
		rec.Peer = &said
	default:
		return
	}
	x.m[key] = rec
	x.write()
}

// agreed tells whether the handshake of a volume is over.
func (r *resource) agreed(vol int) bool {
	for _, v := range r.view.Volumes { // changed in the loop only
		if v.Vol == vol {
			return v.Conn >= wire.Connected
		}
	}
	return false
}
