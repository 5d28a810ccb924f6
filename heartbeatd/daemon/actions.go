package daemon

import (
	"fmt"
	"os"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/internal/hlog"
)

// perform carries out the actions of one Step, in order. None of them waits.
func (d *Daemon) perform(actions []cluster.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case cluster.Send:
			d.send(a)
			continue
		case cluster.Echo:
			if m := d.pings[a.Node]; m != nil {
				d.put(m, a.Frame)
			}
			continue
		case cluster.Alive:
			d.watchdog.Pet()
			d.service.Alive(time.Now())
			continue
		case cluster.Suspect:
			go probeMirrors()
			continue
		case cluster.Log:
			d.logCore(a)
		case cluster.Run:
			d.run(a)
		case cluster.RunRC:
			if d.runner != nil && len(d.waitingRC) < maxWaitingRC && d.runner.HasRC(a.Type) {
				d.waitingRC = append(d.waitingRC, a)
			}
		case cluster.Fence:
			d.fence(a.Node, a.ID)
		case cluster.WasReset:
			if d.dopd != nil {
				d.dopd.Reset(a.Node)
			}
		case cluster.Announce:
			d.announce(a.Groups)
		case cluster.Deliver:
			if d.apiOpen {
				d.clients.Deliver(a.Msg)
			}
			if d.dopd != nil {
				d.dopd.Deliver(a.Msg)
			}
		case cluster.Remember:
			d.remember(a)
		case cluster.CommUp:
			d.commUp()
		case cluster.StopClients:
			d.stopClients()
		case cluster.DisarmWatchdog:
			d.watchdog.Disarm()
		case cluster.Exit:
			d.ending = &ending{code: a.Code}
		case cluster.Reexec:
			d.ending = &ending{again: &a.Saved}
		case cluster.Answer:
			if c := d.answers[a.ID]; c != nil {
				delete(d.answers, a.ID)
				c <- a // has room for one
			}
		}
		d.dirty = true
	}
}

func (d *Daemon) logCore(a cluster.Log) {
	if a.Level == cluster.Debug && d.log.DebugLevel() == 0 {
		return
	}
	log := d.log
	if a.Source != "" {
		log = log.As(a.Source, 0)
	}
	log.Log(coreLevel(a.Level), a.Text)
}

// commUp: the cluster's communication is up. Clients may come, ours are started.
func (d *Daemon) commUp() {
	if err := d.clients.Listen(); err != nil {
		d.log.Errorf("%v", err)
	} else {
		d.apiOpen = true
	}
	d.respawn.Start()
	d.startDopd()
}

// stopClients ends the respawn clients behind the loop's back: each may take seconds.
func (d *Daemon) stopClients() {
	d.stopClient.Do(func() {
		d.spawn(d.respawn.Stop)
		if d.dopd != nil {
			d.spawn(d.dopd.Close)
		}
	})
}

// publish copies the View for the status outputs if it changed, but not too often.
func (d *Daemon) publish() {
	if !d.dirty {
		return
	}
	now := time.Now()
	if now.Before(d.publishAt) {
		return
	}
	d.dirty, d.publishAt = false, now.Add(publishEvery)
	v := d.snapshot()
	d.view.Store(&v)
	if d.control != nil {
		d.control.Changed()
	}
	d.service.Status(statusLine(&v))
}

// snapshot is the core's View with what only the daemon knows.
func (d *Daemon) snapshot() cluster.View {
	v := d.node.View()
	v.Version = version
	if names := d.unread.Load(); names != nil {
		v.Warnings = append(v.Warnings, fmt.Sprintf("changed since heartbeat read it: %s; \"heartbeat -r\" makes it count", *names))
	}
	for _, m := range d.media {
		if s := m.Stats(); !s.Open {
			v.Warnings = append(v.Warnings, fmt.Sprintf("%s %s is not open: %s", m.Kind(), m.Link(), s.LastError))
		}
	}
	return v
}

// statusLine is for systemctl status.
func statusLine(v *cluster.View) string {
	s := fmt.Sprintf("%s is %s, holds %s resources", v.Node, v.Status, v.Holds)
	if !v.Stable {
		s += " (in transition)"
	}
	if n := len(v.Warnings); n > 0 {
		s += fmt.Sprintf("; %s", v.Warnings[0])
		if n > 1 {
			s += fmt.Sprintf(" and %d more", n-1)
		}
	}
	return s
}

// setDebug changes the debug level by a signal (USR1, USR2).
func (d *Daemon) setDebug(delta int) {
	d.log.Log(hlog.Info, fmt.Sprintf("debug now set to %d [pid %d]", d.log.AdjustDebug(delta), os.Getpid()))
}
