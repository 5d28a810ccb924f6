package status

import (
	"fmt"
	"strings"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
)

// EventOptions of `drbdsetup events2`. Now is printed with Timestamps, in its
// own zone.
type EventOptions struct {
	Statistics, Timestamps bool
	Now                    time.Time
}

// Events2Initial are the lines with which events2 begins (drbd-cli 3.3), without
// newlines: everything that exists, then "exists -".
func Events2Initial(now []control.Resource, o EventOptions) []string {
	var out []string
	for _, r := range now {
		for _, x := range objects(r, true) {
			out = append(out, o.line("exists", x, nil))
		}
	}
	return append(out, o.stamp()+"exists -")
}

// Events2 are the lines for what changed between two states: create, change and
// destroy. A change is one of states; of counters alone nothing is said. It
// names the fields that changed and, with Statistics, every counter.
func Events2(prev, now []control.Resource, o EventOptions) []string {
	var out []string
	for _, r := range now {
		var before []object
		if old := find(prev, r.View.Name); old != nil {
			before = objects(*old, false)
		}
		after := objects(r, false)
		for _, x := range after {
			old := findObject(before, x.key)
			switch {
			case old == nil:
				out = append(out, o.line("create", x, nil))
			case x.changed(*old):
				out = append(out, o.line("change", x, old))
			}
		}
		out = append(out, o.gone(before, after, r)...)
	}
	for _, r := range prev {
		if find(now, r.View.Name) == nil {
			out = append(out, o.gone(objects(r, false), nil, r)...)
		}
	}
	return out
}

// gone are the lines for objects that are not there any more, what hangs on
// others first. A peer is said to be in its last state before it goes.
func (o EventOptions) gone(before, after []object, r control.Resource) []string {
	var out, last []string
	r.View.Net = &replica.NetView{}
	final := objects(r, false)
	for i := len(before) - 1; i >= 0; i-- {
		x := before[i]
		if findObject(after, x.key) != nil {
			continue
		}
		if f := findObject(final, x.key); f != nil && f.changed(x) {
			last = append([]string{o.line("change", *f, &x)}, last...)
		}
		out = append(out, o.stamp()+"destroy "+x.key)
	}
	return append(last, out...)
}

// Events2Helper is the line about a handler: call, or response with the status
// that wait(2) gives (1024 for exit code 4, recorded). h.Code is the exit code.
func Events2Helper(h control.Helper, rs []control.Resource, o EventOptions) string {
	key := fmt.Sprintf("helper name:%s peer-node-id:0", h.Resource)
	r := find(rs, h.Resource)
	if r != nil && hasNet(*r) {
		key += " conn-name:" + peerName
	}
	if h.Volume >= 0 && r != nil {
		if v, _, ok := volume(*r, h.Volume); ok {
			key += fmt.Sprintf(" volume:%d minor:%d", v.Vol, v.Minor)
		}
	}
	if !h.Done {
		return o.stamp() + "call " + key + " helper:" + h.Name
	}
	return fmt.Sprintf("%sresponse %s helper:%s status:%d", o.stamp(), key, h.Name, waitStatus(h.Code))
}

// object is a resource, connection, device or peer-device of events2.
type object struct {
	key        string
	states     []counter // an event tells of those that changed
	counters   []counter // and, with Statistics, of all of these
	statistics []counter // and of those of these that changed
}

// objects of a resource in the order of events2. Without a network
// configuration its connection is told only at the beginning.
func objects(r control.Resource, initial bool) []object {
	v := r.View
	all := []object{{
		key:        "resource name:" + v.Name,
		states:     []counter{{"role", v.Role.String()}, {"suspended", suspended(v)}},
		statistics: []counter{{"write-ordering", ordering(v)}},
	}}
	peer, there := "peer-node-id:0 conn-name:"+peerName, hasNet(r)
	if !there {
		peer = "peer-node-id:0"
	}
	if there || initial {
		all = append(all, object{
			key:        "connection name:" + v.Name + " " + peer,
			states:     []counter{{"connection", conn9(v.Conn)}, {"role", v.Peer.String()}},
			statistics: []counter{{"congested", yesNo(v.Net != nil && v.Net.Congested)}},
		})
	}
	for _, d := range v.Volumes {
		all = append(all, object{
			key:        fmt.Sprintf("device name:%s volume:%d minor:%d", v.Name, d.Vol, d.Minor),
			states:     []counter{{"disk", d.Disk.String()}},
			counters:   deviceCounters(d),
			statistics: []counter{{"al-suspended", yesNo(d.ALSuspended)}, {"blocked", blocked(r, d)}},
		})
	}
	if there || initial {
		for _, d := range v.Volumes {
			all = append(all, object{
				key:      fmt.Sprintf("peer-device name:%s %s volume:%d", v.Name, peer, d.Vol),
				states:   []counter{{"replication", repl9(d.Conn)}, {"peer-disk", d.Pdsk.String()}, {"resync-suspended", resyncSuspended(d)}},
				counters: peerCounters(d),
			})
		}
	}
	return all
}

func findObject(all []object, key string) *object {
	for i := range all {
		if all[i].key == key {
			return &all[i]
		}
	}
	return nil
}

func (x object) changed(old object) bool {
	for i, f := range x.states {
		if old.states[i] != f {
			return true
		}
	}
	return false
}

// line prints an object, of old only what differs.
func (o EventOptions) line(action string, x object, old *object) string {
	var b strings.Builder
	b.WriteString(o.stamp() + action + " " + x.key)
	put := func(fields, before []counter) {
		for i, f := range fields {
			if before == nil || before[i] != f {
				b.WriteString(" " + f.name + ":" + f.value)
			}
		}
	}
	var was object
	if old != nil {
		was = *old
	}
	put(x.states, was.states)
	if o.Statistics {
		put(x.counters, nil)
		put(x.statistics, was.statistics)
	}
	return b.String()
}

func (o EventOptions) stamp() string {
	if !o.Timestamps {
		return ""
	}
	return o.Now.Format("2006-01-02T15:04:05.000000-07:00 ")
}
