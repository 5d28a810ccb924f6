package status

import (
	"bytes"
	"testing"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// TestShow07: the text block of 0.7 (drbd-cli 4.1).
func TestShow07(t *testing.T) {
	r := control.Resource{
		View:  replica.View{Name: "user", Conn: wire.WFReportParams, Volumes: []replica.VolumeView{{Conn: wire.Connected, Disk: wire.UpToDate}}},
		Local: "ipv4:192.168.1.1:7788", Remote: "192.168.1.2:7788",
		Net:     map[string]string{"timeout": "65", "sndbuf-size": "131070", "ko-count": "4"},
		Volumes: []control.Volume{{Disk: "/dev/sda1", Meta: "/dev/sda1", Index: "internal", Options: map[string]string{"on-io-error": "pass_on", "resync-rate": "10M", "al-extents": "257", "size": "4096"}}},
	}
	number := func(path string) string { return map[string]string{"/dev/sda1": "08:01", "/dev/sdb1": "08:17"}[path] }
	text := func() string { return printed(func(w *bytes.Buffer) { Show07(w, r, 0, number) }) }
	// The original puts a blank behind each number, and one behind the unit.
	same(t, "connected", text(), "Lower device: 08:01   (sda1)\nMeta device: internal\nDisk options:\n size = 2048 KB\n"+
		"Local address: 192.168.1.1:7788\nRemote address: 192.168.1.2:7788\nWire protocol: C\nNet options:\n timeout = 6.5 sec \n"+
		" connect-int = 10 sec (default)\n ping-int = 10 sec (default)\n max-epoch-size = 2048  (default)\n max-buffers = 2048  (default)\n"+
		" unplug-watermark = 128  (default)\n sndbuf-size = 131070  (default)\n ko-count = 4  \n"+
		"Syncer options:\n rate = 10240 KB/sec \n group = 0  (default)\n al-extents = 257  \n")
	r.View.Conn, r.Net, r.Volumes[0].Index, r.Volumes[0].Meta, r.Volumes[0].Options = wire.StandAlone, nil, "3", "/dev/sdb1", nil
	same(t, "a disk only", text(), "Lower device: 08:01   (sda1)\nMeta device: 08:17   (sdb1)\nMeta index: 3\nDisk options:\n on-io-error = detach\n")
	same(t, "numbers not known", printed(func(w *bytes.Buffer) { Show07(w, r, 0, nil) })[:21], "Lower device: (sda1)\n")
	r.View.Volumes[0].Disk, r.Volumes[0].Disk, r.View.Volumes[0].Conn = wire.Diskless, "", wire.StandAlone
	same(t, "nothing", text(), "Not configured\n")
}
