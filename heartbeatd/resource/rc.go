package resource

import (
	"context"
	"os"
	"strings"
	"sync"
)

// RCResult is the end of one rc.d job.
type RCResult struct {
	Type    string
	Result  Result
	Dropped bool // never run: no such script any more, queue full, or Close
}

type rcJob struct {
	typ    string
	fields [][2]string
	extra  []string
}

type rcQueue struct {
	mu      sync.Mutex
	jobs    []rcJob
	max     int
	dropped int
	closed  bool
	wake    chan struct{} // one slot: there may be work
}

func (q *rcQueue) init(max int) { q.max, q.wake = max, make(chan struct{}, 1) }

func (q *rcQueue) close() {
	q.mu.Lock()
	q.closed, q.jobs = true, nil
	q.mu.Unlock()
}

// HasRC tells whether rc.d has an executable script for a message type. Types are
// looked up in lower case, and only plain names can match: the type comes from
// the network.
func (r *Runner) HasRC(typ string) bool {
	typ = strings.ToLower(typ)
	for _, c := range typ {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	if typ == "" {
		return false
	}
	fi, err := os.Stat(r.o.HaDir + "/rc.d/" + typ)
	return err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0
}

// RunRC queues the rc.d job of a message: "harc TYPE" with HA_<field> for every
// string field (heartbeat-behaviour 2.1, 2.2), plus extra (HA_OSTATUS=...). Jobs run
// one at a time in order, and none begins while a group operation runs. It never
// blocks; false means dropped: no such script, or the queue is full.
func (r *Runner) RunRC(typ string, fields [][2]string, extra ...string) bool {
	if !r.HasRC(typ) {
		return false
	}
	q := &r.rc
	q.mu.Lock()
	full := len(q.jobs) >= q.max
	first := full && q.dropped == 0
	if full {
		q.dropped++
	} else if !q.closed {
		q.jobs = append(q.jobs, rcJob{strings.ToLower(typ), fields, extra})
	}
	q.mu.Unlock()
	if first {
		r.log("heartbeat", "ERROR", "queue of rc.d jobs is full: "+typ+" is not run (further ones are counted)")
	}
	if full {
		return false
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

func (q *rcQueue) next() (rcJob, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.jobs) == 0 {
		q.dropped = 0
		return rcJob{}, false
	}
	j := q.jobs[0]
	q.jobs = q.jobs[1:]
	return j, true
}

func (r *Runner) rcWorker(ctx context.Context) {
	defer r.ended.Done()
	for {
		j, ok := r.rc.next()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-r.rc.wake:
			}
			continue
		}
		// Wait until no group operation runs, but do not hold one up afterwards: a
		// slow script of an administrator must not delay a takeover.
		if r.lockGroups(ctx) != nil {
			return
		}
		r.unlockGroups()
		res := r.runRC(ctx, j)
		if r.o.RCDone != nil {
			r.o.RCDone(res)
		}
	}
}

func (r *Runner) runRC(ctx context.Context, j rcJob) RCResult {
	if !r.HasRC(j.typ) {
		return RCResult{Type: j.typ, Dropped: true}
	}
	extra := append(fieldEnv(j.fields), j.extra...)
	// The daemon takes over by itself: mach_down and our rc.d scripts then leave it alone.
	extra = append(extra, "HA_TAKEOVER=daemon")
	env := scriptEnv(r.o.Env, &r.o, r.o.HaDir+"/", extra)
	for i, kv := range env {
		if strings.HasPrefix(kv, "HA_DIR=") {
			env[i] = "HA_DIR=" + r.o.HaDir + "/" // harc shows it: /etc/ha.d//rc.d/status
		}
	}
	p := program{path: r.o.HaDir + "/harc", args: []string{j.typ}, env: env, limit: r.o.RCTimeout}
	res := r.run(ctx, p)
	if res.Err != nil {
		r.log("harc", "ERROR", p.path+" "+j.typ+": "+res.Err.Error())
	}
	return RCResult{Type: j.typ, Result: res}
}

// fieldEnv turns message fields into HA_<field>=value. Names that are no shell
// names and names that steer the scripts themselves are left out, since a message
// may come from anyone who has the key; a NUL cannot be passed at all. Of a field
// that occurs twice, scripts get the last (heartbeat-wire 3).
func fieldEnv(fields [][2]string) []string {
	at := map[string]int{}
	var env []string
	for _, f := range fields {
		name, value := "HA_"+f[0], f[1]
		if !shellName(name) || steering[name] || strings.ContainsRune(value, 0) {
			continue
		}
		if i, ok := at[name]; ok {
			env[i] = name + "=" + value
			continue
		}
		at[name] = len(env)
		env = append(env, name+"="+value)
	}
	return env
}

// steering are variables that name files or programs: no message sets them.
var steering = map[string]bool{
	"HA_DIR": true, "HA_FUNCS": true, "HA_RCDIR": true, "HA_RESOURCEDIR": true, "HA_BIN": true,
	"HA_NOARCHBIN": true, "HA_SBIN_DIR": true, "HA_FIFO": true, "HA_CF": true, "HA_LOGFILE": true,
	"HA_DEBUGLOG": true, "HA_LOGFACILITY": true, "HA_LOGD": true, "HA_LOGTAG": true, "HA_DATEFMT": true,
	"HA_CURHOST": true, "HA_EMERGENCY": true, "HA_VARLIB": true, "HA_VARRUN": true, "HA_VARLOCK": true,
	"HA_RSCTMP": true, "HA_CONFDIR": true, "HA_DOCDIR": true, "HA_STOPRETRYMAX": true, "HA_debug": true,
	"HA_OSTATUS": true, "HA_NICEFAILBACK": true, "HA_DONTASK": true, "HA_TAKEOVER": true,
}

func shellName(s string) bool {
	for i, c := range s {
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}
