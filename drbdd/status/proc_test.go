package status

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

var update = flag.Bool("update", false, "write testdata/proc anew")

var start = time.Date(2005, 9, 16, 19, 28, 18, 0, time.UTC)

// syncing is a resync of 10085 MiB, after 42 seconds.
func syncing() *replica.Progress {
	p := &replica.Progress{Total: 2581952, Left: 2462084, Started: start, Now: start.Add(42 * time.Second), Want: 16000}
	for i := range 8 { // 3 s apart, 3464 bits a second since the second of them
		p.Marks = append(p.Marks, replica.Mark{At: start.Add(time.Duration(21+3*i) * time.Second), Left: p.Left + 3464*uint64(21-3*i)})
	}
	return p
}

// machine has a resource that syncs, one that is the article's new pair, one
// without a disk, and a hole between minors.
func machine() []control.Resource {
	net := map[string]string{"protocol": "C"}
	return []control.Resource{
		{View: replica.View{Name: "user", Conn: wire.WFReportParams, Role: wire.Primary, Peer: wire.Secondary, Volumes: []replica.VolumeView{{
			Role: wire.Primary, Peer: wire.Secondary, Conn: wire.SyncSource, Disk: wire.UpToDate, Pdsk: wire.Inconsistent, Progress: syncing(),
			Counters: replica.Counters{SentKiB: 480604, ReadKiB: 480604, BMWrites: 147, Pending: 1127, Epochs: 1}, OOS: 2462084, NetCongested: true,
		}}}, Net: net},
		{View: replica.View{Name: "web", Conn: wire.WFReportParams, Volumes: []replica.VolumeView{
			{Vol: 0, Minor: 1, Role: wire.Secondary, Peer: wire.Secondary, Conn: wire.Connected, Disk: wire.Inconsistent, Pdsk: wire.Inconsistent, OOS: 256, WriteOrdering: 'd', Counters: replica.Counters{Epochs: 1}},
			{Vol: 1, Minor: 4, Role: wire.Secondary, Peer: wire.Secondary, Conn: wire.VerifyS, Disk: wire.UpToDate, Pdsk: wire.UpToDate,
				Progress: &replica.Progress{Verify: true, Total: 1 << 19, Left: 1 << 18, Started: start, Now: start.Add(5 * time.Minute), Paused: time.Minute, Want: 1234567,
					Marks: []replica.Mark{{At: start, Left: 1 << 18}}}},
		}}, Net: net},
		{View: replica.View{Name: "new", Susp: true, Volumes: []replica.VolumeView{
			{Minor: 5, Role: wire.Secondary, Conn: wire.StandAlone},
			{Minor: 6, Role: wire.Secondary, Conn: wire.StandAlone, Disk: wire.UpToDate, Pdsk: wire.DUnknown, AftrISP: true, PeerISP: true, UserISP: true, ALSuspended: true, DiskCongested: true, NetCongested: true},
			{Minor: 7, Role: wire.Primary, Conn: wire.StandAlone, Pdsk: wire.DUnknown, ALCongested: true},
			{Minor: 12, Role: wire.Primary, Conn: wire.StandAlone, Disk: wire.Failed, DiskCongested: true, WriteOrdering: 'n'},
		}}},
	}
}

// TestProc: the text of each era, as files.
func TestProc(t *testing.T) {
	for name, c := range map[string]struct {
		s     Style
		build string
	}{
		"8.4": {Style84, "srcversion: F73C670A7EC572DB9CF3E5B "},
		"8.3": {Style83, "GIT-hash: a798fa7e274428a357657fb52f0ecf40192c1985 build by root@serv-a, 2013-09-27 15:46:43"},
		"8.0": {Style80, "GIT-hash: d30881451c988619e243d6294a899139eed1183d build by root@serv-a, 2009-05-27 09:53:06"},
		"0.7": {Style07, "SVN Revision: 1680 build by root@serv-a, 2005-09-16 19:28:18"},
	} {
		got := printed(func(w *bytes.Buffer) { Proc(w, machine(), c.s, c.build) })
		file := "testdata/proc/" + name + ".txt"
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		same(t, name, got, string(want))
	}
	if got := printed(func(w *bytes.Buffer) { Proc(w, nil, Style84, "x") }); got != "version: 8.4.11 (api:1/proto:86-101)\nx\n" {
		t.Errorf("no resources: %q", got)
	}
}

// TestArticle: what the article's section 4.3 shows of a new pair, and after the
// full sync.
func TestArticle(t *testing.T) {
	v := replica.VolumeView{Role: wire.Secondary, Peer: wire.Secondary, Conn: wire.Connected, Disk: wire.Inconsistent, Pdsk: wire.Inconsistent}
	text := func() string {
		return printed(func(w *bytes.Buffer) {
			Proc(w, []control.Resource{{View: replica.View{Name: "user", Volumes: []replica.VolumeView{v}}, Net: map[string]string{}}}, Style07, "SVN Revision: 1680 build by root@serv-a, 2005-09-16 19:28:18")
		})
	}
	const head = "version: 0.7.7 (api:77/proto:74)\nSVN Revision: 1680 build by root@serv-a, 2005-09-16 19:28:18\n"
	const zero = "    ns:0 nr:0 dw:0 dr:0 al:0 bm:0 lo:0 pe:0 ua:0 ap:0\n"
	same(t, "new", text(), head+" 0: cs:Connected st:Secondary/Secondary ld:Inconsistent\n"+zero)
	v.Role, v.Disk, v.Pdsk = wire.Primary, wire.UpToDate, wire.UpToDate
	same(t, "synced", text(), head+" 0: cs:Connected st:Primary/Secondary ld:Consistent\n"+zero)
	v.Disk = wire.Diskless
	same(t, "without a disk", text(), head+" 0: cs:DiskLessClient st:Primary/Secondary ld:Inconsistent\n"+zero)
	v.Disk, v.Pdsk, v.Peer, v.Conn = wire.UpToDate, wire.Diskless, wire.Primary, wire.Connected
	same(t, "peer without", text(), head+" 0: cs:ServerForDLess st:Primary/Primary ld:Consistent\n"+zero)
}

func TestCState07(t *testing.T) {
	// The 17 words of 0.7; nothing else may come out.
	known := map[string]bool{}
	for _, w := range []string{"StandAlone", "Unconnected", "Timeout", "BrokenPipe", "NetworkFailure", "WFConnection", "WFReportParams", "Connected",
		"WFBitMapS", "WFBitMapT", "SyncSource", "SyncTarget", "PausedSyncS", "PausedSyncT"} {
		known[w] = true
	}
	for c := wire.StandAlone; c <= wire.Behind; c++ {
		if w := CState07(c, wire.UpToDate, wire.UpToDate); !known[w] {
			t.Errorf("%s is called %s", c, w)
		}
	}
}

func TestProgress(t *testing.T) {
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	for name, c := range map[string]struct {
		p      replica.Progress
		want84 string
		want07 string
	}{
		"small devices are at 100 % from the start (recorded)": {replica.Progress{Total: 64, Left: 50, Started: at(0), Now: at(1)},
			"\t[===================>] sync'ed:100.0% (200/256)K\n\tfinish: 0:00:00 speed: 56 (56) K/sec\n",
			"\t[===================>] sync'ed:100.0% (200/256)K\n\tfinish: 0:00:00 speed: 56 (56) K/sec\n"},
		"begun": {replica.Progress{Total: 1 << 20, Left: 1 << 20, Started: at(0), Now: at(0)},
			"\t[>....................] sync'ed:  0.1% (4194304/4194304)K\n\tfinish: 2:54:45 speed: 0 (0) K/sec\n",
			"\t[>...................] sync'ed:  0.1% (4194304/4194304)K\n\tfinish: 2:54:45 speed: 0 (0) K/sec\n"},
		"more left than there was": {replica.Progress{Total: 1000, Left: 2000, Started: at(0), Now: at(9)},
			"\t[>....................] sync'ed:  0.0% (8000/4000)K\n\tfinish: 0:03:00 speed: 0 (0) K/sec\n",
			"\t[>....................] sync'ed:  0.0% (8000/4000)K\n\tfinish: 0:03:00 speed: 0 (0) K/sec\n"},
		"nothing moves": {replica.Progress{Total: 1 << 19, Left: 1 << 18, Started: at(0), Now: at(300), Marks: []replica.Mark{{At: at(60), Left: 1 << 18}}},
			"\t[=========>..........] sync'ed: 50.1% (1048576/2097152)K\n\tfinish: 174:45:45 speed: 0 (3,492) K/sec (stalled)\n",
			"\t[==========>.........] sync'ed: 50.1% (1048576/2097152)K\n\tstalled\n"},
		"blocks that failed are done with": {replica.Progress{Total: 1 << 19, Left: 1<<18 + 512, Failed: 512, Started: at(0), Now: at(32)},
			"\t[=========>..........] sync'ed: 50.1% (1048576/2097152)K\n\tfinish: 0:00:31 speed: 32,768 (32,768) K/sec\n",
			"\t[==========>.........] sync'ed: 50.1% (1048576/2097152)K\n\tfinish: 0:00:31 speed: 32,768 (32,768) K/sec\n"},
		"fast": {replica.Progress{Total: 1 << 33, Left: 1 << 32, Started: at(0), Now: at(1)},
			"\t[=========>..........] sync'ed: 50.1% (16777216/33554432)M\n\tfinish: 0:00:00 speed: 17,179,869,184 (17,179,869,184) K/sec\n",
			"\t[==========>.........] sync'ed: 50.1% (16777216/33554432)M\n\tfinish: 0:00:00 speed: 17179869,184 (17179869,184) K/sec\n"},
	} {
		same(t, name+", 8.4", printed(func(w *bytes.Buffer) { progress83(w, &c.p, false) }), c.want84)
		same(t, name+", 0.7", printed(func(w *bytes.Buffer) { progress07(w, &c.p) }), c.want07)
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 13856: "13,856", 1000000: "1,000,000", 1234567890: "1,234,567,890"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	for n, want := range map[uint64]string{1000: "1000", 1001: "1,001", 13856: "13,856"} {
		if got := oneComma(n); got != want {
			t.Errorf("0.7: %d is %s, want %s", n, got, want)
		}
	}
}

func TestProgressBar(t *testing.T) {
	p := syncing()
	same(t, "80", ProgressBar("user", p, 80), "\ruser [=>....................................]   4.6%     13,856 K/sec   0:11:50")
	same(t, "40", ProgressBar("user", p, 40), "\ruser   4.6%     13,856 K/sec   0:11:50 ")
	p.Marks = []replica.Mark{{At: start, Left: p.Left}}
	same(t, "nothing moves", ProgressBar("u", p, 60), "\ru [>....................]   4.6%          0 K/sec   -:--:--")
	p.Left = 0
	same(t, "done", ProgressBar("u", p, 60), "\ru [=====================] 100.0%    234,484 K/sec   0:00:00")
	for width := -1; width < 200; width++ {
		if n := len(ProgressBar("a name that is rather long", p, width)); width > 0 && n != width {
			t.Errorf("width %d: %d bytes, want \\r and %d columns", width, n, width-1)
		}
	}
}
