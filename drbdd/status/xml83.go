package status

import (
	"fmt"
	"io"
	"strings"

	"classicha/drbdd/control"
	"classicha/drbdd/wire"
)

var xmlEscape = strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;")

// Status83XML is `drbdadm status` of 8.3 (drbd-cli 4.2). Flags are attributes
// without a value, as there, so that it is not quite XML while one is set.
func Status83XML(w io.Writer, rs []control.Resource, confFile string) {
	fmt.Fprintf(w, "<drbd-status version=\"8.3.16\" api=\"88\">\n<resources config_file=\"%s\">\n", xmlEscape.Replace(confFile))
	for _, r := range rs {
		for _, v := range r.View.Volumes {
			fmt.Fprint(w, Resource83XML(r, v.Vol))
		}
	}
	fmt.Fprint(w, "</resources>\n</drbd-status>\n")
}

// Resource83XML is the line of one volume, which is all that `drbdsetup N
// status` of 8.3 prints.
func Resource83XML(r control.Resource, vol int) string {
	v, _, ok := volume(r, vol)
	if !ok {
		return ""
	}
	b := fmt.Appendf(nil, "<resource minor=\"%d\" name=\"%s\"", v.Minor, xmlEscape.Replace(r.View.Name))
	if unconfigured(v) {
		return string(append(b, " cs=\"Unconfigured\" />\n"...))
	}
	b = fmt.Appendf(b, " cs=\"%s\" ro1=\"%s\" ro2=\"%s\" ds1=\"%s\" ds2=\"%s\"", v.Conn, v.Role, v.Peer, v.Disk, v.Pdsk)
	for _, f := range []struct {
		on   bool
		name string
	}{{r.View.Susp, "suspended"}, {v.AftrISP, "aftr_isp"}, {v.PeerISP, "peer_isp"}, {v.UserISP, "user_isp"}} {
		if f.on {
			b = append(append(b, ' '), f.name...)
		}
	}
	if v.Progress != nil && v.Conn >= wire.SyncSource && v.Conn <= wire.PausedSyncT {
		b = fmt.Appendf(b, " resynced_percent=\"%s\"", tenths(permille(v.Progress)))
	}
	return string(append(b, " />\n"...))
}
