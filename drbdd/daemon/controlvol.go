package daemon

import (
	"context"
	"fmt"
	"maps"
	"time"

	"classicha/drbdd/config"
	"classicha/drbdd/control"
	"classicha/drbdd/control/options"
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
)

// changeVolume carries out a command about one device.
func (s *Server) changeVolume(ctx context.Context, v *volume, q control.Request) control.Answer {
	r := v.r
	do := func(verb replica.Verb) control.Answer { return result(r.command(ctx, verb)) }
	force := q.Options["force"] == "yes" || q.Options["overwrite-data-of-peer"] == "yes"
	switch q.Cmd {
	case "attach":
		return s.attach(ctx, v, q)
	case "disk-options":
		return s.diskOptions(ctx, v, q)
	case "del-minor":
		return s.delMinor(ctx, v)
	case "detach":
		defer s.save()
		return do(replica.DetachCmd{Vol: v.nr, Force: force})
	case "primary":
		was := v.primary()
		a := s.promote(ctx, v, force)
		if ctx.Err() != nil && !was {
			s.withdraw(v)
		}
		return a
	case "secondary":
		return s.demote(ctx, v)
	case "invalidate":
		return do(replica.Invalidate{Vol: v.nr})
	case "invalidate-remote":
		return do(replica.InvalidateRemote{Vol: v.nr})
	case "pause-sync", "resume-sync":
		return do(replica.PauseSync{Vol: v.nr, On: q.Cmd == "pause-sync"})
	case "suspend-io", "resume-io":
		return do(replica.SuspendIO{Vol: v.nr, On: q.Cmd == "suspend-io"})
	case "outdate":
		return do(replica.Outdate{Vol: v.nr})
	case "verify":
		return do(replica.Verify{Vol: v.nr, Start: number(q.Options, "start"), Stop: number(q.Options, "stop")})
	case "resize":
		return s.resize(ctx, v, q)
	case "save-changes":
		return s.saveChanges(ctx, v, q)
	case "new-current-uuid":
		return do(replica.NewCurrentUUID{Vol: v.nr, Clear: q.Options["clear-bitmap"] == "yes"})
	}
	return control.Answer{Usage: fmt.Sprintf("drbdd has no command %q", q.Cmd)}
}

// withdraw ends a promotion that nobody waits for any more: who wanted it was killed, or has
// given up, and takes the node for Secondary.
func (s *Server) withdraw(v *volume) {
	if v.isResuming() {
		return // it is wanted all the same
	}
	ctx, stop := context.WithTimeout(s.ctx, 5*time.Second)
	defer stop()
	s.logf(replica.Warn, v, "nobody waits for the promotion any more: it is withdrawn")
	s.demote(ctx, v)
}

// demote makes the node Secondary, and the device go.
func (s *Server) demote(ctx context.Context, v *volume) control.Answer {
	defer s.save()
	resuming := v.stopResuming()
	if a := s.closeFront(ctx, v); a != nil {
		if resuming != nil {
			s.goOn(v, resuming.connected)
		}
		return *a
	}
	a := result(v.r.command(ctx, replica.SecondaryCmd{Vol: v.nr}))
	switch {
	case a.Error == 0 && a.State == 0 && a.Usage == "":
	case resuming != nil:
		s.goOn(v, resuming.connected) // applications wait for it
	case a.State != 0 || a.Usage != "":
		// Still Primary: the device comes back.
		if err := v.open(ctx); err != nil {
			a.Info = append(a.Info, err.Error())
		}
	}
	return a
}

// promote makes the node Primary, and the device appear.
func (s *Server) promote(ctx context.Context, v *volume, force bool) control.Answer {
	defer s.save()
	a := result(v.r.command(ctx, replica.PrimaryCmd{Vol: v.nr, Force: force}))
	if a.Error != 0 || a.State != 0 || a.Usage != "" {
		return a
	}
	if v.Info().Size == 0 { // the size of the peer is on its way
		for i := 0; i < 50 && v.Info().Size == 0 && ctx.Err() == nil; i++ {
			time.Sleep(20 * time.Millisecond)
		}
	}
	if err := v.open(ctx); err != nil {
		back := result(v.r.command(ctx, replica.SecondaryCmd{Vol: v.nr}))
		s.logf(replica.Error, v, "the device cannot be made: %v", err)
		return control.Answer{Usage: fmt.Sprintf("cannot make the device of %s: %v", v.name(), err), Info: back.Info}
	}
	return a
}

func (s *Server) attach(ctx context.Context, v *volume, q control.Request) control.Answer {
	s.config.Lock()
	defer s.config.Unlock()
	if len(q.Args) != 3 {
		return control.Answer{Usage: "attach needs LOWER_DEV META_DEV META_INDEX"}
	}
	busy := false
	v.r.loop.call(func(*replica.Resource) { busy = v.disk != nil })
	if busy {
		return refused(control.ErrDiskConfigured)
	}
	v.r.mu.Lock()
	words := maps.Clone(v.waiting)
	v.r.mu.Unlock()
	if words == nil {
		words = map[string]string{}
	}
	maps.Copy(words, q.Options)
	o, err := options.Disk(words)
	if err != nil {
		return control.Answer{Usage: err.Error()}
	}
	st, at, err := openStore(v.r.ring, q.Args[0], q.Args[1], q.Args[2], o)
	if err != nil {
		if e, ok := err.(*storeError); ok && e.usage == "" {
			return refused(e.code)
		}
		return control.Answer{Usage: err.Error()}
	}
	at.Vol = v.nr
	v.r.loop.call(func(*replica.Resource) {
		v.disk = st
		v.blockSize = st.data.Info().BlockSize
	})
	v.r.mu.Lock()
	v.lower, v.meta, v.index = q.Args[0], q.Args[1], q.Args[2]
	v.options = options.Merge(config.SectionDisk, nil, words, true)
	v.r.mu.Unlock()
	a := result(v.r.command(ctx, at))
	if a.Error != 0 || a.State != 0 || a.Usage != "" {
		open := false // the core closes a disk that failed after it was taken
		v.r.loop.call(func(*replica.Resource) {
			if open = v.disk == st; open {
				v.disk = nil
			}
		})
		v.r.mu.Lock()
		v.lower, v.meta, v.index, v.options = "", "", "", nil
		v.r.mu.Unlock()
		if open {
			st.close()
		}
	}
	s.save()
	return a
}

func (s *Server) diskOptions(ctx context.Context, v *volume, q control.Request) control.Answer {
	defer s.save()
	v.r.mu.Lock()
	if q.Keep && v.lower == "" {
		_, err := options.Disk(q.Options)
		if err == nil {
			v.waiting = options.Merge(config.SectionDisk, v.waiting, q.Options, q.Defaults)
		}
		v.r.mu.Unlock()
		if err != nil {
			return control.Answer{Usage: err.Error()}
		}
		return control.Answer{}
	}
	m := options.Merge(config.SectionDisk, v.options, q.Options, q.Defaults)
	for _, k := range []string{"size", "max-bio-bvecs"} { // attach and resize only
		if x, ok := v.options[k]; ok {
			m[k] = x
		}
	}
	v.r.mu.Unlock()
	o, err := options.Disk(m)
	if err != nil {
		return control.Answer{Usage: err.Error()}
	}
	a := result(v.r.command(ctx, replica.DiskOptionsCmd{Vol: v.nr, Options: o}))
	if a.Error == 0 && a.Usage == "" {
		v.r.mu.Lock()
		v.options = m
		v.r.mu.Unlock()
		s.changed()
	}
	return a
}

func (s *Server) delMinor(ctx context.Context, v *volume) control.Answer {
	defer s.save()
	if a := s.closeFront(ctx, v); a != nil {
		return *a
	}
	a := result(v.r.command(ctx, replica.DelMinor{Vol: v.nr}))
	if a.Error == 0 && a.Usage == "" {
		r := v.r
		r.mu.Lock()
		for i, x := range r.vols {
			if x == v {
				r.vols = append(r.vols[:i:i], r.vols[i+1:]...)
				break
			}
		}
		r.mu.Unlock()
		s.changed()
	}
	return a
}

// extent is how large a disk is now, and where its metadata belongs.
type extent struct {
	backing, usable uint64 // sectors
	layout          metadata.Layout
}

// measure looks how large the disk of a volume is; nil without a disk.
func (v *volume) measure() (*extent, error) {
	var st *store
	var super metadata.Superblock
	v.r.loop.call(func(c *replica.Resource) {
		st = v.disk
		for _, w := range c.View().Volumes {
			if w.Vol == v.nr {
				super = w.Super
			}
		}
	})
	if st == nil {
		return nil, nil
	}
	size, err := st.data.Refresh()
	if err != nil {
		return nil, err
	}
	msize := size
	if st.meta != st.data {
		if msize, err = st.meta.Refresh(); err != nil {
			return nil, err
		}
	}
	layout, err := metadata.NewLayout(st.index, msize, super.Ring())
	if err != nil {
		return nil, err
	}
	x := &extent{backing: uint64(size) / 512, layout: layout}
	x.usable = layout.UsableSectors(x.backing)
	return x, nil
}

// lookAtDisk tells the core when a disk has grown: the peer's sizes may be about
// that.
func (r *resource) lookAtDisk(vol int) {
	v := r.volume(vol)
	if v == nil {
		return
	}
	if x, err := v.measure(); err == nil && x != nil {
		r.loop.post(replica.Capacity{Vol: vol, Backing: x.backing, Usable: x.usable, Layout: x.layout})
	}
}

// resize looks how large the disk is now.
func (s *Server) resize(ctx context.Context, v *volume, q control.Request) control.Answer {
	defer s.save()
	x, err := v.measure()
	switch {
	case err != nil:
		return refused(control.ErrMetaTooSmall, err.Error())
	case x == nil:
		return refused(control.ErrNoDisk)
	}
	d := replica.Resize{
		Vol: v.nr, Size: number(q.Options, "size"), Backing: x.backing, Usable: x.usable, Layout: x.layout,
		AssumePeer: q.Options["assume-peer-has-space"] == "yes", AssumeClean: q.Options["assume-clean"] == "yes",
	}
	a := result(v.r.command(ctx, d))
	if a.Error == 0 && a.State == 0 && a.Usage == "" {
		v.r.mu.Lock()
		v.options = maps.Clone(v.options)
		if d.Size != 0 {
			if v.options == nil {
				v.options = map[string]string{}
			}
			v.options["size"] = fmt.Sprint(d.Size)
		} else {
			delete(v.options, "size")
		}
		v.r.mu.Unlock()
	}
	return a
}
