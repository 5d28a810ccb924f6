package drbdadm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"classicha/drbdd/config"
	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/status"
)

// obedient is a daemon that does what up says, and shows it.
type obedient struct {
	t  *testing.T
	rs map[string]*control.Resource
}

// options converts arguments as drbdsetup does: numbers in the option's unit.
func (o *obedient) options(s config.Section, args []string) map[string]string {
	m := map[string]string{}
	for _, a := range parsed(s, args) {
		m[a.Name] = a.Value
		if a.Def.Type == config.Number {
			n, err := a.Clamped()
			if err != nil {
				o.t.Fatal(err)
			}
			m[a.Name] = fmt.Sprint(n)
		}
	}
	return m
}

func (o *obedient) volume(minor string) *control.Volume {
	n, err := strconv.Atoi(minor)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, r := range o.rs {
		for i, v := range r.View.Volumes {
			if v.Minor == n {
				return &r.Volumes[i]
			}
		}
	}
	o.t.Fatalf("no minor %s", minor)
	return nil
}

func (o *obedient) start(c Call) (Process, error) {
	p := &fakeProcess{out: c.Stdout, killed: make(chan syscall.Signal, 1)}
	a := c.Argv
	switch a[1] {
	case "new-resource":
		o.rs[a[2]] = &control.Resource{View: replica.View{Name: a[2]}, Options: o.options(config.SectionOptions, a[3:])}
	case "new-minor":
		r := o.rs[a[2]]
		minor, _ := strconv.Atoi(a[3])
		vol, _ := strconv.Atoi(a[4])
		r.View.Volumes = append(r.View.Volumes, replica.VolumeView{Vol: vol, Minor: minor})
		r.Volumes = append(r.Volumes, control.Volume{})
	case "attach":
		*o.volume(a[2]) = control.Volume{Disk: a[3], Meta: a[4], Index: a[5], Options: o.options(config.SectionDisk, a[6:])}
	case "connect":
		r := o.rs[a[2]]
		r.Local, r.Remote, r.Net = a[3], a[4], o.options(config.SectionNet, a[5:])
	case "show":
		var b bytes.Buffer
		if r := o.rs[a[2]]; r != nil {
			status.Show(&b, []control.Resource{*r}, false)
		}
		p.by.out = b.String()
	default:
		if a[0] != "drbdmeta" {
			o.t.Fatalf("ran %q", a)
		}
	}
	return p, nil
}

// TestSecondAdjust: after up, or after adjust, an adjust finds nothing to do
// (drbd-cli 2.4), for every configuration that we have.
func TestSecondAdjust(t *testing.T) {
	files, err := filepath.Glob("testdata/conf/*.conf")
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := filepath.Glob("testdata/seed/*.conf")
	tried := 0
	for _, f := range slices.Concat(files, seed) {
		switch filepath.Base(f) {
		case "empty.conf", "global-only.conf", "wrong.conf", "ignored.conf", "three.conf", "one-host.conf", "after-many.conf":
			continue // nothing to adjust, or no way to connect
		case "quoting.conf":
			continue // the name of its resource has a blank, which show does not quote
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, first := range []string{"up", "adjust", "adjust-with-progress"} {
			b := newBench(t, string(text))
			if strings.Contains(f, "seed") {
				b.env.Config.Hostname = "serv-b"
			}
			b.env.Config.LocalAddr = func(a string) bool {
				return strings.HasPrefix(a, "127.") || a == "::1" || a == "130.66.201.2" || strings.HasPrefix(a, "203.0.113.") && a != "203.0.113.7"
			}
			o := &obedient{t: t, rs: map[string]*control.Resource{}}
			b.env.Start = o.start
			if code := b.do(first + " all"); code != 0 {
				t.Errorf("%s: %s: exit %d: %s", f, first, code, &b.err)
				continue
			}
			if code := b.do("-v adjust all"); code != 0 || b.out.Len() > 0 {
				t.Errorf("%s: adjust after %s: exit %d, would call\n%s%s", f, first, code, &b.out, &b.err)
			}
			tried++
		}
	}
	if tried < 40 {
		t.Errorf("only %d", tried)
	}
}
