package status

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/config"
	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// random is any Resource, also one that cannot be.
func random(g *rand.Rand) control.Resource {
	yes := func() bool { return g.IntN(2) == 0 }
	number := func() uint64 { return g.Uint64() >> g.IntN(64) }
	r := control.Resource{View: replica.View{
		Name: strings.Repeat("r", 1+g.IntN(40)), Conn: wire.ConnState(g.IntN(26)), Role: wire.Role(g.IntN(4)), Peer: wire.Role(g.IntN(4)), Susp: yes(), SuspNod: yes(), SuspFen: yes(),
	}}
	if yes() {
		r.View.Net = &replica.NetView{Congested: yes()}
	}
	if yes() {
		r.Net = map[string]string{"protocol": "B", "timeout": "not a number", "shared-secret": "a\"b\\", "congestion-fill": "1G", "sndbuf-size": "-3"}
		r.Local, r.Remote = "ipv6:[::1]:1", "x"
	}
	for vol := range g.IntN(4) {
		v := replica.VolumeView{
			Vol: vol*3 + g.IntN(3), Minor: g.IntN(300), Role: wire.Role(g.IntN(4)), Peer: wire.Role(g.IntN(4)), Conn: wire.ConnState(g.IntN(26)),
			Disk: wire.DiskState(g.IntN(11)), Pdsk: wire.DiskState(g.IntN(11)), AftrISP: yes(), PeerISP: yes(), UserISP: yes(), Size: number(), OOS: number(),
			DiskCongested: yes(), NetCongested: yes(), ALCongested: yes(), ALSuspended: yes(), WriteOrdering: "fdnb\x00"[g.IntN(5)],
			Counters: replica.Counters{SentKiB: number(), RecvKiB: number(), ReadKiB: number(), WrittenKiB: number(), Local: g.Int(), Pending: -g.IntN(9)},
		}
		if yes() {
			p := &replica.Progress{Verify: yes(), Total: number(), Left: number(), Failed: number(), Paused: time.Duration(g.Int64()), Want: number()}
			if yes() {
				p.Started, p.Now = time.Unix(g.Int64N(1<<34), 0), time.Unix(g.Int64N(1<<34), 0)
			}
			for range g.IntN(12) {
				p.Marks = append(p.Marks, replica.Mark{At: time.Unix(g.Int64N(1<<34), 0), Left: number()})
			}
			v.Progress = p
		}
		r.View.Volumes = append(r.View.Volumes, v)
		if yes() {
			r.Volumes = append(r.Volumes, control.Volume{Disk: "/dev/x", Meta: "/dev/y", Index: []string{"", "internal", "flexible", "7"}[g.IntN(4)], Options: map[string]string{"size": "1G", "al-extents": "", "resync-after": "4"}})
		}
	}
	return r
}

// FuzzStatus: no Resource makes a printer panic; lines fit the width or have one
// word; JSON is JSON; what show prints is read back.
func FuzzStatus(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed, int(seed%120))
	}
	f.Fuzz(func(t *testing.T, seed uint64, width int) {
		g := rand.New(rand.NewPCG(seed, 1))
		r, other := random(g), random(g)
		var b bytes.Buffer
		o := Options{Verbose: seed&1 != 0, Statistics: seed&2 != 0, Width: width}
		Status(&b, r, o)
		if width <= 0 {
			width = defaultWidth
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if len(line) > width && len(strings.Fields(line)) > 1 {
				t.Errorf("%d columns of %d: %q", len(line), width, line)
			}
		}
		if strings.Contains(b.String(), " \n") || strings.Contains(b.String(), "%!") {
			t.Errorf("%q", b.String())
		}
		words := strings.Join(strings.Fields(b.String()), " ")
		b.Reset()
		o.Width = 1 << 20
		Status(&b, r, o)
		if wide := strings.Join(strings.Fields(b.String()), " "); wide != words {
			t.Errorf("the width changes words: %q, %q", words, wide)
		}
		b.Reset()
		if err := JSON(&b, []control.Resource{r, other}); err != nil || !json.Valid(b.Bytes()) {
			t.Errorf("%v: %s", err, b.String())
		}
		b.Reset()
		Show(&b, []control.Resource{r}, seed&4 != 0)
		if back, found := config.ParseShow(b.Bytes()); back == nil || back.Name != r.View.Name {
			t.Errorf("%v after\n%s", found, b.String())
		}
		both := []control.Resource{r, other}
		for s := Style84; s <= Style07; s++ {
			Proc(&b, both, s, "")
		}
		Status83XML(&b, both, "")
		for vol := -1; vol < 12; vol++ {
			Show83(&b, r, vol)
			Show07(&b, r, vol, nil)
			ShStatus(&b, r, vol)
			_, _, _ = Role(r, vol), CState(r, vol), DState(r, vol)
			GetGI(r, vol)
			ShowGI(r, vol)
		}
		seq := 0
		other.View.Name = r.View.Name
		Events84([]control.Resource{r}, []control.Resource{other}, &seq)
		Events2([]control.Resource{r}, []control.Resource{other}, EventOptions{Statistics: true, Timestamps: true})
		if same := Events2([]control.Resource{r}, []control.Resource{r}, EventOptions{Statistics: true}); len(same) > 0 {
			t.Errorf("nothing changed: %q", same)
		}
		for _, v := range r.View.Volumes {
			if v.Progress != nil {
				if bar := ProgressBar(r.View.Name, v.Progress, width); width < 1<<16 && len(bar) != width {
					t.Errorf("bar of %d for width %d", len(bar), width)
				}
			}
		}
		if strings.Contains(b.String(), "%!") {
			t.Error(b.String())
		}
	})
}
