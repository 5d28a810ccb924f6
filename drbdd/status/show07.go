package status

import (
	"fmt"
	"io"
	"strings"

	"classicha/drbdd/config"
	"classicha/drbdd/control"
	"classicha/drbdd/wire"
)

// NotConfigured is what every query of drbdsetup 0.7 says of a device without a
// disk, with exit code 0 (drbd-cli 4.1).
const NotConfigured = "Not configured"

// Show07 is `drbdsetup /dev/drbd0 show` of 0.7 for one volume (drbd-cli 4.1). The
// original puts the numbers of the lower device in front of its name, as
// "08:01"; number gives them for a path, nil or "" leaves them out. Defaults are
// those of 0.7.
func Show07(w io.Writer, r control.Resource, vol int, number func(path string) string) {
	v, c, ok := volume(r, vol)
	if !ok || unconfigured(v) || c.Disk == "" {
		fmt.Fprintln(w, NotConfigured)
		return
	}
	lower := func(path string) string {
		n := ""
		if number != nil {
			if n = number(path); n != "" {
				n += "   "
			}
		}
		return fmt.Sprintf("%s(%s)", n, strings.TrimPrefix(path, "/dev/"))
	}
	fmt.Fprintf(w, "Lower device: %s\n", lower(c.Disk))
	switch c.Index {
	case "internal", "":
		fmt.Fprint(w, "Meta device: internal\n")
	case "flexible":
		fmt.Fprintf(w, "Meta device: %s\nMeta index: flexible\n", lower(c.Meta))
	default:
		fmt.Fprintf(w, "Meta device: %s\nMeta index: %s\n", lower(c.Meta), c.Index)
	}
	disk := func(name string) shownOption { return lookOption(config.SectionDisk, name, c.Options) }
	fmt.Fprint(w, "Disk options:\n")
	if size := disk("size"); size.number != 0 {
		fmt.Fprintf(w, " size = %d KB\n", size.number/2)
	}
	if e := disk("on-io-error"); e.value != "pass_on" {
		fmt.Fprintf(w, " on-io-error = %s\n", e.value)
	}
	if !hasNet(r) || r.View.Conn == wire.StandAlone {
		return
	}
	showNet07(w, r)
	fmt.Fprint(w, "Syncer options:\n")
	number07(w, "rate", disk("resync-rate").number, "KB/sec", 250)
	number07(w, "group", 0, "", 0)
	number07(w, "al-extents", disk("al-extents").number, "", 127)
}

func showNet07(w io.Writer, r control.Resource) {
	plain := func(a string) string {
		_, a, _ = strings.Cut(address(a), " ")
		return a
	}
	net := func(name string) uint64 { return lookOption(config.SectionNet, name, r.Net).number }
	fmt.Fprintf(w, "Local address: %s\nRemote address: %s\nWire protocol: %c\nNet options:\n", plain(r.Local), plain(r.Remote), protocol(r))
	timeout := net("timeout")
	fmt.Fprintf(w, " timeout = %d.%d sec %s\n", timeout/10, timeout%10, default07(timeout == 60))
	number07(w, "connect-int", net("connect-int"), "sec", 10)
	number07(w, "ping-int", net("ping-int"), "sec", 10)
	number07(w, "max-epoch-size", net("max-epoch-size"), "", 2048)
	number07(w, "max-buffers", net("max-buffers"), "", 2048)
	number07(w, "unplug-watermark", net("unplug-watermark"), "", 128)
	number07(w, "sndbuf-size", net("sndbuf-size"), "", 2*65535)
	number07(w, "ko-count", net("ko-count"), "", 0)
}

func number07(w io.Writer, name string, n uint64, unit string, deflt uint64) {
	fmt.Fprintf(w, " %s = %d %s %s\n", name, n, unit, default07(n == deflt))
}

func default07(is bool) string {
	if is {
		return "(default)"
	}
	return ""
}
