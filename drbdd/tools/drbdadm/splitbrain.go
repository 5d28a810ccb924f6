package drbdadm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"classicha/drbdd/changes"
	"classicha/drbdd/control"
)

// splitReport is split-brain for people. The daemon, as the kernel module, calls a
// handler of that name with minor-N; drbdadm of DRBD runs that for any name.
var splitReport = &command{
	name: "split-brain", group: ours, run: (*tool).splitBrain, options: []setupOption{{"save", false}, {"list", false}},
}

func calledByDaemon(names []string) bool {
	return len(names) == 1 && strings.HasPrefix(names[0], "minor-")
}

// Exit codes of split-brain. 1 is wrong usage, as everywhere.
const (
	splitFound   = 3
	splitUnknown = 4 // this node has changes, and does not know of the peer's
)

// splitBrain tells of a split brain of one volume, or saves what this node changed.
func (t *tool) splitBrain(x target) (int, error) {
	if t.dry {
		return 0, nil // it makes no calls
	}
	if t.saveTo != "" {
		return t.saveSplit(x)
	}
	ctx, cancel := context.WithTimeout(context.Background(), procLimit)
	defer cancel()
	rs, err := t.env.Status(ctx)
	if err != nil {
		return t.splitError(x, err.Error())
	}
	for _, r := range rs {
		for i, v := range r.View.Volumes {
			if v.Minor != x.vol.Minor || i >= len(r.Volumes) {
				continue
			}
			if !v.HasDisk {
				return t.splitError(x, "no disk is attached: what this node has is not known; attach it, or see drbdadm get-gi")
			}
			s := &split{name: volumeName(x), res: x.res.Name, host: t.env.Config.Hostname, v: v, said: r.Volumes[i].Split, now: time.Now()}
			if x.res.Peer != nil {
				s.peer = x.res.Peer.Name()
			}
			text, code := s.report()
			fmt.Fprint(t.out, text)
			return code, nil
		}
	}
	return t.splitError(x, "drbdd does not have it: drbdadm up comes first")
}

// volumeName is the resource where it has one volume, else with its number.
func volumeName(x target) string {
	if len(x.res.Me.Volumes) == 1 {
		return x.res.Name
	}
	return fmt.Sprintf("%s/%d", x.res.Name, x.vol.Number)
}

func (t *tool) splitError(x target, why string) (int, error) {
	fmt.Fprintf(t.err, "%s: split-brain %s: %s\n", t.prog, volumeName(x), why)
	return int(exitExec), nil
}

// saveSplit has the daemon save the changed blocks of one volume: it knows them, and
// that nobody changes them meanwhile.
func (t *tool) saveSplit(x target) (int, error) {
	if len(t.names) != 1 || x.all || len(x.res.Me.Volumes) > 1 && !strings.ContainsAny(t.names[0], "/") {
		fmt.Fprintf(t.err, "%s: split-brain --save: one file is for one device: name it as RESOURCE/VOLUME\n", t.prog)
		return 0, exitUsage
	}
	file, err := filepath.Abs(t.saveTo)
	var a control.Answer
	if err == nil {
		a, err = t.env.SaveChanges(context.Background(), x.vol.Minor, file)
	}
	switch {
	case err != nil:
		return t.splitError(x, err.Error())
	case a.Error != 0:
		return t.splitError(x, control.ErrorText(a.Error))
	case a.Usage != "":
		return t.splitError(x, a.Usage)
	}
	t.listOf = t.saveTo
	return t.listChanges()
}

// listChanges tells what is in a file of saved changes.
func (t *tool) listChanges() (int, error) {
	bad := func(err error) (int, error) {
		fmt.Fprintf(t.err, "%s: split-brain: %s: %v\n", t.prog, t.listOf, err)
		return 0, exitExec
	}
	f, err := os.Open(t.listOf)
	if err != nil {
		return bad(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return bad(err)
	}
	r, err := changes.Open(f, st.Size())
	if err == nil {
		err = r.Check()
	}
	if err != nil {
		return bad(err)
	}
	fmt.Fprintf(t.out, "%s: what resource %s, volume %d had changed\n", t.listOf, r.Resource, r.Volume)
	fmt.Fprintf(t.out, "  saved          %s\n  changed since  %s\n", stamp(r.Saved), stamp(r.Since))
	fmt.Fprintf(t.out, "  generation     %016X, of %016X\n", r.UUIDs.Current, r.UUIDs.Bitmap)
	fmt.Fprintf(t.out, "  device         %d bytes\n  changed        %s in %d runs, the checksum is right\n", r.Size, amount(r.Blocks), r.Header.Runs)
	fmt.Fprintf(t.out, "%16s %12s %16s   (in blocks of %d bytes)\n", "block of device", "blocks", "block of file", changes.BlockSize)
	err = r.Runs(func(x changes.Run, at int64) error {
		_, err := fmt.Fprintf(t.out, "%16d %12d %16d\n", x.First, x.N, at/changes.BlockSize)
		return err
	})
	if err != nil {
		return bad(err)
	}
	return 0, nil
}

// stamp is a time for people.
func stamp(at time.Time) string {
	if at.IsZero() {
		return "not known"
	}
	return at.UTC().Format("2006-01-02 15:04:05 UTC")
}

// amount is a number of blocks for people.
func amount(blocks uint64) string {
	return fmt.Sprintf("%d KiB (%d blocks of 4 KiB)", blocks<<2, blocks)
}
