package daemon

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/daemon/ctl"
	"classicha/heartbeatd/daemon/respawn"
	"classicha/heartbeatd/daemon/state"
	"classicha/heartbeatd/media"
	"classicha/heartbeatd/message"
)

// listenControl opens our own socket, for hb_mon and people.
func (d *Daemon) listenControl(ids state.IDs) error {
	s, err := ctl.Listen(ctl.Options{Path: d.paths.control(), GID: ids.GID, View: d.freshView, Handle: d.handle})
	if err == nil {
		d.control = s
	}
	return err
}

// MediumStatus is a medium as the request "media" shows it.
type MediumStatus struct {
	Kind, Link string
	media.Stats
}

// handle answers what the control socket does not answer itself:
//
//	media             counts of every medium
//	clients           the respawn clients
//	debug [LEVEL]     the debug level, or a new one
//	standby CLASS     as hb_standby
//	takeover CLASS    as hb_takeover
//	reload            as SIGHUP
func (d *Daemon) handle(ctx context.Context, p ctl.Peer, verb string, args []string) (any, error) {
	switch verb {
	case "media":
		out := []MediumStatus{}
		for _, m := range d.media { // fixed before the socket opens
			out = append(out, MediumStatus{m.Kind(), m.Link(), m.Stats()})
		}
		return out, nil
	case "clients":
		return append([]respawn.State{}, d.respawn.States()...), nil
	}
	if p.UID != 0 {
		return nil, errors.New("only root may do that")
	}
	switch verb {
	case "debug":
		if len(args) > 0 {
			n, err := strconv.Atoi(args[0])
			if err != nil || len(args) > 1 {
				return nil, errors.New("usage: debug [LEVEL]")
			}
			d.log.Infof("debug now set to %d [pid %d]", d.log.SetDebug(n), p.PID)
		}
		return map[string]int{"debug": d.log.DebugLevel()}, nil
	case "standby", "takeover":
		class := "all"
		if len(args) > 0 {
			class = args[0]
		}
		c, ok := cluster.ParseClass(class)
		if !ok || c == cluster.HoldNone || len(args) > 1 {
			return nil, fmt.Errorf("usage: %s [all|foreign|local|failback]", verb)
		}
		if verb == "standby" {
			d.post(cluster.Standby{Class: c})
		} else {
			m := message.New("t", "hb_takeover", "rsc_hold", class)
			d.post(cluster.FromScript{Frame: m.AppendText(nil, nil, false)})
		}
		return nil, nil
	case "reload":
		d.reload()
		return nil, nil
	}
	return nil, fmt.Errorf("unknown request %q", verb)
}
