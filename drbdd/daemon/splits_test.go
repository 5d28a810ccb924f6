package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"classicha/drbdd/control"
	"classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// TestFollowGenerations: a generation has a time if it was begun here, while somebody looked.
func TestFollowGenerations(t *testing.T) {
	view := func(current, bitmap uint64, role wire.Role) replica.VolumeView {
		return replica.VolumeView{HasDisk: true, Role: role, UUIDs: metadata.UUIDs{Current: current, Bitmap: bitmap}}
	}
	x := control.Split{}
	for i, c := range []struct {
		v       replica.VolumeView
		watched bool
		want    control.Split
	}{
		{view(0x10, 0, wire.Secondary), false, control.Split{Current: 0x10}},
		{view(0x11, 0, wire.Primary), true, control.Split{Current: 0x10, Until: primaryNow}},
		{view(0x21, 0x10, wire.Primary), true, control.Split{Current: 0x20, Since: 2, Role: wire.Primary, Until: primaryNow}},
		{view(0x20, 0x10, wire.Secondary), true, control.Split{Current: 0x20, Since: 2, Role: wire.Primary, Until: 3}},
		{view(0x20, 0x10, wire.Secondary), false, control.Split{Current: 0x20, Since: 2, Role: wire.Primary, Until: 3}},
		{view(0x30, 0, wire.Secondary), true, control.Split{Current: 0x30, Until: 3}},            // the peer's, after a resync
		{view(0x41, 0x30, wire.Primary), false, control.Split{Current: 0x40, Until: primaryNow}}, // begun while nobody looked
		{view(0x41, 0x30, wire.Secondary), false, control.Split{Current: 0x40, Until: 0}},        // when it ended is not known either
		{view(0x51, 0x99, wire.Primary), true, control.Split{Current: 0x50, Until: primaryNow}},  // set by hand
	} {
		if x = follow(x, c.v, c.watched, int64(i)); x != c.want {
			t.Fatalf("step %d: %+v, want %+v", i, x, c.want)
		}
	}
	x.Peer = &control.PeerSaid{At: 1}
	v := view(0x51, 0x99, wire.Primary)
	v.Conn = wire.WFReportParams
	if x = follow(x, v, true, 9); x.Peer.Accepted {
		t.Error("the handshake has not been decided, and counts as accepted")
	}
	v.Conn = wire.Connected
	if x = follow(x, v, true, 9); !x.Peer.Accepted || x.Peer.At != 1 {
		t.Errorf("accepted: %+v", x.Peer)
	}
}

// TestSaveChangesRefused: what is saved must stand still; nothing half is left behind.
func TestSaveChangesRefused(t *testing.T) {
	s := testServer(t)
	resourceWithMinor(t, s, "r0", 0)
	file := filepath.Join(t.TempDir(), "f")
	save := control.Request{Cmd: "save-changes", Args: []string{file}}
	refused := func(q control.Request, says string) {
		t.Helper()
		if a := s.do(t, q); !strings.Contains(a.Usage, says) {
			t.Errorf("got %+v, want %q", a, says)
		}
		if _, err := os.Stat(file); err == nil {
			t.Error("there is a file all the same")
		}
	}
	refused(save, "no disk is attached")
	refused(control.Request{Cmd: "save-changes", Args: []string{"f"}}, "whole path")
	disk := image(t, 4<<20)
	s.succeed(t, control.Request{Cmd: "attach", Args: []string{disk, disk, "internal"}})
	s.succeed(t, control.Request{Cmd: "primary", Options: map[string]string{"force": "yes"}})
	refused(save, "this node is Primary")
	s.succeed(t, control.Request{Cmd: "secondary"})
	s.succeed(t, control.Request{Cmd: "connect", Resource: "r0", Args: []string{"ipv4:127.0.0.1:7651", "ipv4:127.0.0.2:7651"}})
	refused(save, "the peer could overwrite")
	s.succeed(t, control.Request{Cmd: "disconnect", Resource: "r0"})
	s.succeed(t, save) // fresh metadata: all of it is marked
	if a := s.do(t, save); !strings.Contains(a.Usage, "file exists") {
		t.Errorf("an existing file: %+v", a)
	}
}
