package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// saved is the state file: what a successor of a killed daemon has to set up
// again. It lives below /run, so it does not outlive a boot.
type saved struct {
	Resources []savedResource
}

type savedResource struct {
	Name          string
	Options       map[string]string
	Net           map[string]string `json:",omitempty"`
	Connected     bool              // has a network configuration
	Local, Remote string            `json:",omitempty"`
	Volumes       []savedVolume
}

type savedVolume struct {
	Vol, Minor         int
	Lower, Meta, Index string            `json:",omitempty"`
	Options            map[string]string `json:",omitempty"`
	Exposed            uint64            `json:",omitempty"` // UUID of the data that applications saw
}

func (s *Server) stateFile() string { return filepath.Join(s.set.RunDir, "state.json") }

// save writes the state file. While that of a predecessor is being restored it
// stays as it is: we may be killed, too, before we have all of it.
func (s *Server) save() {
	if s.keepState.Load() {
		return
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	var out saved
	for _, r := range s.all() {
		r.mu.Lock()
		x := savedResource{Name: r.name, Options: r.options, Net: r.net, Connected: r.net != nil && r.view.Net != nil, Local: r.local, Remote: r.remote}
		for _, v := range r.vols {
			y := savedVolume{Vol: v.nr, Minor: v.minor, Lower: v.lower, Meta: v.meta, Index: v.index, Options: v.options}
			for _, w := range r.view.Volumes {
				if w.Vol == v.nr && w.Role == wire.Primary {
					y.Exposed = w.Exposed
				}
			}
			x.Volumes = append(x.Volumes, y)
		}
		r.mu.Unlock()
		out.Resources = append(out.Resources, x)
	}
	b, err := json.MarshalIndent(out, "", " ")
	if err == nil {
		err = writeFile(s.stateFile(), b, 0o600)
	}
	if err != nil {
		s.logf(replica.Error, "drbd", "the state file cannot be written, a successor of this daemon will not go on with its devices: %v", err)
	}
}

// restore sets up what a predecessor had that was killed. Devices that
// applications have open go on: their node becomes Primary again, as one that
// crashed and is back.
func (s *Server) restore() {
	b, err := os.ReadFile(s.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var in saved
	if err == nil {
		err = json.Unmarshal(b, &in)
	}
	if err != nil {
		s.logf(replica.Error, "drbd", "the state of the last drbdd cannot be read, nothing of it is set up again: %v", err)
		return
	}
	s.keepState.Store(true)
	kept := s.kept()
	ctx := s.ctx
	for _, x := range in.Resources {
		s.logf(replica.Info, "drbd "+x.Name, "set up again after the last drbdd ended")
		s.must(x.Name, "new-resource", s.newResource(control.Request{Cmd: "new-resource", Resource: x.Name, Options: x.Options}))
		r := s.resource(x.Name)
		if r == nil {
			continue
		}
		for _, y := range x.Volumes {
			exposed := y.Exposed
			if !kept[fmt.Sprintf("drbd%d", y.Minor)] {
				exposed = 0 // no application waits
			}
			s.must(x.Name, "new-minor", s.addMinor(ctx, r, replica.NewMinor{Vol: y.Vol, Minor: y.Minor, Exposed: exposed}))
			v := r.volume(y.Vol)
			if v == nil || y.Lower == "" {
				continue
			}
			s.must(x.Name, "attach", s.attach(ctx, v, control.Request{Args: []string{y.Lower, y.Meta, y.Index}, Options: y.Options}))
		}
		if x.Connected {
			s.must(x.Name, "connect", s.connect(ctx, r, control.Request{Args: []string{x.Local, x.Remote}, Options: x.Net}))
		}
		for _, y := range x.Volumes {
			// A device that the keeper has was there: its node was Primary, or about to be. Without
			// it nobody has the device open, and the cluster manager promotes when it wants.
			if v := r.volume(y.Vol); v != nil && kept[v.name()] {
				go s.resume(ctx, v, x.Connected)
			}
		}
	}
	s.keepState.Store(false)
	s.save()
}

func (s *Server) must(name, what string, a control.Answer) {
	if a.Error != 0 || a.State != 0 || a.Usage != "" {
		text := a.Usage
		if a.Error != 0 {
			text = control.ErrorText(a.Error)
		}
		s.logf(replica.Error, "drbd "+name, "%s after the end of the last drbdd: %s %v", what, text, a.Info)
	}
}

// peerPatience is how long a returned Primary waits for its peer before it goes
// on alone: applications stand still meanwhile, but a peer that was promoted in
// the meantime is noticed.
const peerPatience = 5 * time.Second

// resume makes a device go on that applications have open. Until that works they
// wait.
func (s *Server) resume(ctx context.Context, v *volume, connected bool) {
	if connected {
		events, stop := s.watch()
		limit := time.NewTimer(peerPatience)
		for waiting := true; waiting && !v.met(); {
			select {
			case <-ctx.Done():
				stop()
				return
			case <-limit.C:
				waiting = false
			case <-events:
			}
		}
		limit.Stop()
		stop()
	}
	for {
		a := s.promote(ctx, v, false)
		if a.Error == 0 && a.State == 0 && a.Usage == "" {
			s.logf(replica.Info, v, "Primary again; applications go on")
			return
		}
		s.logf(replica.Error, v, "cannot be Primary again (%s%s); applications that have it open wait", a.Usage, wire.Result(a.State).Text())
		select {
		case <-ctx.Done():
			return
		case <-time.After(2 * time.Second):
		}
	}
}

// met tells whether the peer was heard.
func (v *volume) met() bool {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	for _, w := range v.r.view.Volumes {
		if w.Vol == v.nr {
			return w.Conn >= wire.Connected
		}
	}
	return false
}
