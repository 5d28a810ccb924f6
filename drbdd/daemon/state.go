package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
				if w.Vol == v.nr && (w.Role == wire.Primary || w.Waits) {
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
			// A device that the keeper has was there, and its node was Primary, unless somebody made it
			// Secondary since. Without it nobody has the device open, and the cluster manager promotes
			// when it wants.
			if v := r.volume(y.Vol); v != nil && kept[v.name()] && (y.Exposed != 0 || s.waitedFor(v) != nil) {
				s.goOn(v, x.Connected)
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
