package status

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

var conditions = regexp.MustCompile(` (role|suspended|connection|disk|replication|peer-disk|resync-suspended):`)

// apply puts a line of events2 into the resources.
func apply(rs []control.Resource, line string) []control.Resource {
	f := strings.Fields(line)
	action, kind, name := f[0], f[1], strings.TrimPrefix(f[2], "name:")
	if action == "create" && kind == "resource" || find(rs, name) == nil {
		rs = append(rs, control.Resource{View: replica.View{Name: name, Conn: wire.StandAlone}})
	}
	r := find(rs, name)
	view := &r.View
	if strings.Contains(line, " conn-name:") {
		if view.Net == nil {
			view.Net = &replica.NetView{}
		}
		if action == "destroy" && kind == "connection" {
			view.Net = nil
		}
	}
	vol := func(n int) *replica.VolumeView {
		for i := range view.Volumes {
			if view.Volumes[i].Vol == n {
				return &view.Volumes[i]
			}
		}
		view.Volumes = append(view.Volumes, replica.VolumeView{Vol: n, Minor: n, Pdsk: wire.DUnknown})
		r.Volumes = append(r.Volumes, control.Volume{})
		return &view.Volumes[len(view.Volumes)-1]
	}
	last := 0
	for _, word := range f[3:] {
		name, value, _ := strings.Cut(word, ":")
		if name != "peer-node-id" && name != "conn-name" {
			if name == "congested" && view.Net == nil {
				continue
			}
			set(view, vol, &last, kind == "connection", name, value)
		}
	}
	for i := range view.Volumes {
		if v := &view.Volumes[i]; v.Conn <= wire.WFReportParams {
			v.Conn = min(view.Conn, wire.WFReportParams)
		}
	}
	return rs
}

func clone(rs []control.Resource) []control.Resource {
	rs = slices.Clone(rs)
	for i := range rs {
		rs[i].View.Volumes = slices.Clone(rs[i].View.Volumes)
		if n := rs[i].View.Net; n != nil {
			net := *n
			rs[i].View.Net = &net
		}
	}
	return rs
}

// TestRecordedEvents2 follows what events2 told on real nodes: from the states
// before and after each event come the same lines. Events of the kernel in
// which nothing changed but counters are passed over.
func TestRecordedEvents2(t *testing.T) {
	blocked := regexp.MustCompile(` blocked:\w+`)
	files, _ := filepath.Glob("testdata/events2/*.txt")
	events, differ := 0, 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rs []control.Resource
		var stamp string
		var group, initial []string
		var prev []control.Resource
		foreign := false
		flush := func() {
			if len(group) == 0 {
				return
			}
			at, err := time.Parse("2006-01-02T15:04:05.000000-07:00", stamp)
			if err != nil {
				t.Fatal(err)
			}
			o := EventOptions{Statistics: true, Timestamps: true, Now: at}
			var want []string
			for _, line := range group {
				if !strings.HasPrefix(line, "change ") || conditions.MatchString(line) {
					want = append(want, stamp+" "+line)
				}
			}
			got := Events2(prev, rs, o)
			if slices.Equal(got, want) {
				events += len(got)
			} else if strip := func(l []string) string { return blocked.ReplaceAllString(strings.Join(l, "\n"), "") }; strip(got) == strip(want) {
				events += len(got)
				differ++
			} else {
				t.Errorf("%s:\ngot:\n%s\nwant:\n%s", file, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			group = nil
		}
		for _, whole := range strings.Split(string(data), "\n") {
			if strings.HasPrefix(whole, "==========") {
				flush()
				rs, stamp, foreign = nil, "", false
				continue
			}
			if !strings.HasPrefix(whole, "2026-") || foreign {
				continue
			}
			at, line, _ := strings.Cut(whole, " ")
			if at < stamp {
				// From here on the file has what a second listener wrote.
				foreign = true
				flush()
				continue
			}
			if at != stamp {
				flush()
				prev, stamp = clone(rs), at
			}
			switch action, _, _ := strings.Cut(line, " "); {
			case action == "exists":
				initial = append(initial, line)
				if line != "exists -" {
					rs = apply(rs, line)
					continue
				}
				got := Events2Initial(rs, EventOptions{Statistics: true})
				same(t, file, strings.Join(got, "\n"), strings.Join(initial, "\n"))
				initial = nil
			case action == "call" || action == "response":
				checkHelper(t, rs, line)
			default:
				rs = apply(rs, line)
				group = append(group, line)
			}
		}
		flush()
	}
	// A listener of the kernel says "blocked" where it differs from what it said
	// last; we, where it differs from the state before.
	if events < 400 || differ > 17 {
		t.Errorf("%d lines compared, %d of them but for blocked", events, differ)
	}
}

// checkHelper prints the line about a handler again.
func checkHelper(t *testing.T, rs []control.Resource, line string) {
	t.Helper()
	h := control.Helper{Volume: -1}
	for _, word := range strings.Fields(line) {
		name, value, _ := strings.Cut(word, ":")
		switch name {
		case "response":
			h.Done = true
		case "name":
			h.Resource = value
		case "volume":
			h.Volume = atoi(value)
		case "helper":
			h.Name = value
		case "status":
			h.Code = atoi(value) >> 8
		}
	}
	same(t, "helper", Events2Helper(h, rs, EventOptions{}), line)
}
