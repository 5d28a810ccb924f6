package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/config"
	"classicha/drbdd/control"
	"classicha/drbdd/control/options"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// handle answers a request of a tool.
func (s *Server) handle(ctx context.Context, q control.Request, reply func(control.Answer) error) {
	if control.IsQuery(q.Cmd) {
		s.query(ctx, q, reply)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, control.Limit(q.Cmd))
	defer cancel()
	a := s.change(ctx, q)
	a.Now, a.Last = time.Now().UnixNano(), true
	reply(a)
}

// selected are the resources that a query is about.
func (s *Server) selected(q control.Request) ([]control.Resource, control.Answer) {
	switch {
	case q.Resource != "":
		if r := s.resource(q.Resource); r != nil {
			return []control.Resource{r.describe()}, control.Answer{}
		}
		return nil, control.Answer{Error: control.ErrResourceUnknown, Info: []string{"unknown resource"}}
	case q.All || q.Minor < 0:
		return s.describeAll(), control.Answer{}
	}
	if v := s.minor(q.Minor); v != nil {
		return []control.Resource{v.r.describe()}, control.Answer{}
	}
	return nil, control.Answer{Error: control.ErrMinorUnknown, Info: []string{"unknown minor"}}
}

func (s *Server) query(ctx context.Context, q control.Request, reply func(control.Answer) error) {
	events, stop := s.watch()
	defer stop()
	answer := func(helper *control.Helper) error {
		rs, a := s.selected(q)
		if helper != nil {
			return reply(control.Answer{Helper: helper, Now: time.Now().UnixNano()})
		}
		if a.Error != 0 && q.Follow {
			a.Last = true
		}
		a.Resources, a.Now = rs, time.Now().UnixNano()
		return reply(a)
	}
	if answer(nil) != nil || !q.Follow {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.ctx.Done():
			return
		case e := <-events:
			if answer(e.helper) != nil {
				return
			}
		}
	}
}

// result is the answer for what the core replied.
func result(a replica.Reply, err error) control.Answer {
	switch {
	case err != nil:
		return control.Answer{Usage: err.Error()}
	case a.Error != 0:
		return control.Answer{Error: a.Error, Info: a.Info}
	case !a.Code.Ok():
		// UnknownError is 0 in the core's count, where 0 means success here.
		if a.Code == wire.UnknownError {
			return control.Answer{Usage: "State change failed", Info: a.Info}
		}
		return control.Answer{State: int(a.Code), Info: a.Info}
	}
	return control.Answer{}
}

func refused(code int, info ...string) control.Answer { return control.Answer{Error: code, Info: info} }

// change carries a command out.
func (s *Server) change(ctx context.Context, q control.Request) control.Answer {
	switch q.Cmd {
	case "probe":
		for _, r := range s.all() {
			if _, err := r.command(ctx, replica.Probe{}); err != nil {
				return control.Answer{Usage: err.Error()}
			}
		}
		return control.Answer{}
	case "new-resource":
		return s.newResource(q)
	case "connect", "net-options", "disconnect", "resource-options", "del-resource", "down", "new-minor":
		r := s.resource(q.Resource)
		if r == nil && len(q.Args) == 2 {
			r = s.byAddresses(q.Args[0], q.Args[1])
			if r == nil && q.Resource == "" {
				return refused(control.ErrInvalidRequest, "unknown connection")
			}
		}
		if r == nil && q.Minor >= 0 {
			if v := s.minor(q.Minor); v != nil && q.Cmd != "new-minor" {
				r = v.r
			}
		}
		if r == nil {
			if q.Cmd == "down" {
				return control.Answer{}
			}
			return refused(control.ErrResourceUnknown, "unknown resource")
		}
		return s.changeResource(ctx, r, q)
	}
	v := s.minor(q.Minor)
	if v == nil {
		return refused(control.ErrMinorUnknown, "unknown minor")
	}
	return s.changeVolume(ctx, v, q)
}

func (s *Server) byAddresses(local, remote string) *resource {
	for _, r := range s.all() {
		r.mu.Lock()
		ok := r.local == local && r.remote == remote && r.net != nil
		r.mu.Unlock()
		if ok {
			return r
		}
	}
	return nil
}

func (s *Server) newResource(q control.Request) control.Answer {
	s.config.Lock()
	defer s.config.Unlock()
	if q.Resource == "" || q.Resource == "all" || strings.ContainsAny(q.Resource, "/ \t\n") {
		return refused(control.ErrInvalidRequest, "invalid resource name")
	}
	if s.resource(q.Resource) != nil {
		return control.Answer{}
	}
	o, err := options.Resource(q.Options)
	if err != nil {
		return control.Answer{Usage: err.Error()}
	}
	r, err := newResource(s, q.Resource, o)
	if err != nil {
		return control.Answer{Usage: err.Error()}
	}
	r.options = maps.Clone(q.Options)
	s.mu.Lock()
	s.resources = append(s.resources, r)
	slices.SortFunc(s.resources, func(a, b *resource) int { return strings.Compare(a.name, b.name) })
	s.mu.Unlock()
	s.save()
	return control.Answer{}
}

// changeResource carries out a command about a whole resource.
func (s *Server) changeResource(ctx context.Context, r *resource, q control.Request) control.Answer {
	if q.Cmd != "down" && q.Cmd != "disconnect" {
		s.config.Lock()
		defer s.config.Unlock()
	}
	defer s.save()
	switch q.Cmd {
	case "resource-options":
		r.mu.Lock()
		m := options.Merge(config.SectionOptions, r.options, q.Options, q.Defaults)
		r.mu.Unlock()
		o, err := options.Resource(m)
		if err != nil {
			return control.Answer{Usage: err.Error()}
		}
		a := result(r.command(ctx, replica.ResourceOptionsCmd{Options: o}))
		if a.Error == 0 && a.Usage == "" {
			r.mu.Lock()
			r.options = m
			r.mu.Unlock()
		}
		return a
	case "new-minor":
		return s.newMinor(ctx, r, q)
	case "del-resource":
		if len(r.volumes()) > 0 {
			return refused(control.ErrResourceInUse)
		}
		s.remove(r)
		return control.Answer{}
	case "connect":
		return s.connect(ctx, r, q)
	case "net-options":
		return s.netOptions(ctx, r, q)
	case "disconnect":
		a := result(r.command(ctx, replica.Disconnect{Force: q.Options["force"] == "yes"}))
		r.mu.Lock()
		if a.Error == 0 && a.State == 0 && a.Usage == "" {
			r.net, r.local, r.remote = nil, "", ""
		}
		r.mu.Unlock()
		return a
	}
	return s.down(ctx, r)
}

func (s *Server) newMinor(ctx context.Context, r *resource, q control.Request) control.Answer {
	if v := s.minor(q.Minor); v != nil && v.r != r {
		return refused(control.ErrMinorExists, "minor exists in different resource")
	}
	return s.addMinor(ctx, r, replica.NewMinor{Vol: q.Volume, Minor: q.Minor})
}

func (s *Server) addMinor(ctx context.Context, r *resource, d replica.NewMinor) control.Answer {
	a := result(r.command(ctx, d))
	if a.Error == 0 && a.Usage == "" && r.volume(d.Vol) == nil {
		r.mu.Lock()
		r.vols = append(r.vols, newVolume(r, d.Vol, d.Minor))
		slices.SortFunc(r.vols, func(a, b *volume) int { return a.nr - b.nr })
		r.mu.Unlock()
	}
	return a
}

// remove forgets a resource that has nothing any more.
func (s *Server) remove(r *resource) {
	r.end()
	s.mu.Lock()
	s.resources = slices.DeleteFunc(s.resources, func(x *resource) bool { return x == r })
	s.mu.Unlock()
	s.changed()
}

// down ends everything of a resource.
func (s *Server) down(ctx context.Context, r *resource) control.Answer {
	vols := r.volumes()
	for _, v := range vols {
		if a := s.closeFront(ctx, v); a != nil {
			a.Info = append(a.Info, "failed to demote")
			return *a
		}
	}
	a := result(r.command(ctx, replica.DownCmd{}))
	if a.Error != 0 || a.State != 0 || a.Usage != "" {
		return a
	}
	for _, v := range vols {
		v.stopResuming()
	}
	r.mu.Lock()
	r.vols = nil
	r.mu.Unlock()
	s.remove(r)
	return a
}

// closeFront takes the device of a volume away; nil means that it is gone.
func (s *Server) closeFront(ctx context.Context, v *volume) *control.Answer {
	err := v.close(ctx)
	if err == nil {
		return nil
	}
	var busy *blockdev.BusyError
	if errors.As(err, &busy) {
		a := control.Answer{State: int(wire.DeviceInUse)}
		for _, h := range busy.Holders {
			a.Info = append(a.Info, fmt.Sprintf("%s is held by %s", busy.Device, h))
		}
		return &a
	}
	return &control.Answer{Usage: fmt.Sprintf("cannot take %s away: %v", v.name(), err)}
}

func (s *Server) connect(ctx context.Context, r *resource, q control.Request) control.Answer {
	if len(q.Args) != 2 {
		return control.Answer{Usage: "connect needs two addresses"}
	}
	for _, a := range q.Args {
		if _, err := parseAddr(a); err != nil {
			return control.Answer{Usage: err.Error()}
		}
	}
	r.mu.Lock()
	configured := r.net != nil && r.view.Net != nil
	r.mu.Unlock()
	if configured {
		return refused(control.ErrNetConfigured)
	}
	for _, o := range s.all() {
		o.mu.Lock()
		local, used := o.local == q.Args[0], o.net != nil && o.view.Net != nil
		remote := o.remote == q.Args[1]
		o.mu.Unlock()
		if o == r || !used {
			continue
		}
		if local {
			return refused(control.ErrLocalAddr)
		}
		if remote {
			return refused(control.ErrRemoteAddr)
		}
	}
	r.mu.Lock()
	words := maps.Clone(r.waiting)
	r.mu.Unlock()
	if words == nil {
		words = map[string]string{}
	}
	maps.Copy(words, q.Options)
	o, err := options.Net(words)
	if err == nil {
		_, err = options.SocketOptions(words)
	}
	if err != nil {
		return control.Answer{Usage: err.Error()}
	}
	if code := unknownAlgorithm(words); code != 0 {
		return refused(code)
	}
	kept := options.Merge(config.SectionNet, nil, words, true)
	r.mu.Lock()
	r.local, r.remote = q.Args[0], q.Args[1]
	r.net = kept
	r.mu.Unlock()
	a := result(r.command(ctx, replica.Connect{Options: o}))
	if a.Error != 0 || a.State != 0 || a.Usage != "" {
		r.mu.Lock()
		r.net, r.local, r.remote = nil, "", ""
		r.mu.Unlock()
	}
	return a
}

// unknownAlgorithm is the error of an option that names a digest that we do not
// have.
func unknownAlgorithm(m map[string]string) int {
	for name, code := range map[string]int{
		"cram-hmac-alg": control.ErrAuthAlg, "data-integrity-alg": control.ErrIntegrityAlg,
		"csums-alg": control.ErrCsumsAlg, "verify-alg": control.ErrVerifyAlg,
	} {
		if alg := m[name]; alg != "" {
			if _, ok := wire.DigestSize(alg); !ok || name == "cram-hmac-alg" && alg == "crc32c" {
				return code
			}
		}
	}
	return 0
}

func (s *Server) netOptions(ctx context.Context, r *resource, q control.Request) control.Answer {
	r.mu.Lock()
	m := options.Merge(config.SectionNet, r.net, q.Options, q.Defaults)
	configured := r.net != nil
	r.mu.Unlock()
	if !configured && q.Keep {
		// The old syncer comes before net: what it says waits for connect.
		if _, err := options.Net(q.Options); err != nil {
			return control.Answer{Usage: err.Error()}
		}
		r.mu.Lock()
		r.waiting = options.Merge(config.SectionNet, r.waiting, q.Options, q.Defaults)
		r.mu.Unlock()
		return control.Answer{}
	}
	if !configured {
		return refused(control.ErrInvalidRequest, "unknown connection")
	}
	o, err := options.Net(m)
	if err != nil {
		return control.Answer{Usage: err.Error()}
	}
	if code := unknownAlgorithm(m); code != 0 {
		return refused(code)
	}
	a := result(r.command(ctx, replica.NetOptionsCmd{Options: o}))
	if a.Error == 0 && a.Usage == "" {
		r.mu.Lock()
		r.net = m
		r.mu.Unlock()
	}
	return a
}

func number(m map[string]string, name string) uint64 {
	n, _ := strconv.ParseUint(m[name], 10, 64)
	return n
}
