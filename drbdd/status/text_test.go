package status

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// pair is a resource of two volumes, connected, of which one syncs.
func pair() control.Resource {
	return control.Resource{
		View: replica.View{
			Name: "web", Net: &replica.NetView{}, Conn: wire.WFReportParams, Role: wire.Primary, Peer: wire.Secondary,
			Volumes: []replica.VolumeView{
				{Vol: 0, Minor: 2, Role: wire.Primary, Peer: wire.Secondary, Conn: wire.Connected, Disk: wire.UpToDate, Pdsk: wire.UpToDate, Size: 8152 * 2},
				{Vol: 1, Minor: 3, Role: wire.Primary, Peer: wire.Secondary, Conn: wire.SyncTarget, Disk: wire.Inconsistent, Pdsk: wire.UpToDate, Size: 10327808 * 2, OOS: 2462084, Progress: syncing()},
			},
		},
		Net: map[string]string{}, Volumes: make([]control.Volume, 2),
	}
}

func TestStatusText(t *testing.T) {
	r := pair()
	text := func(o Options) string { return printed(func(w *bytes.Buffer) { Status(w, r, o) }) }
	same(t, "short", text(Options{}), `web role:Primary
  volume:0 disk:UpToDate
  volume:1 disk:Inconsistent
  peer role:Secondary
    volume:0 replication:Established peer-disk:UpToDate
    volume:1 replication:SyncTarget peer-disk:UpToDate done:4.64

`)
	same(t, "statistics", text(Options{Statistics: true}), `web role:Primary
  volume:0 disk:UpToDate
      read:0 written:0
  volume:1 disk:Inconsistent
      read:0 written:0
  peer role:Secondary
    volume:0 replication:Established peer-disk:UpToDate
        received:0 sent:0
    volume:1 replication:SyncTarget peer-disk:UpToDate done:4.64
        received:0 sent:0 out-of-sync:9848336

`)
	same(t, "narrow", text(Options{Width: 30}), `web role:Primary
  volume:0 disk:UpToDate
  volume:1 disk:Inconsistent
  peer role:Secondary
    volume:0
        replication:Established
        peer-disk:UpToDate
    volume:1
        replication:SyncTarget
        peer-disk:UpToDate
        done:4.64

`)
	same(t, "colors", text(Options{Color: true}), "web role:\x1b[1;36mPrimary\x1b[0m\n  volume:0 disk:\x1b[1;32mUpToDate\x1b[0m\n  volume:1 disk:\x1b[1;31mInconsistent\x1b[0m\n"+
		"  peer role:Secondary\n    volume:0 replication:Established peer-disk:\x1b[32mUpToDate\x1b[0m\n"+
		"    volume:1 replication:\x1b[1;31mSyncTarget\x1b[0m peer-disk:\x1b[32mUpToDate\x1b[0m done:4.64\n\n")
	r.View.Susp, r.View.SuspNod, r.View.SuspFen = true, true, true
	r.View.Conn, r.View.Peer = wire.WFConnection, wire.RoleUnknown
	r.View.Volumes = r.View.Volumes[1:]
	v := &r.View.Volumes[0]
	v.Conn, v.Pdsk, v.Progress, v.DiskCongested, v.UserISP, v.PeerISP, v.AftrISP = wire.WFConnection, wire.DUnknown, nil, true, true, true, true
	same(t, "cut off", text(Options{}), "web role:Primary suspended:user,no-data,fencing\n  volume:1 disk:Inconsistent blocked:upper,lower\n  peer connection:Connecting\n\n")
	same(t, "cut off, verbose", text(Options{Verbose: true}), `web role:Primary suspended:user,no-data,fencing
  volume:1 minor:3 disk:Inconsistent blocked:upper,lower
  peer connection:Connecting role:Unknown congested:no
    volume:1 replication:Off peer-disk:DUnknown
        resync-suspended:user,peer,dependency

`)
	r.Net, r.View.Net, r.View.Volumes = nil, nil, nil
	same(t, "bare", text(Options{Color: true}), "web role:\x1b[1;36mPrimary\x1b[0m suspended:user,no-data,fencing\n\n")
	same(t, "bare, verbose", text(Options{Verbose: true, Statistics: true}), "web role:Primary suspended:user,no-data,fencing\n    write-ordering:flush\n\n")
}

// TestVerifyShowsItsProgress: the original shows how much is in sync.
func TestVerifyShowsItsProgress(t *testing.T) {
	r := pair()
	v := &r.View.Volumes[1]
	v.Conn, v.Disk, v.OOS, v.Progress = wire.VerifyS, wire.UpToDate, 0, &replica.Progress{Verify: true, Total: 400, Left: 100}
	if got := printed(func(w *bytes.Buffer) { Status(w, r, Options{}) }); !strings.Contains(got, "volume:1 replication:VerifyS peer-disk:UpToDate done:75.00\n") {
		t.Error(got)
	}
}

func TestJSON(t *testing.T) {
	r := pair()
	r.View.Volumes[1].Progress.Paused = 2 * time.Second
	second := control.Resource{View: replica.View{Name: `q"\` + "\x01\xff", SuspNod: true}}
	var b bytes.Buffer
	if err := JSON(&b, []control.Resource{r, second}); err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	if err := json.Unmarshal(b.Bytes(), &all); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	want := `{"al-writes":0,"bm-writes":0,"client":false,"disk-state":"Inconsistent","lower-pending":0,"minor":3,"quorum":true,"read":0,"size":10327808,"upper-pending":0,"volume":1,"written":0}`
	if got, _ := json.Marshal(all[0]["devices"].([]any)[1]); string(got) != want {
		t.Errorf("device: %s", got)
	}
	peer := all[0]["connections"].([]any)[0].(map[string]any)
	if peer["name"] != "peer" || peer["connection-state"] != "Connected" || peer["peer-role"] != "Secondary" || peer["congested"] != false {
		t.Errorf("connection: %v", peer)
	}
	for name, want := range map[string]any{
		"replication-state": "SyncTarget", "peer-disk-state": "UpToDate", "resync-suspended": "no", "out-of-sync": 9848336.0, "has-sync-details": true,
		"has-online-verify-details": false, "percent-in-sync": 4.64, "rs-total": 20655616.0, "rs-dt-start-ms": 42000.0, "rs-paused-ms": 2000.0,
		"rs-dt0-ms": 3000.0, "rs-db0-sectors": 83136.0, "rs-dt1-ms": 18000.0, "rs-db1-sectors": 498816.0, "rs-failed": 0.0, "want": 15.62,
		"db0/dt0 [MiB/s]": 13.53, "db1/dt1 [MiB/s]": 13.53, "estimated-seconds-to-finish": 711.0, "db/dt [MiB/s]": 11.71, "percent-resync-done": 4.64,
	} {
		if got := peer["peer_devices"].([]any)[1].(map[string]any)[name]; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if all[1]["name"] != "q\"\\\x01\uFFFD" || all[1]["suspended"] != true || all[1]["suspended-no-data"] != true || len(all[1]["connections"].([]any)) != 0 {
		t.Errorf("second: %v", all[1])
	}
	b.Reset()
	if JSON(&b, nil); b.String() != "[]\n" {
		t.Errorf("nothing: %q", b.String())
	}
}

func TestShStatus(t *testing.T) {
	r := pair()
	r.View.Name, r.View.Susp, r.View.Volumes[1].PeerISP = "w b", true, true
	text := func(vol int) string { return printed(func(w *bytes.Buffer) { ShStatus(w, r, vol) }) }
	same(t, "syncing", text(1), `_minor=3
_res_name=w\ b
_volume=1
_known=Configured

_cstate=SyncTarget
_role=Primary
_peer=Secondary
_disk=Inconsistent
_pdsk=UpToDate

_flags_susp=1
_flags_aftr_isp=
_flags_peer_isp=1
_flags_user_isp=

_resynced_percent=4.7

_sh_status_process


`)
	if got := text(0); !strings.Contains(got, "_resynced_percent=\n") {
		t.Error(got)
	}
	none := `_known=%
_cstate=Unconfigured
_role=
_peer=
_disk=
_pdsk=
_flags_susp=
_flags_aftr_isp=
_flags_peer_isp=
_flags_user_isp=
_resynced_percent=

_sh_status_process


`
	same(t, "no minor", printed(func(w *bytes.Buffer) { ShStatusNone(w, 7) }), "_minor=7\n_res_name=\n_volume=-1\n"+strings.Replace(none, "%", "NA # not available or not yet created\n", 1))
	r.View.Volumes[0] = replica.VolumeView{Minor: 2, Role: wire.Secondary}
	same(t, "unconfigured", text(0), "_minor=2\n_res_name=w\\ b\n_volume=0\n"+strings.Replace(none, "%", "Unconfigured\n", 1))
	same(t, "no volume", text(9), "")
}

func TestStateWords(t *testing.T) {
	r := pair()
	if Role(r, 1) != "Primary/Secondary" || CState(r, 1) != "SyncTarget" || DState(r, 1) != "Inconsistent/UpToDate" {
		t.Error(Role(r, 1), CState(r, 1), DState(r, 1))
	}
	r.View.Volumes[1].Disk = wire.Diskless
	if text, ok := GetGI(r, 1); ok || text != "Device has no disk" {
		t.Error(text)
	}
	r.View.Volumes[1].Conn = wire.StandAlone
	for _, got := range []string{Role(r, 1), CState(r, 1), DState(r, 1), Role(r, 5)} {
		if got != "Unconfigured" {
			t.Error(got)
		}
	}
	if text, ok := ShowGI(r, 1); ok || text != "Device is unconfigured" {
		t.Error(text)
	}
	// The handshake of versions before 96 stops requests while bitmaps travel.
	r = pair()
	r.View.Net.Dialect.Version = 95
	r.View.Volumes[0].Conn = wire.WFBitMapS
	if b := blocked(r, r.View.Volumes[0]); b != "upper" {
		t.Error(b)
	}
	if r.View.Net.Dialect.Version = 96; blocked(r, r.View.Volumes[0]) != "no" {
		t.Error("blocked with version 96")
	}
}

func TestXML83(t *testing.T) {
	r := pair()
	r.View.Susp, r.View.Volumes[1].AftrISP, r.View.Volumes[1].UserISP = true, true, true
	r.View.Volumes[0] = replica.VolumeView{Minor: 2}
	same(t, "status", printed(func(w *bytes.Buffer) { Status83XML(w, []control.Resource{r}, "/etc/a&b.conf") }), `<drbd-status version="8.3.16" api="88">
<resources config_file="/etc/a&amp;b.conf">
<resource minor="2" name="web" cs="Unconfigured" />
<resource minor="3" name="web" cs="SyncTarget" ro1="Primary" ro2="Secondary" ds1="Inconsistent" ds2="UpToDate" suspended aftr_isp user_isp resynced_percent="4.7" />
</resources>
</drbd-status>
`)
	if Resource83XML(r, 8) != "" {
		t.Error("a volume that is not there")
	}
}

func TestEvents84(t *testing.T) {
	seq := 5
	r := pair()
	all := []control.Resource{r, {View: replica.View{Name: "empty"}}}
	lines := func(prev, now []control.Resource) string { return strings.Join(Events84(prev, now, &seq), "\n") }
	same(t, "begin", lines(nil, all), `5 ST 2,web[0] { cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate r--- }
5 ST 3,web[1] { cs:SyncTarget ro:Primary/Secondary ds:Inconsistent/UpToDate r--- }
5 R - empty`)
	next := clone(all)
	next[0].View.Susp = true
	next[0].View.Volumes[0].Conn, next[0].View.Volumes[0].UserISP = wire.WFConnection, true
	next[0].View.Volumes[0].Peer, next[0].View.Volumes[0].Pdsk = wire.RoleUnknown, wire.DUnknown
	same(t, "cut off", lines(all, next), `6 ST-prev 2,web[0] { cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate r--- }
6 ST-new 2,web[0] { cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown s--u }
6 ST 2,web[0] { cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown s--u }
7 ST-prev 3,web[1] { cs:SyncTarget ro:Primary/Secondary ds:Inconsistent/UpToDate r--- }
7 ST-new 3,web[1] { cs:SyncTarget ro:Primary/Secondary ds:Inconsistent/UpToDate s--- }
7 ST 3,web[1] { cs:SyncTarget ro:Primary/Secondary ds:Inconsistent/UpToDate s--- }`)
	last := clone(next)
	p := *last[0].View.Volumes[1].Progress
	p.Left = p.Total / 2
	last[0].View.Volumes[1].Progress = &p
	same(t, "progress", lines(next, last), "8 SP 3,web[1] 50.1")
	same(t, "nothing", lines(last, last), "")
	h := control.Helper{Resource: "web", Volume: 1, Name: "before-resync-target"}
	same(t, "call", Events84Helper(h, last, &seq), "9 UH 3,web[1] before-resync-target")
	same(t, "response", Events84Helper(control.Helper{Resource: "web", Volume: -1, Name: "fence-peer", Done: true, Code: 4}, last, &seq), "10 UH-post 2,web[0] fence-peer 0x0400")
	same(t, "new volume", lines([]control.Resource{}, last[:1])[:17], "11 ST 2,web[0] { ")
}

func TestEvents2(t *testing.T) {
	o := EventOptions{}
	r := pair()
	lines := func(prev, now []control.Resource) string { return strings.Join(Events2(prev, now, o), "\n") }
	up := []control.Resource{r}
	same(t, "made", lines(nil, up), `create resource name:web role:Primary suspended:no
create connection name:web peer-node-id:0 conn-name:peer connection:Connected role:Secondary
create device name:web volume:0 minor:2 disk:UpToDate
create device name:web volume:1 minor:3 disk:Inconsistent
create peer-device name:web peer-node-id:0 conn-name:peer volume:0 replication:Established peer-disk:UpToDate resync-suspended:no
create peer-device name:web peer-node-id:0 conn-name:peer volume:1 replication:SyncTarget peer-disk:UpToDate resync-suspended:no`)
	counted := clone(up)
	counted[0].View.Volumes[0].Counters.WrittenKiB = 9
	same(t, "only counters", lines(up, counted), "")
	off := clone(up)
	off[0].Net, off[0].View.Net, off[0].View.Conn, off[0].View.Peer = nil, nil, wire.StandAlone, wire.RoleUnknown
	off[0].View.Volumes = off[0].View.Volumes[:1]
	off[0].View.Volumes[0].Conn, off[0].View.Volumes[0].Pdsk = wire.StandAlone, wire.DUnknown
	same(t, "disconnected, a volume less", lines(up, off), `change connection name:web peer-node-id:0 conn-name:peer connection:StandAlone role:Unknown
change peer-device name:web peer-node-id:0 conn-name:peer volume:0 replication:Off peer-disk:DUnknown
destroy peer-device name:web peer-node-id:0 conn-name:peer volume:1
destroy peer-device name:web peer-node-id:0 conn-name:peer volume:0
destroy device name:web volume:1 minor:3
destroy connection name:web peer-node-id:0 conn-name:peer`)
	same(t, "down", lines(off, nil), "destroy device name:web volume:0 minor:2\ndestroy resource name:web")
	same(t, "begin", strings.Join(Events2Initial(off, o), "\n"), `exists resource name:web role:Primary suspended:no
exists connection name:web peer-node-id:0 connection:StandAlone role:Unknown
exists device name:web volume:0 minor:2 disk:UpToDate
exists peer-device name:web peer-node-id:0 volume:0 replication:Off peer-disk:DUnknown resync-suspended:no
exists -`)
	o.Timestamps, o.Now = true, time.Date(2024, 1, 31, 12, 34, 56, 123456789, time.FixedZone("", 3600))
	same(t, "stamp", Events2Initial(nil, o)[0], "2024-01-31T12:34:56.123456+01:00 exists -")
	same(t, "stamp", Events2Helper(control.Helper{Resource: "gone", Name: "x", Done: true, Code: 1}, nil, o), "2024-01-31T12:34:56.123456+01:00 response helper name:gone peer-node-id:0 helper:x status:256")
}
