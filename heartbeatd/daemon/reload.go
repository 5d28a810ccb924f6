package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/config/sysenv"
	"classicha/heartbeatd/daemon/watch"
	"classicha/internal/hlog"
)

// reload reads again what has changed (SIGHUP, heartbeat-config 6): ha.cf, haresources
// and haext.cf by a restart in place that keeps the resources, authkeys at once. Unlike
// the original a broken file changes nothing: the findings are logged and the node goes on.
// It runs outside of the loop; one at a time.
func (d *Daemon) reload() {
	if !d.reloading.CompareAndSwap(false, true) {
		return
	}
	d.spawn(func() {
		defer d.reloading.Store(false)
		d.log.Reopen()
		is := stamps(d.paths.Conf)
		what := changed(d.stamps, is)
		switch {
		case len(what) == 0:
			d.unread.Store(nil)
			d.log.Log(hlog.Info, "Configuration unchanged.")
		case what[config.HACfName] || what[config.HaresourcesName] || what[config.ExtName]:
			if d.usable(config.HACfName) {
				d.call(d.service.Reloading)
				d.post(cluster.Reload{})
			}
		default:
			d.reloadKeys(is)
		}
	})
}

// usable checks the files as a start would, and logs what is wrong.
func (d *Daemon) usable(name string) bool {
	d.log.Infof("Checking the changed configuration before it is used.")
	next, found := load(d.paths.Conf)
	lines, ok := config.StartLog(found)
	if ok && next.HA.Node != d.conf.HA.Node {
		ok = false
		lines = append(lines, config.LogLine{Level: "ERROR", Text: fmt.Sprintf("the name of this node changed from %s to %s: stop and start heartbeat instead", d.conf.HA.Node, next.HA.Node)})
	}
	if ok {
		if err := d.tryMedia(next.HA.Media); err != nil {
			ok = false
			lines = append(lines, config.LogLine{Level: "ERROR", Text: err.Error()})
		}
	}
	if ok {
		return true
	}
	for _, l := range lines {
		if level, known := hlog.ParseLevel(l.Level); known && level <= hlog.Warn && !strings.Contains(l.Text, "not started") {
			d.log.Log(level, l.Text)
		}
	}
	d.log.Errorf("The changed configuration has errors: heartbeat goes on with the one that it has.")
	return false
}

func (d *Daemon) reloadKeys(is map[string]time.Time) {
	d.log.Log(hlog.Info, "Rereading authentication file.")
	f := sysenv.Files(d.paths.Conf).Authkeys
	var keys, found = config.ParseAuthkeys(f.Name, f.Data, f.Mode)
	if f.Err != nil {
		found = config.MissingAuthkeys(f.Name, f.Err)
	}
	if f.Err != nil || found.Refused() {
		for _, x := range found {
			if x.Level >= config.Warn {
				d.log.Errorf("%s", x.Sentence())
			}
		}
		d.log.Errorf("Authentication reparsing error: heartbeat goes on with the keys that it has.")
		return
	}
	d.stamps[config.AuthkeysName] = is[config.AuthkeysName]
	d.unread.Store(nil)
	d.post(cluster.NewKeys{Keys: keys})
}

// watchConf says in the log that changed files wait for a reload. It does not act on them.
func (d *Daemon) watchConf() {
	w, err := watch.Dir(d.paths.Conf, watch.DefaultNames, watch.DefaultQuiet, func(names []string) {
		for i, n := range names {
			names[i] = filepath.Join(d.paths.Conf, n)
		}
		d.log.Infof("%s changed; it is used after \"heartbeat -r\" (SIGHUP to pid %d)", strings.Join(names, ", "), os.Getpid())
		d.noteUnread()
	}, nil)
	if err != nil {
		d.log.Warnf("changes of the configuration will not be noticed: %v", err)
		return
	}
	d.watcher = w
}

// noteUnread keeps the warning of the status outputs up to date: which files are not as
// they were when they were read. The time stamps in use change only in reloads.
func (d *Daemon) noteUnread() {
	if !d.reloading.CompareAndSwap(false, true) {
		return // a reload is just reading them
	}
	defer d.reloading.Store(false)
	var names []string
	for name := range changed(d.stamps, stamps(d.paths.Conf)) {
		names = append(names, name)
	}
	if len(names) == 0 {
		d.unread.Store(nil)
	} else {
		slices.Sort(names)
		text := strings.Join(names, ", ")
		d.unread.Store(&text)
	}
	d.call(func() { d.dirty = true })
}
