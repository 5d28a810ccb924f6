package drbdsetup

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"classicha/drbdd/config"
	"classicha/drbdd/control"
	"classicha/drbdd/control/options"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// timeouts of wait-connect and wait-sync in seconds, 0 is for ever (drbd-cli 3.3).
type timeouts struct {
	wfc, degraded, outdated int
	afterSB                 bool
}

// maxWait is the longest wait that can be asked for.
const maxWait = 300000

// waitTimeouts reads the options of a wait.
func waitTimeouts(found []given, deflt timeouts) (timeouts, error) {
	w := deflt
	for _, g := range found {
		var at *int
		var name string
		switch g.opt.name {
		case "wfc-timeout":
			at, name = &w.wfc, "wfc_timeout"
		case "degr-wfc-timeout":
			at, name = &w.degraded, "degr_wfc_timeout"
		case "outdated-wfc-timeout":
			at, name = &w.outdated, "outdated_wfc_timeout"
		case "wait-after-sb":
			w.afterSB = g.text != "no"
			continue
		}
		text, err := options.Plain(g.text, config.Plain)
		if err != nil {
			return w, optionFailure(err)
		}
		v, _ := strconv.ParseUint(text, 10, 64)
		if v > maxWait {
			return w, &failure{exit: exitUsage, err: fmt.Sprintf("%s => %d out of range [0..%d]\n", name, int64(v), maxWait)}
		}
		*at = int(v)
	}
	return w, nil
}

// ordered makes each wait no longer than the one it is a special case of: for ever
// is longer than any. The lines are what is said about that.
func (w timeouts) ordered() (timeouts, string) {
	said := ""
	shorten := func(at *int, name string, than int, thanName string) {
		if than != 0 && (*at > than || *at == 0) {
			*at = than
			said += fmt.Sprintf("%s has to be shorter than %s\n%s implicitly set to %s (%ds)\n", name, thanName, name, thanName, than)
		}
	}
	shorten(&w.degraded, "degr-wfc-timeout", w.wfc, "wfc-timeout")
	shorten(&w.outdated, "outdated-wfc-timeout", w.degraded, "degr-wfc-timeout")
	return w, said
}

// applies chooses the timeout by what the node remembers of the time before it was
// started: an outdated peer, and having been Primary alone.
func (w timeouts) applies(v replica.VolumeView) time.Duration {
	seconds := w.wfc
	switch {
	case v.PeerWasOutdated || v.Pdsk == wire.Outdated:
		seconds = w.outdated
	case v.Degraded:
		seconds = w.degraded
	}
	return time.Duration(seconds) * time.Second
}

// wait is wait-connect and wait-sync.
func wait(t *tool, c *call) error {
	w, err := waitTimeouts(c.options, timeouts{})
	if err != nil {
		return err
	}
	w, said := w.ordered()
	t.note(said)
	return t.wait(c, w)
}

// errWaited ends a wait by its timeout.
var errWaited = errors.New("waited long enough")

func (t *tool) wait(c *call, w timeouts) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var timer *time.Timer
	started, warned, vanished := false, false, false
	err := t.follow(ctx, c, func(a control.Answer) bool {
		if a.Helper != nil {
			return true
		}
		r, vol, ok := volume(a, c.req.Minor)
		if !ok {
			vanished = true
			return false
		}
		v := *volumeView(&r, vol)
		if !started {
			started = true
			if d := w.applies(v); d > 0 {
				timer = time.AfterFunc(d, func() { cancel(errWaited) })
			}
		}
		done, alone := waited(c.req.Cmd, v.Conn)
		if alone && w.afterSB {
			if !warned {
				warned = true
				t.note(fmt.Sprintf("\ndrbd%d (%s[%d]) is %s, but I'm configured to wait anways (--wait-after-sb)\n", v.Minor, r.View.Name, vol, v.Conn))
			}
			return true
		}
		return !done && !alone
	})
	if timer != nil {
		timer.Stop()
	}
	var f *failure
	switch {
	case errors.Is(context.Cause(ctx), errWaited):
		return &failure{exit: exitTimeout}
	case vanished && started:
		return &failure{exit: exitUsage, err: fmt.Sprintf("%s: minor %d is not there any more\n", c.object, c.req.Minor)}
	case vanished, errors.As(err, &f) && f.exit == exitConfig && !started:
		return &failure{exit: exitUsage, err: "error determining which timeout to use: minor not available\n"}
	}
	return err
}

func volumeView(r *control.Resource, vol int) *replica.VolumeView {
	for i := range r.View.Volumes {
		if r.View.Volumes[i].Vol == vol {
			return &r.View.Volumes[i]
		}
	}
	return &replica.VolumeView{}
}

// waited tells whether what is waited for is there, and whether it will not come
// because nobody looks for the peer.
func waited(cmd string, conn wire.ConnState) (done, alone bool) {
	if conn == wire.StandAlone || conn == wire.Disconnecting {
		return false, true
	}
	if cmd == "wait-sync" {
		return conn == wire.Connected, false
	}
	return conn >= wire.Connected, false
}
