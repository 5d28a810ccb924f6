package status

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// The files in testdata/states are what the programs of drbd-utils 9.22 printed
// on two nodes with the in-kernel DRBD 8.4.11, one file a situation. Each text
// is taken apart into a Resource, and printed again from that; numbers that a
// text does not hold (the size, while it tells a per cent) come from others of
// the same node.

// recording is what one node printed, by command.
type recording struct {
	name string // file and node
	out  map[string][]string
}

func recordings(t *testing.T) []recording {
	t.Helper()
	files, err := filepath.Glob("testdata/states/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	var all []recording
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, node := range strings.Split(string(data), "========== node") {
			rec := recording{name: fmt.Sprintf("%s/node%d", strings.TrimSuffix(filepath.Base(f), ".txt"), i), out: map[string][]string{}}
			for _, part := range strings.Split("\n"+node, "\n##### ")[1:] {
				command, text, _ := strings.Cut(part, "\n")
				text, _, ok := strings.Cut(text+"\n", "# exit status 0\n")
				if ok {
					rec.out[command] = append(rec.out[command], text)
				}
			}
			if len(rec.out) > 0 {
				all = append(all, rec)
			}
		}
	}
	return all
}

// each calls f for every text that a command printed.
func each(t *testing.T, command string, least int, f func(t *testing.T, rec recording, text string)) {
	t.Helper()
	n := 0
	for _, rec := range recordings(t) {
		for _, text := range rec.out[command] {
			n++
			f(t, rec, text)
		}
	}
	if n < least {
		t.Errorf("%d texts of %s, want at least %d", n, command, least)
	}
}

func same(t *testing.T, name, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

func printed(f func(w *bytes.Buffer)) string {
	var b bytes.Buffer
	f(&b)
	return b.String()
}

// Names back to states.
func named[T fmt.Stringer](name string, of func(uint8) T) (x T) {
	for i := range uint8(32) {
		if of(i).String() == name {
			return of(i)
		}
	}
	panic("no state is called " + name)
}

func roleOf(s string) wire.Role { return named(s, func(i uint8) wire.Role { return wire.Role(i) }) }
func diskOf(s string) wire.DiskState {
	return named(s, func(i uint8) wire.DiskState { return wire.DiskState(i) })
}

func connOf(s string) wire.ConnState {
	switch s {
	case "Connecting":
		return wire.WFConnection
	case "Off":
		return wire.WFReportParams
	case "Established":
		return wire.Connected
	}
	return named(s, func(i uint8) wire.ConnState { return wire.ConnState(i) })
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

var (
	procDevice = regexp.MustCompile(`^ *(\d+): cs:(\w+) ro:(\w+)/(\w+) ds:(\w+)/(\w+) (.) (.)(.)(.)(.)(.)(.)$`)
	procCount  = regexp.MustCompile(`(\w\w\w?):(\w)`)
	procBar    = regexp.MustCompile(`(sync'ed|verified): *[\d.]+% \((\d+)/(\d+)\)K`)
	procWant   = regexp.MustCompile(`speed: ([\d,]+) \(([\d,]+)\)(?: want: ([\d,]+))?`)
)

// fromProc reads /proc/drbd of 8.4 into one resource.
func fromProc(text string) control.Resource {
	r := control.Resource{View: replica.View{Name: "r0", Conn: wire.StandAlone}}
	started := time.Unix(1000, 0)
	var v *replica.VolumeView
	for _, line := range strings.Split(text, "\n")[2:] {
		if m := procDevice.FindStringSubmatch(line); m != nil {
			r.View.Volumes = append(r.View.Volumes, replica.VolumeView{
				Vol: atoi(m[1]), Minor: atoi(m[1]), Conn: connOf(m[2]), Role: roleOf(m[3]), Peer: roleOf(m[4]), Disk: diskOf(m[5]), Pdsk: diskOf(m[6]),
				AftrISP: m[9] == "a", PeerISP: m[10] == "p", UserISP: m[11] == "u", ALSuspended: m[13] == "s",
			})
			v = &r.View.Volumes[len(r.View.Volumes)-1]
			r.View.Role, r.View.Peer, r.View.Susp = v.Role, v.Peer, m[8] == "s"
			if r.View.Conn = v.Conn; v.Conn > wire.WFReportParams {
				r.View.Conn = wire.WFReportParams
			}
			if m[7] != " " {
				r.View.Net = &replica.NetView{Options: replica.NetOptions{Protocol: m[7][0]}}
			}
			continue
		}
		if strings.HasPrefix(line, "    ns:") {
			for _, f := range strings.Fields(line) {
				name, value, _ := strings.Cut(f, ":")
				n, _ := strconv.Atoi(value)
				c := &v.Counters
				switch name {
				case "ns":
					c.SentKiB = uint64(n)
				case "nr":
					c.RecvKiB = uint64(n)
				case "dw":
					c.WrittenKiB = uint64(n)
				case "dr":
					c.ReadKiB = uint64(n)
				case "al":
					c.ALWrites = uint64(n)
				case "bm":
					c.BMWrites = uint64(n)
				case "lo":
					c.Local = n
				case "pe":
					c.Pending = n
				case "ua":
					c.Unacked = n
				case "ap":
					c.Application = n
				case "ep":
					c.Epochs = n
				case "wo":
					v.WriteOrdering = value[0]
				case "oos":
					v.OOS = uint64(n) / 4
				}
			}
		}
		if m := procBar.FindStringSubmatch(line); m != nil {
			v.Progress = &replica.Progress{Verify: m[1] == "verified", Left: uint64(atoi(m[2])) / 4, Total: uint64(atoi(m[3])) / 4, Started: started, Now: started.Add(1500 * time.Millisecond)}
		}
		if m := procWant.FindStringSubmatch(line); m != nil && m[3] != "" {
			v.Progress.Want = uint64(atoi(strings.ReplaceAll(m[3], ",", "")))
		}
	}
	return r
}

func TestRecordedProc(t *testing.T) {
	bars := 0
	each(t, "cat /proc/drbd", 95, func(t *testing.T, rec recording, text string) {
		build := strings.Split(text, "\n")[1]
		got := printed(func(w *bytes.Buffer) { Proc(w, []control.Resource{fromProc(text)}, Style84, build) })
		same(t, rec.name, got, text)
		bars += strings.Count(got, "finish:")
	})
	if bars < 6 {
		t.Errorf("%d progress bars among the recordings", bars)
	}
}

// TestRecordedState: role, cstate and dstate, from what /proc/drbd said at
// nearly the same time.
func TestRecordedState(t *testing.T) {
	for _, rec := range recordings(t) {
		r := fromProc(rec.out["cat /proc/drbd"][0])
		var role, cstate, dstate string
		for _, v := range r.View.Volumes {
			role += Role(r, v.Vol) + "\n"
			cstate += CState(r, v.Vol) + "\n"
			dstate += DState(r, v.Vol) + "\n"
		}
		if c := rec.out["drbdadm cstate all"][0]; c != cstate {
			if !strings.HasPrefix(rec.name, "verify-running") && !strings.HasPrefix(rec.name, "ahead-behind-2") {
				t.Errorf("%s: %q became %q in between?", rec.name, cstate, c)
			}
			continue // the state changed between the two commands
		}
		same(t, rec.name, role+dstate, rec.out["drbdadm role all"][0]+rec.out["drbdadm dstate all"][0])
	}
}

// fromStatus reads `status`; words of a line are NAME:VALUE.
func fromStatus(text string, size uint64) control.Resource {
	r := control.Resource{View: replica.View{Conn: wire.StandAlone}}
	peer := false
	vol := func(n int) *replica.VolumeView {
		for i := range r.View.Volumes {
			if r.View.Volumes[i].Vol == n {
				return &r.View.Volumes[i]
			}
		}
		r.View.Volumes = append(r.View.Volumes, replica.VolumeView{Vol: n, Minor: n, Pdsk: wire.DUnknown, Size: size, WriteOrdering: 'f'})
		return &r.View.Volumes[len(r.View.Volumes)-1]
	}
	words := strings.Fields(text)
	r.View.Name = words[0]
	last := 0
	for _, word := range words[1:] {
		name, value, ok := strings.Cut(word, ":")
		if !ok {
			peer, last = true, 0
			r.View.Net, r.View.Conn = &replica.NetView{}, wire.WFReportParams
			continue
		}
		set(&r.View, vol, &last, peer, name, value)
	}
	return r
}

// set puts one NAME:VALUE of status or events2 into a view.
func set(view *replica.View, vol func(int) *replica.VolumeView, last *int, peer bool, name, value string) {
	yes := func(word string) bool { return strings.Contains(","+value+",", ","+word+",") }
	number := func() uint64 { return uint64(atoi(value)) }
	switch name {
	case "volume":
		*last = atoi(value)
		vol(*last)
	case "minor":
		vol(*last).Minor = atoi(value)
	case "role":
		if peer {
			view.Peer = roleOf(value)
		} else {
			view.Role = roleOf(value)
		}
	case "suspended":
		view.Susp, view.SuspNod, view.SuspFen = yes("user"), yes("no-data"), yes("fencing")
	case "connection":
		if view.Conn = wire.WFReportParams; value != "Connected" {
			view.Conn = connOf(value)
		}
	case "disk":
		vol(*last).Disk = diskOf(value)
	case "replication":
		if vol(*last).Conn = connOf(value); value == "Off" {
			vol(*last).Conn = view.Conn
		}
	case "peer-disk":
		vol(*last).Pdsk = diskOf(value)
	case "done":
		v := vol(*last)
		done, err := strconv.ParseFloat(value, 64)
		if err != nil {
			panic(err)
		}
		bits := uint64(math.Round((100 - done) / 100 * float64(v.Size) / 8))
		if v.OOS = bits; v.Conn == wire.VerifyS || v.Conn == wire.VerifyT {
			v.Progress = &replica.Progress{Verify: true, Left: bits, Total: v.Size / 8}
		}
	case "resync-suspended":
		v := vol(*last)
		v.UserISP, v.PeerISP, v.AftrISP = yes("user"), yes("peer"), yes("dependency")
	case "size":
		vol(*last).Size = number() * 2
	case "read":
		vol(*last).Counters.ReadKiB = number()
	case "written":
		vol(*last).Counters.WrittenKiB = number()
	case "al-writes":
		vol(*last).Counters.ALWrites = number()
	case "bm-writes":
		vol(*last).Counters.BMWrites = number()
	case "upper-pending":
		vol(*last).Counters.Application = int(number())
	case "lower-pending":
		vol(*last).Counters.Local = int(number())
	case "al-suspended":
		vol(*last).ALSuspended = value == "yes"
	case "received":
		vol(*last).Counters.RecvKiB = number()
	case "sent":
		vol(*last).Counters.SentKiB = number()
	case "out-of-sync":
		vol(*last).OOS = number() / 4
	case "pending":
		vol(*last).Counters.Pending = int(number())
	case "unacked":
		vol(*last).Counters.Unacked = int(number())
	case "congested":
		view.Net.Congested = value == "yes"
	case "write-ordering", "blocked": // flush; follows from others
	default:
		panic("status says " + name)
	}
}

// sizeOf is the size of a node's first volume, in sectors.
func (rec recording) sizeOf() uint64 {
	for _, text := range rec.out["drbdsetup status --verbose --statistics"] {
		if _, after, ok := strings.Cut(text, "size:"); ok {
			return uint64(atoi(strings.Fields(after)[0])) * 2
		}
	}
	return 0
}

func TestRecordedStatus(t *testing.T) {
	for _, command := range []string{"drbdsetup status", "drbdadm status", "drbdsetup status --verbose --statistics"} {
		o := Options{Verbose: strings.Contains(command, "verbose"), Statistics: strings.Contains(command, "statistics")}
		each(t, command, 90, func(t *testing.T, rec recording, text string) {
			got := printed(func(w *bytes.Buffer) { Status(w, fromStatus(text, rec.sizeOf()), o) })
			same(t, rec.name, got, text)
		})
	}
}

func TestRecordedGI(t *testing.T) {
	parse := func(line string) control.Resource {
		var s metadata.Superblock
		if err := s.SetGI(line); err != nil {
			t.Fatal(err)
		}
		return control.Resource{View: replica.View{Volumes: []replica.VolumeView{{Disk: wire.UpToDate, UUIDs: s.UUIDs, Flags: s.Flags}}}}
	}
	each(t, "drbdadm get-gi all", 90, func(t *testing.T, rec recording, text string) {
		for _, line := range strings.Fields(text) {
			if got, ok := GetGI(parse(line), 0); !ok || got != line {
				t.Errorf("%s: %s, want %s", rec.name, got, line)
			}
		}
	})
	identifiers := regexp.MustCompile(`(?m)^[0-9A-F]{16}:.*$`)
	each(t, "drbdadm show-gi all", 90, func(t *testing.T, rec recording, text string) {
		if strings.Contains(text, "last agreed") {
			return // drbdmeta's, which drbdadm asked because the device had no disk
		}
		got := ""
		for _, line := range identifiers.FindAllString(text, -1) {
			show, _ := ShowGI(parse(line), 0)
			got += show
		}
		same(t, rec.name, got, text)
	})
}
