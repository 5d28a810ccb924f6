package drbdadm

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// waitConnect waits until a volume's peer is there. drbdsetup does the waiting; on a
// terminal a line counts the seconds, and says how many there can be and why.
func (t *tool) waitConnect(x target) (int, error) {
	args := t.waitArgs(x.res)
	argv := t.plainCall(append([]string{"wait-connect", minorOf(x.vol)}, args...)...)
	t.printCall(argv)
	if t.dry {
		return 0, nil
	}
	if !t.env.IsTerminal(t.out) || t.env.Status == nil {
		e := t.run(argv, none, t.in, t.out, t.err)
		if e.Signal != 0 {
			return int(exitExec), nil
		}
		return e.Code, nil
	}
	p, err := t.env.Start(Call{Argv: argv, Stdin: t.in, Stdout: t.out, Stderr: t.err})
	if err != nil {
		fmt.Fprintf(t.err, "Can not exec %s: %v\n", argv[0], err)
		return int(exitExec), nil
	}
	done := make(chan Ended, 1)
	go func() { done <- p.Wait() }()
	name := fmt.Sprintf("%s/%d", x.res.Name, x.vol.Number)
	began := time.Now()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var limit *waitLimit
	drawn := false
	for {
		select {
		case e := <-done:
			if drawn {
				fmt.Fprintln(t.out)
			}
			if e.Signal != 0 {
				return int(exitExec), nil
			}
			return e.Code, nil
		case <-second.C:
			if limit == nil {
				if v, ok := t.volumeNow(x.vol.Minor); ok {
					l := limitOf(args, v)
					limit = &l
				}
			}
			if limit != nil {
				drawn = true
				fmt.Fprintf(t.out, "\r%s\x1b[K", cut(name+": "+limit.line(elapsedSince(began)), t.env.Width(t.out)))
			}
		}
	}
}

func elapsedSince(t time.Time) int { return int(time.Since(t).Round(time.Millisecond) / time.Second) }

// cut keeps a line on its row; a width of 0 is not known.
func cut(s string, width int) string {
	if width > 1 && len(s) >= width {
		return s[:width-1]
	}
	return s
}

// statusLimit is how long an answer of the daemon is waited for.
const statusLimit = time.Second

// volumeNow is what the daemon says of a volume.
func (t *tool) volumeNow(minor int) (v replica.VolumeView, ok bool) {
	all := t.volumesNow()
	v, ok = all[minor]
	return v, ok
}

func (t *tool) volumesNow() map[int]replica.VolumeView {
	if t.env.Status == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), statusLimit)
	defer cancel()
	rs, err := t.env.Status(ctx)
	if err != nil {
		return nil
	}
	out := map[int]replica.VolumeView{}
	for _, r := range rs {
		for _, v := range r.View.Volumes {
			out[v.Minor] = v
		}
	}
	return out
}

// waitLimit is how long a volume waits for its peer, and why so long.
type waitLimit struct {
	seconds int // 0: for ever
	option  string
	why     string
}

// limitOf chooses among the timeouts of a call of wait-connect as drbdsetup does
// (drbd-cli 3.3): a special case never waits longer than the general one.
func limitOf(args []string, v replica.VolumeView) waitLimit {
	of := map[string]int{}
	for i, a := range args {
		name, value, inOne := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		if !inOne && i+1 < len(args) {
			value = args[i+1]
		}
		if n, err := strconv.Atoi(value); err == nil && strings.HasPrefix(a, "--") {
			of[name] = n
		}
	}
	shorter := func(s, than int) int {
		if than != 0 && (s == 0 || s > than) {
			return than
		}
		return s
	}
	wfc := of["wfc-timeout"]
	degr := shorter(of["degr-wfc-timeout"], wfc)
	outdated := shorter(of["outdated-wfc-timeout"], degr)
	switch {
	case v.PeerWasOutdated || v.Pdsk == wire.Outdated:
		return waitLimit{outdated, "outdated-wfc-timeout", "the peer's disk was Outdated when this node went down"}
	case v.Degraded:
		return waitLimit{degr, "degr-wfc-timeout", "this node was Primary without its peer when it went down"}
	}
	return waitLimit{wfc, "wfc-timeout", "the peer was there when this node went down, and may have newer data"}
}

// line says what is waited for after so many seconds.
func (l waitLimit) line(elapsed int) string {
	if l.seconds == 0 {
		return fmt.Sprintf("waiting for the peer, %d s, for ever [%s 0]: %s; ctrl-c ends it", elapsed, l.option, l.why)
	}
	return fmt.Sprintf("waiting for the peer, %d s left of %d [%s]: %s; ctrl-c ends it", max(0, l.seconds-elapsed), l.seconds, l.option, l.why)
}

// maxReasons bounds the lines that the dialog adds to the classic text.
const maxReasons = 5

// reasons are the lines of the dialog that say which of its two timeouts each
// resource has, and why. Without an answer of the daemon there are none.
func (d *dialog) reasons() string {
	now := d.volumesNow()
	var b strings.Builder
	lines := 0
	for _, r := range d.here() {
		var worst *waitLimit
		args := d.conf.WaitArgs(r)
		for _, vol := range r.Me.Volumes {
			v, ok := now[vol.Minor]
			if !ok || v.Conn >= wire.Connected || v.Conn == wire.StandAlone {
				continue
			}
			l := limitOf(args, v)
			if worst == nil || worst.seconds != 0 && cmp.Compare(l.seconds, worst.seconds) > 0 || l.seconds == 0 {
				worst = &l
			}
		}
		if worst == nil {
			continue
		}
		if lines++; lines > maxReasons {
			b.WriteString("   ...\n")
			break
		}
		left := "it waits for ever"
		if worst.seconds > 0 {
			left = fmt.Sprintf("%d of %d seconds are left", max(0, worst.seconds-d.elapsed()), worst.seconds)
		}
		fmt.Fprintf(&b, " - %s: %s [%s]:\n   %s\n", r.Name, left, worst.option, worst.why)
	}
	return b.String()
}
