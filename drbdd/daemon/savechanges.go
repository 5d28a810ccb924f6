package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"classicha/drbdd/changes"
	"classicha/drbdd/control"
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// saveChanges writes what is marked in the bitmap of a volume to a new file. Nothing
// may write to the disk meanwhile, neither an application nor the peer: the node is
// Secondary and StandAlone, before and behind, with the same data.
func (s *Server) saveChanges(ctx context.Context, v *volume, q control.Request) control.Answer {
	if len(q.Args) != 1 || !filepath.IsAbs(q.Args[0]) {
		return control.Answer{Usage: "save-changes needs the whole path of a file"}
	}
	w, err := v.quiet()
	if err == nil {
		err = s.copyChanges(ctx, v, w, q.Args[0])
	}
	if err != nil {
		return control.Answer{Usage: err.Error()}
	}
	s.logf(replica.Notice, v, "%d KiB that the peer does not have were saved to %s", w.OOS<<2, q.Args[0])
	return control.Answer{}
}

// quiet is the volume, as one that nobody writes to.
func (v *volume) quiet() (w replica.VolumeView, err error) {
	err = errors.New("the device is gone")
	v.r.loop.call(func(c *replica.Resource) {
		for _, x := range c.View().Volumes {
			if x.Vol == v.nr {
				w, err = x, nil
			}
		}
	})
	switch {
	case err != nil:
	case !w.HasDisk:
		err = errors.New("no disk is attached: there is nothing to save")
	case w.Role != wire.Secondary:
		err = fmt.Errorf("this node is %s, what is saved could change at the same time: end what uses the device, and run drbdadm secondary first", w.Role)
	case w.Conn != wire.StandAlone:
		err = fmt.Errorf("the connection is %s, the peer could overwrite what is being saved: run drbdadm disconnect first", w.Conn)
	case w.Counters.Local > 0 || w.Counters.Application > 0:
		err = errors.New("the disk is still being written to; try again")
	case w.OOS == 0:
		err = errors.New("nothing is marked as changed: there is nothing to save")
	}
	return w, err
}

// runBatch is the number of runs, chunk that of bytes, at a time.
const (
	runBatch = 4096
	chunk    = 1 << 20
)

// eachRun calls f for the runs of the bitmap, some at a time.
func (v *volume) eachRun(ctx context.Context, f func([]changes.Run) error) error {
	from := uint64(0)
	for {
		var runs []replica.Run
		v.r.loop.call(func(c *replica.Resource) { runs = c.OutOfSync(v.nr, from, make([]replica.Run, 0, runBatch)) })
		if len(runs) == 0 {
			return ctx.Err()
		}
		out := make([]changes.Run, len(runs))
		for i, r := range runs {
			out[i] = changes.Run(r)
		}
		if err := errors.Join(ctx.Err(), f(out)); err != nil {
			return err
		}
		last := runs[len(runs)-1]
		from = last.First + last.N
	}
}

func (s *Server) copyChanges(ctx context.Context, v *volume, w replica.VolumeView, path string) (err error) {
	h := changes.Header{
		Size: w.Size * 512, Volume: uint32(v.nr), Resource: v.r.name, UUIDs: w.UUIDs, Saved: time.Now(), Blocks: w.OOS,
	}
	if t := s.splits.of(v.r.name, v.nr); t.Since != 0 && t.Current == w.UUIDs.Current&^1 {
		h.Since = time.Unix(0, t.Since)
	}
	if err := v.eachRun(ctx, func(r []changes.Run) error { h.Runs += uint64(len(r)); return nil }); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			os.Remove(path)
		}
	}()
	out, err := changes.NewWriter(f, h)
	if err != nil {
		return err
	}
	if err := v.eachRun(ctx, out.Runs); err != nil {
		return err
	}
	var st *store
	v.r.loop.call(func(*replica.Resource) { st = v.disk })
	if st == nil {
		return errChanged
	}
	buf := make([]byte, chunk)
	err = v.eachRun(ctx, func(runs []changes.Run) error {
		for _, r := range runs {
			if err := copyRun(ctx, out, st, r, h.Size, buf); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := errors.Join(out.End(), f.Sync()); err != nil {
		return err
	}
	now, err := v.quiet()
	if err == nil && (now.UUIDs != w.UUIDs || now.OOS != w.OOS || now.Size != w.Size || now.Counters.WrittenKiB != w.Counters.WrittenKiB) {
		err = errChanged
	}
	return err
}

var errChanged = errors.New("the device was used while its changes were being saved: try again")

func copyRun(ctx context.Context, out *changes.Writer, st *store, r changes.Run, size uint64, buf []byte) error {
	end := min((r.First+r.N)*metadata.BlockSize, size)
	for at := r.First * metadata.BlockSize; at < end; {
		p := buf[:min(chunk, end-at)]
		if _, err := st.data.ReadAt(p, int64(at)); err != nil && err != io.EOF {
			return err
		}
		if err := errors.Join(ctx.Err(), out.Data(p)); err != nil {
			return err
		}
		at += uint64(len(p))
	}
	return nil
}
