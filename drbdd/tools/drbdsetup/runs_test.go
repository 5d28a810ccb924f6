package drbdsetup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// connected is a resource with one volume, as it is most of the time.
func connected(change func(*control.Resource)) control.Resource {
	r := control.Resource{
		View: replica.View{
			Name: "r0", Conn: wire.WFReportParams, Role: wire.Primary, Peer: wire.Secondary, Net: &replica.NetView{Options: replica.DefaultNetOptions()},
			Volumes: []replica.VolumeView{{
				Role: wire.Primary, Peer: wire.Secondary, Conn: wire.Connected, Disk: wire.UpToDate, Pdsk: wire.UpToDate, HasDisk: true, WriteOrdering: 'f',
				Options: replica.DefaultDiskOptions(), UUIDs: metadata.UUIDs{Current: 0x504C376C9AC27917, Bitmap: 0x431ED05FF8E7E81E},
			}},
		},
		Net: map[string]string{"timeout": "50"}, Local: "ipv4:10.0.0.1:7788", Remote: "ipv4:10.0.0.2:7788",
		Volumes: []control.Volume{{Disk: "/dev/sda1", Meta: "/dev/sda1", Index: "internal", Device: "/dev/drbd0"}},
	}
	if change != nil {
		change(&r)
	}
	return r
}

func inState(c wire.ConnState) control.Resource {
	return connected(func(r *control.Resource) { r.View.Volumes[0].Conn = c })
}

func ofState(rs ...control.Resource) control.Answer { return control.Answer{Resources: rs} }

var (
	unknownMinor    = control.Answer{Error: control.ErrMinorUnknown, Info: []string{"unknown minor"}}
	unknownResource = control.Answer{Error: control.ErrResourceUnknown, Info: []string{"unknown resource"}}
	unconfigured    = connected(func(r *control.Resource) {
		r.View.Net, r.Net, r.Local, r.Remote = nil, nil, "", ""
		r.View.Volumes[0] = replica.VolumeView{Role: wire.Secondary}
		r.Volumes[0] = control.Volume{}
	})
)

func TestAnswers(t *testing.T) {
	one := ofState(connected(nil))
	const minor127 = "0: Failure: (127) Device minor not allocated\nadditional info from kernel:\nunknown minor\n"
	for _, c := range []struct {
		line   string
		answer control.Answer
		want   result
	}{
		{"role 0", one, result{0, "Primary/Secondary\n", ""}},
		{"cstate 0", one, result{0, "Connected\n", ""}},
		{"dstate /dev/drbd0", one, result{0, "UpToDate/UpToDate\n", ""}},
		{"0 dstate", one, result{0, "UpToDate/UpToDate\n", ""}},
		{"state 0", one, result{0, "Primary/Secondary\n", strings.Repeat("'drbdsetup ... state' is deprecated, use 'drbdsetup ... role' instead.\n", 2)}},
		{"dstate 0", ofState(unconfigured), result{0, "Unconfigured\n", ""}},
		{"role 0", unknownMinor, result{10, "", minor127}},
		{"0 role", unknownMinor, result{10, "", minor127}},
		{"show 0", unknownMinor, result{10, "", minor127}},
		{"0 show", unknownMinor, result{10, "", minor127}},
		{"check-resize 0", unknownMinor, result{10, "", minor127}},
		{"check-resize 0", one, result{0, "", ""}},
		{"get-gi 0", one, result{0, "504C376C9AC27917:431ED05FF8E7E81E:0000000000000000:0000000000000000:0:0:0:0:0:0:0\n", ""}},
		{"get-gi 0", ofState(unconfigured), result{1, "", "Device is unconfigured\n"}},
		{"show-gi 0", ofState(connected(func(r *control.Resource) { r.View.Volumes[0].HasDisk, r.View.Volumes[0].Disk = false, wire.Diskless })), result{1, "", "Device has no disk\n"}},
		{"get-gi 0", unknownMinor, result{10, "", minor127}},
		{"status r0", one, result{0, "r0 role:Primary\n  disk:UpToDate\n  peer role:Secondary\n    replication:Established peer-disk:UpToDate\n\n", ""}},
		{"status nope", unknownResource, result{10, "", "nope: No such resource\n"}},
		{"show nope", unknownResource, result{10, "", "nope: Failure: (158) Unknown resource\nadditional info from kernel:\nunknown resource\n"}},
		{"events2 --now r0", one, result{0, "exists resource name:r0 role:Primary suspended:no\n" +
			"exists connection name:r0 peer-node-id:0 conn-name:peer connection:Connected role:Secondary\n" +
			"exists device name:r0 volume:0 minor:0 disk:UpToDate\n" +
			"exists peer-device name:r0 peer-node-id:0 conn-name:peer volume:0 replication:Established peer-disk:UpToDate resync-suspended:no\nexists -\n", ""}},
		{"show r0", one, result{0, `resource r0 {
    options {
    }
    net {
        timeout         	50; # 1/10 seconds
    }
    _remote_host {
        address			ipv4 10.0.0.2:7788;
    }
    _this_host {
        address			ipv4 10.0.0.1:7788;
        volume 0 {
            device			minor 0;
            disk			"/dev/sda1";
            meta-disk			internal;
            disk {
            }
        }
    }
}
`, ""}},
		{"sh-status 4", unknownMinor, result{0, "_minor=4\n_res_name=\n_volume=-1\n_known=NA # not available or not yet created\n\n_cstate=Unconfigured\n_role=\n_peer=\n_disk=\n_pdsk=\n" +
			"_flags_susp=\n_flags_aftr_isp=\n_flags_peer_isp=\n_flags_user_isp=\n_resynced_percent=\n\n_sh_status_process\n\n\n", ""}},
		{"/dev/drbd0 status", one, result{0, `<resource minor="0" name="r0" cs="Connected" ro1="Primary" ro2="Secondary" ds1="UpToDate" ds2="UpToDate" />` + "\n", ""}},
		{"down nope", unknownResource, result{0, "", ""}},
		{"down r0", control.Answer{State: -12, Info: []string{"failed to demote"}}, result{11, "", "r0: State change failed: (-12) Device is held open by someone\nadditional info from kernel:\nfailed to demote\n"}},
		{"primary 0", control.Answer{State: -2}, result{17, "", "0: State change failed: (-2) Need access to UpToDate data\n"}},
		{"outdate /dev/drbd0", control.Answer{State: -16}, result{5, "", "/dev/drbd0: State change failed: (-16) Disk state is lower than outdated\n"}},
		{"invalidate 0", control.Answer{State: -4}, result{16, "", "0: State change failed: (-4) Can not resync without local disk\n"}},
		{"disconnect 1.2.3.4 1.2.3.5", control.Answer{Error: 162, Info: []string{"unknown connection"}}, result{10, "", "??: Failure: (162) Invalid configuration request\nadditional info from kernel:\nunknown connection\n"}},
		{"secondary 0", control.Answer{State: 2}, result{}},
		{"secondary 0", control.Answer{Usage: "/dev/sda1 is not a block device!"}, result{20, "", "/dev/sda1 is not a block device!\n"}},
		{"new-minor r0 0 0", control.Answer{Error: 152}, result{10, "", "??: Failure: (152) Permission denied. CAP_SYS_ADMIN necessary\n"}},
		{"primary 0", control.Answer{Error: 555}, result{20, "", "0: Error code 555 unknown.\nYou should update the drbd userland tools.\n"}},

		// 0.7 (drbd-cli 4.1)
		{"/dev/drbd0 primary --do-what-I-say", control.Answer{State: -2}, result{21, "", "ioctl(,SET_STATE,) failed: Input/output error\nLocal replica is inconsistent (--do-what-I-say ?)\n"}},
		{"/dev/drbd0 primary --human", control.Answer{State: -1}, result{20, "", "ioctl(,SET_STATE,) failed: Permission denied\nPartner is already primary\n"}},
		{"/dev/drbd0 primary -t", unknownMinor, result{20, "", "ioctl(,SET_STATE,) failed: No such device or address\nDevice not configured\n"}},
		{"/dev/drbd0 invalidate_remote", control.Answer{State: -15}, result{20, "", "Only in 'Connected' cstate possible.\n"}},
		{"/dev/drbd0 invalidate_remote", control.Answer{State: -8}, result{20, "", "ioctl(,SET_STATE,) failed: Operation now in progress\nResynchronization process currently running!\n"}},
		{"0.7 /dev/drbd0 secondary", control.Answer{State: -12}, result{20, "", "ioctl(,SET_STATE,) failed: Device or resource busy\nSomeone has opened the device for RW access!\n"}},
		{"0.7 /dev/drbd0 state", one, result{0, "Primary/Secondary\n", ""}},
		{"0.7 /dev/drbd0 cstate", one, result{0, "Connected\n", ""}},
		{"0.7 /dev/drbd0 state", unknownMinor, result{0, "Not configured\n", ""}},
		{"0.7 /dev/drbd0 cstate", ofState(unconfigured), result{0, "Not configured\n", ""}},
		{"0.7 /dev/drbd0 show", unknownMinor, result{0, "Not configured\n", ""}},
		{"0.7 /dev/drbd0 down x", one, result{20, "", "Too many arguments or options.\n"}},
		{"/dev/drbd0 primary -d", one, result{20, "", "-d\nYou have to spell out --do-what-I-say, if you mean it\n"}},
		{"/dev/drbd0 primary --hum", one, result{20, "", "--hum\nYou have to spell out --human, if you mean it\n"}},
		{"/dev/drbd0 syncer --group=3", one, result{0, "", "drbdsetup: no effect of group: use after (resync-after)\n"}},
	} {
		t.Run(c.line, func(t *testing.T) {
			startDaemon(t, always(c.answer))
			words := strings.Fields(c.line)
			if words[0] == "0.7" {
				t.Setenv("DRBD_STYLE", "0.7")
				words = words[1:]
			}
			if got := runTool(t, append([]string{"drbdsetup"}, words...)...); got != c.want {
				t.Errorf("got  %d %q %q\nwant %d %q %q", got.exit, got.out, got.err, c.want.exit, c.want.out, c.want.err)
			}
		})
	}
}

// What show prints depends on the program's name and the order of the words.
func TestShowOfEachEra(t *testing.T) {
	startDaemon(t, always(ofState(connected(nil))))
	for _, c := range []struct{ argv0, line, style, begin string }{
		{"drbdsetup", "show 0", "", "resource r0 {\n"},
		{"drbdsetup-84", "0 show", "", "resource r0 {\n"},
		{"drbdsetup", "0 show", "", "disk {\n"},
		{"drbdsetup-83", "0 show", "", "disk {\n"},
		{"drbdsetup", "/dev/drbd0 show", "0.7", "Lower device: "},
	} {
		t.Setenv("DRBD_STYLE", c.style)
		got := runTool(t, append([]string{c.argv0}, strings.Fields(c.line)...)...)
		if got.exit != 0 || !strings.HasPrefix(got.out, c.begin) {
			t.Errorf("%s %s: %d\n%s%s", c.argv0, c.line, got.exit, got.out, got.err)
		}
	}
}

// pieces counts writes.
type pieces struct{ all []string }

func (p *pieces) Write(b []byte) (int, error) {
	p.all = append(p.all, string(b))
	return len(b), nil
}

// drbd-cli 2.3: drbdmeta reads the answer with one read, newline included.
func TestDstateIsOneWrite(t *testing.T) {
	startDaemon(t, always(ofState(connected(nil))))
	var p pieces
	if exit := Main("drbdsetup", []string{"0", "dstate"}, nil, &p, &p); exit != 0 || len(p.all) != 1 || p.all[0] != "UpToDate/UpToDate\n" {
		t.Errorf("exit %d, writes %q", exit, p.all)
	}
}

// drbd-cli 3.1: without a daemon there is nothing to take down.
func TestNoDaemon(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ctl")
	t.Setenv("DRBDD_SOCKET", socket)
	why := "drbdsetup: cannot reach drbdd at " + socket + ": no such file or directory\n"
	for line, exit := range map[string]int{
		"down r0": 0, "secondary 0": 0, "disconnect 1.2.3.4 1.2.3.5": 0, "detach 0": 0, "0 down": 0, "0 detach": 0, "0 disconnect": 0,
		"primary 0": 20, "role 0": 20, "dstate 0": 20, "0 dstate": 20, "show r0": 20, "status": 20, "sh-status": 20, "events2": 20, "events2 --now": 20,
		"wait-connect 0": 20, "new-resource r0": 20, "check-resize 0": 20, "0 syncer -r 1M": 20,
	} {
		got := runTool(t, append([]string{"drbdsetup"}, strings.Fields(line)...)...)
		if want := (result{exit, "", why}); got != want {
			t.Errorf("%s: got %+v, want %+v", line, got, want)
		}
	}
}

// A socket that may not be opened is not the same as no daemon.
func TestForbiddenSocket(t *testing.T) {
	err := fmt.Errorf("%w at /x: %w", control.ErrUnreachable, os.ErrPermission)
	tl := &tool{stderr: &bytes.Buffer{}}
	if got := tl.noAnswer("down", "r0", err); got == nil || !errors.Is(got, os.ErrPermission) {
		t.Errorf("down that was not asked for is done: %v", got)
	}
	if got := tl.noAnswer("primary", "0", control.ErrNoReply); got.Error() != "0: timed out waiting for reply\n" {
		t.Errorf("no reply: %v", got)
	}
}

// Events come as they happen, and stop with the daemon.
func TestEvents(t *testing.T) {
	gone := control.Answer{Resources: nil, Last: true, Now: time.Date(2024, 1, 31, 11, 34, 56, 123456000, time.UTC).UnixNano()}
	startDaemon(t, always(ofState(inState(wire.WFConnection)), ofState(inState(wire.Connected)),
		control.Answer{Helper: &control.Helper{Resource: "r0", Name: "fence-peer", Volume: -1}},
		control.Answer{Helper: &control.Helper{Resource: "r0", Name: "fence-peer", Volume: -1, Done: true, Code: 4}}, gone))
	got := runTool(t, "drbdsetup", "events2", "r0")
	for _, want := range []string{
		"exists resource name:r0 role:Primary suspended:no\n", "\nexists -\n",
		"\nchange peer-device name:r0 peer-node-id:0 conn-name:peer volume:0 replication:Established\n",
		"\ncall helper name:r0 peer-node-id:0 conn-name:peer helper:fence-peer\n", " helper:fence-peer status:", "\ndestroy resource name:r0\n",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("events2: no %q in\n%s", want, got.out)
		}
	}
	if got.exit != 0 || got.err != "" {
		t.Errorf("events2: %d %q", got.exit, got.err)
	}
	got = runTool(t, "drbdsetup", "events", "0")
	for _, want := range []string{"0 ST 0,r0[0] { cs:WFConnection ", "1 ST-prev 0,r0[0] { cs:WFConnection ", "1 ST-new 0,r0[0] { cs:Connected ", "2 UH 0,r0[0] fence-peer\n", "3 UH-post 0,r0[0] fence-peer 0x0400\n"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("events: no %q in\n%s", want, got.out)
		}
	}
	if got := runTool(t, "drbdsetup", "0", "events", "-a", "-u"); got.exit != 0 || !strings.HasPrefix(got.out, "0 ST 0,r0[0]") {
		t.Errorf("events of 8.3: %+v", got)
	}
	got = runTool(t, "drbdsetup", "events2", "r0", "--timestamps")
	if want := time.Unix(0, gone.Now).Format("2006-01-02T15:04:05.000000-07:00") + " destroy resource name:r0\n"; !strings.Contains(got.out, want) {
		t.Errorf("no %q in\n%s", want, got.out)
	}
}

func TestDaemonEndsUnderEvents(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ctl")
	t.Setenv("DRBDD_SOCKET", socket)
	l, err := control.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		done <- control.Serve(l, func(_ context.Context, _ control.Request, reply func(control.Answer) error) {
			reply(ofState(connected(nil)))
		})
	}()
	got := runTool(t, "drbdsetup", "events2")
	if got.exit != exitUsage || !strings.Contains(got.err, "went away") || !strings.Contains(got.out, "exists -\n") {
		t.Errorf("%+v", got)
	}
	l.Close()
	<-done
}

// Something else on the socket is said, not believed.
func TestGarbageFromDaemon(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ctl")
	t.Setenv("DRBDD_SOCKET", socket)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1000))
			c.Write([]byte("220 mail.example.org ESMTP\n"))
			c.Close()
		}
	}()
	if got := runTool(t, "drbdsetup", "role", "0"); got.exit != 20 || !strings.Contains(got.err, "not an answer") {
		t.Errorf("%+v", got)
	}
}
