package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"classicha/drbdd/blockdev/fuse/keeper"
	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/status"
	"classicha/internal/hlog"
)

// Version is what /proc/drbd names: the version whose behaviour we have.
const Version = "8.4.11"

// Server is the daemon.
type Server struct {
	set  Settings
	log  *hlog.Logger
	stop context.CancelFunc
	ctx  context.Context

	mu        sync.Mutex
	resources []*resource // by name
	watchers  map[chan event]bool
	saving    sync.Mutex
	splits    splits
	keepState atomic.Bool // the state file stays as it is

	config   sync.Mutex // commands that change what is configured, one after the other
	keeperMu sync.Mutex
	keeper   *keeper.Client
	noRing   sync.Once     // told that there is no io_uring
	pid      *os.File      // locked
	poke     chan struct{} // something changed
}

// event is what followers are told: a change, or a handler.
type event struct{ helper *control.Helper }

// NewServer makes a daemon; Run is its life.
func NewServer(set Settings, log *hlog.Logger) *Server {
	s := &Server{set: set, log: log, watchers: map[chan event]bool{}, poke: make(chan struct{}, 1)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.splits.load(s)
	return s
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	for _, d := range []string{s.set.RunDir, filepath.Dir(s.set.ProcFile)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	ln, err := control.Listen(s.set.Socket)
	if err != nil {
		return err
	}
	go s.follow()
	s.restore()
	served := make(chan error, 1)
	go func() { served <- control.Serve(ln, s.handle) }()
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	ln.Close()
	s.handOver()
	s.stop()
	os.Remove(s.set.ProcFile) // as /proc/drbd goes with the module
	return err
}

// logf writes a line of the log; what is a device, a resource or drbd itself.
func (s *Server) logf(l replica.Level, what any, format string, args ...any) {
	if v, ok := what.(*volume); ok {
		what = "block " + v.name()
	}
	level := hlog.Info
	switch l {
	case replica.Debug:
		level = hlog.Debug
	case replica.Notice:
		level = hlog.Notice
	case replica.Warn:
		level = hlog.Warn
	case replica.Error:
		level = hlog.Error
	case replica.Alert:
		level = hlog.Alert
	}
	s.log.Log(level, fmt.Sprintf("%s: %s", what, strings.TrimRight(fmt.Sprintf(format, args...), "\n")))
}

// changed tells that a state changed.
func (s *Server) changed() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// helper tells followers of a handler.
func (s *Server) helper(h control.Helper) { s.tell(event{&h}) }

func (s *Server) tell(e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		select {
		case w <- e:
		default: // it is slow; the next event has everything
		}
	}
}

// watch is told of each change until the returned function is called.
func (s *Server) watch() (<-chan event, func()) {
	ch := make(chan event, 64)
	s.mu.Lock()
	s.watchers[ch] = true
	s.mu.Unlock()
	return ch, func() {
		s.mu.Lock()
		delete(s.watchers, ch)
		s.mu.Unlock()
	}
}

// follow does what follows changes: the /proc text, dependencies between
// resyncs, those who watch. While something is under way it looks once a
// second.
func (s *Server) follow() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	last := ""
	for {
		quick := false
		select {
		case <-s.ctx.Done():
			return
		case <-s.poke:
			quick = true
		case <-t.C:
		}
		if quick {
			s.dependencies()
			s.tell(event{})
		}
		var b strings.Builder
		rs := s.describeAll()
		status.Proc(&b, rs, s.set.Style, status.Build)
		if text := b.String(); text != last {
			last = text
			if err := writeFile(s.set.ProcFile, []byte(text), 0o644); err != nil {
				s.logf(replica.Warn, "drbd", "%s: %v", s.set.ProcFile, err)
			}
			if !quick && syncing(rs) {
				s.tell(event{})
			}
		}
		if quick { // not more often than some times a second
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

func syncing(rs []control.Resource) bool {
	for _, r := range rs {
		for _, v := range r.View.Volumes {
			if v.Progress != nil {
				return true
			}
		}
	}
	return false
}

// writeFile replaces a file as a whole.
func writeFile(path string, data []byte, mode os.FileMode) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func (s *Server) all() []*resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.resources)
}

func (s *Server) resource(name string) *resource {
	for _, r := range s.all() {
		if r.name == name {
			return r
		}
	}
	return nil
}

// minor finds a volume by its device number.
func (s *Server) minor(n int) *volume {
	for _, r := range s.all() {
		for _, v := range r.volumes() {
			if v.minor == n {
				return v
			}
		}
	}
	return nil
}

// describe is a resource for the tools.
func (r *resource) describe() control.Resource {
	var w replica.View
	r.loop.call(func(c *replica.Resource) { w = c.View() })
	r.s.splits.see(w)
	r.mu.Lock()
	defer r.mu.Unlock()
	out := control.Resource{View: w, Options: r.options, Net: r.net, Local: r.local, Remote: r.remote}
	for _, x := range w.Volumes {
		var cv control.Volume
		for _, v := range r.vols {
			if v.nr == x.Vol {
				cv = control.Volume{Device: v.device(), Disk: v.lower, Meta: v.meta, Index: v.index, Options: v.options, Split: r.s.splits.of(r.name, v.nr)}
			}
		}
		out.Volumes = append(out.Volumes, cv)
	}
	return out
}

func (s *Server) describeAll() (out []control.Resource) {
	for _, r := range s.all() {
		out = append(out, r.describe())
	}
	return out
}

// dependencies pauses resyncs that have to wait for another (resync-after).
func (s *Server) dependencies() {
	type state struct {
		v *volume
		w replica.VolumeView
	}
	by := map[int]state{}
	for _, r := range s.all() {
		r.mu.Lock()
		view := r.view
		for _, v := range r.vols {
			for _, w := range view.Volumes {
				if w.Vol == v.nr {
					by[v.minor] = state{v, w}
				}
			}
		}
		r.mu.Unlock()
	}
	for minor, st := range by {
		if !st.w.HasDisk {
			continue
		}
		on := false
		for after, n := st.w.Options.ResyncAfter, 0; after >= 0 && n < len(by); n++ {
			o, ok := by[after]
			if !ok || after == minor {
				break
			}
			if o.w.Progress != nil && !o.w.Progress.Verify || o.w.UserISP || o.w.PeerISP {
				on = true
			}
			after = o.w.Options.ResyncAfter
			if !o.w.HasDisk {
				break
			}
		}
		if on != st.w.AftrISP {
			r, vol, on := st.v.r, st.v.nr, on
			go r.command(s.ctx, replica.PauseAfter{Vol: vol, On: on})
		}
	}
}
