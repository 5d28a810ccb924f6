package daemon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/resource"
)

// A daemon that is killed leaves its resources running. The next one on the same boot
// must know of them, or another node would be told that this one holds nothing and start
// them a second time. So the groups that may run are kept in a file below /run, which is
// empty after a boot, written before the first script of a job starts.

func (p Paths) running() string { return filepath.Join(p.Run, "running") }

// jobBegins notes that the groups of a job may run from now on.
func (d *Daemon) jobBegins(a cluster.Run) {
	d.lastRun = a
	if a.Kind != cluster.Acquire {
		return
	}
	for _, i := range a.Groups {
		if key := d.groups[i].Key(); !slices.Contains(d.mayRun, key) {
			d.mayRun = append(d.mayRun, key)
		}
	}
	d.saveRunning()
}

// jobEnded forgets the groups that surely do not run.
func (d *Daemon) jobEnded(ev cluster.JobDone) {
	if ev.Job != d.lastRun.Job {
		return
	}
	for _, i := range d.lastRun.Groups {
		failed := slices.Contains(ev.Failed, i)
		if failed == (d.lastRun.Kind == cluster.Acquire) {
			key := d.groups[i].Key()
			d.mayRun = slices.DeleteFunc(d.mayRun, func(k string) bool { return k == key })
		}
	}
	d.saveRunning()
}

// saveRunning replaces the file. /run is memory: a rename is enough.
func (d *Daemon) saveRunning() {
	path := d.paths.running()
	b, err := json.Marshal(d.mayRun)
	if err == nil {
		err = os.WriteFile(path+".new", append(b, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		d.log.Warnf("the list of running groups cannot be kept: %v", err)
	}
}

// some: a resource of the group runs, or nobody knows. The first says so as a rule, but not always:
// drbddisk does not when drbdd was killed, too, with the file system still mounted on its device.
func (d *Daemon) some(g resource.Group) bool {
	for _, r := range g.Resources {
		if running, _, err := d.runner.Status(d.ctx, r); running || err != nil {
			return true
		}
	}
	return false
}

// leftBehind looks for groups of a killed daemon: those of the list of which a resource says
// that it runs.
func (d *Daemon) leftBehind() cluster.Saved {
	var saved cluster.Saved
	b, err := os.ReadFile(d.paths.running())
	if err != nil || d.runner == nil {
		return saved
	}
	var keys []string
	if err := json.Unmarshal(b, &keys); err != nil {
		d.log.Warnf("%s is damaged: resources of an earlier heartbeat may run here", d.paths.running())
		return saved
	}
	for _, g := range d.groups {
		if !slices.Contains(keys, g.Key()) || len(g.Resources) == 0 {
			continue
		}
		if d.some(g) {
			d.log.Warnf("group %s still runs here: an earlier heartbeat was killed", g.Key())
			saved.Groups = append(saved.Groups, g.Key())
			saved.Found = true
		}
	}
	d.mayRun = slices.Clone(saved.Groups)
	return saved
}
