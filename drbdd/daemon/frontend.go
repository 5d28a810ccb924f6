package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/blockdev/export"
	"classicha/drbdd/blockdev/fuse"
	"classicha/drbdd/blockdev/fuse/keeper"
	"classicha/drbdd/replica"
)

// attachFront makes the device of a volume appear, or goes on with the one that
// a predecessor left with the keeper.
func (s *Server) attachFront(ctx context.Context, v *volume) (blockdev.FrontEnd, error) {
	if s.frontEnd() == "export" {
		return export.Listen(v, export.Options{
			Path: filepath.Join(s.set.RunDir, v.name()+".sock"), Name: v.name(), Log: s.sink(v),
		})
	}
	k, err := s.keeperClient()
	opt := fuse.Options{
		Name: v.name(), File: filepath.Join(s.set.RunDir, v.name()), Node: filepath.Join(s.set.DevDir, v.name()), Log: s.sink(v),
		Ring: v.r.ring,
	}
	if err != nil {
		s.logf(replica.Warn, "drbd", "no keeper (%v): if drbdd is killed, applications get I/O errors", err)
	} else {
		opt.Keeper = k
		st, files, err := k.Take(ctx, opt.Name)
		switch {
		case err == nil:
			d, err := fuse.Resume(v, opt, st, files)
			if err == nil {
				s.logf(replica.Info, "block "+v.name(), "going on with the device of the last drbdd")
				return d, nil
			}
			s.logf(replica.Error, "block "+v.name(), "cannot go on with the device of the last drbdd: %v", err)
		case !errors.Is(err, keeper.ErrNone):
			return nil, err
		}
	}
	d, err := fuse.Attach(v, opt)
	if err != nil {
		return nil, err
	}
	if !d.Resumable() {
		s.logf(replica.Warn, "block "+v.name(), "this kernel or set-up cannot keep the device when drbdd is killed: applications would get I/O errors")
	}
	return d, nil
}

// frontEnd is the kind of devices that is used: what drbdd.cf says, else fuse
// where the kernel has it.
func (s *Server) frontEnd() string {
	if s.set.FrontEnd != "auto" {
		return s.set.FrontEnd
	}
	for _, name := range []string{"/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(name); err != nil {
			return "export"
		}
	}
	return "fuse"
}

// keeperClient connects to the keeper, and starts it if it is not there.
func (s *Server) keeperClient() (*keeper.Client, error) {
	s.keeperMu.Lock()
	defer s.keeperMu.Unlock()
	if s.keeper != nil {
		if _, err := s.keeper.List(); err == nil {
			return s.keeper, nil
		}
		s.keeper.Close()
		s.keeper = nil
	}
	k, err := keeper.Connect(filepath.Join(s.set.RunDir, "keeper"), keeper.Start("drbdd", "keeper"))
	if err != nil {
		return nil, err
	}
	s.keeper = k
	return k, nil
}

// kept lists the devices that the keeper holds from a predecessor.
func (s *Server) kept() map[string]bool {
	m := map[string]bool{}
	if _, err := os.Stat(filepath.Join(s.set.RunDir, "keeper")); err != nil {
		return m
	}
	if k, err := s.keeperClient(); err == nil {
		names, _ := k.List()
		for _, n := range names {
			m[n] = true
		}
	}
	return m
}

// waitedFor is a *blockdev.BusyError if applications have the device of a volume open that a
// predecessor left with the keeper: they wait for this node to be Primary again, and go on with what
// they remember of the data.
func (s *Server) waitedFor(v *volume) error {
	if !s.kept()[v.name()] {
		return nil
	}
	k, err := s.keeperClient()
	if err != nil {
		return err
	}
	node := filepath.Join(s.set.DevDir, v.name())
	h, err := fuse.Users(node, os.Getpid(), k.PID())
	if err != nil || len(h) == 0 {
		return err
	}
	return &blockdev.BusyError{Device: node, Holders: h}
}

func (s *Server) sink(v *volume) func(string, ...any) {
	return func(format string, args ...any) {
		s.logf(replica.Info, "block "+v.name(), "%s", fmt.Sprintf(format, args...))
	}
}
