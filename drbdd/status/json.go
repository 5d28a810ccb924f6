package status

import (
	"fmt"
	"io"
	"strings"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// JSON is `drbdsetup status --json` as DRBD 9 prints it, as far as a resource
// with one peer has it: "node-id" is -1 (there are no node numbers in 8.4),
// "peer-node-id" 0 as in events2; there is always a quorum. Amounts are in KiB,
// those named sectors in sectors, "want" in MiB/s.
func JSON(w io.Writer, rs []control.Resource) error {
	var j jsonWriter
	j.open("", '[')
	for _, r := range rs {
		j.resource(r)
	}
	j.close(']')
	j.b.WriteByte('\n')
	_, err := io.WriteString(w, j.b.String())
	return err
}

// jsonWriter writes values in the order in which they are given.
type jsonWriter struct {
	b     strings.Builder
	depth int
	more  bool // something stands in front at this depth
}

// value writes a member; name is empty in an array.
func (j *jsonWriter) value(name, text string) {
	if j.more {
		j.b.WriteByte(',')
	}
	if j.depth > 0 {
		j.b.WriteString("\n" + strings.Repeat("  ", j.depth))
	}
	if name != "" {
		j.b.WriteString(jsonString(name) + ": ")
	}
	j.b.WriteString(text)
	j.more = true
}

func (j *jsonWriter) open(name string, bracket byte) {
	j.value(name, string(bracket))
	j.depth++
	j.more = false
}

func (j *jsonWriter) close(bracket byte) {
	j.depth--
	if j.more {
		j.b.WriteString("\n" + strings.Repeat("  ", j.depth))
	}
	j.b.WriteByte(bracket)
	j.more = true
}

func (j *jsonWriter) str(name, s string)          { j.value(name, jsonString(s)) }
func (j *jsonWriter) is(name string, b bool)      { j.value(name, fmt.Sprint(b)) }
func (j *jsonWriter) count(name string, n any)    { j.value(name, fmt.Sprint(n)) }
func (j *jsonWriter) real(name string, f float64) { j.value(name, fmt.Sprintf("%.2f", f)) }
func (j *jsonWriter) counters(all []counter) {
	for _, c := range all {
		j.value(c.name, c.value)
	}
}

func (j *jsonWriter) resource(r control.Resource) {
	v := r.View
	j.open("", '{')
	j.str("name", v.Name)
	j.count("node-id", -1)
	j.str("role", v.Role.String())
	j.is("suspended", isSuspended(v))
	j.is("suspended-user", v.Susp)
	j.is("suspended-no-data", v.SuspNod)
	j.is("suspended-fencing", v.SuspFen)
	j.is("suspended-quorum", false)
	j.is("force-io-failures", false)
	j.str("write-ordering", ordering(v))
	j.open("devices", '[')
	for _, d := range v.Volumes {
		j.open("", '{')
		j.count("volume", d.Vol)
		j.count("minor", d.Minor)
		j.str("disk-state", d.Disk.String())
		j.is("client", false)
		j.is("quorum", true)
		j.counters(deviceCounters(d))
		j.close('}')
	}
	j.close(']')
	j.open("connections", '[')
	if hasNet(r) {
		j.connection(v)
	}
	j.close(']')
	j.close('}')
}

func (j *jsonWriter) connection(v replica.View) {
	j.open("", '{')
	j.count("peer-node-id", 0)
	j.str("name", peerName)
	j.str("connection-state", conn9(v.Conn))
	j.is("congested", v.Net != nil && v.Net.Congested)
	j.str("peer-role", v.Peer.String())
	j.open("peer_devices", '[')
	for _, d := range v.Volumes {
		j.peerDevice(d)
	}
	j.close(']')
	j.close('}')
}

func (j *jsonWriter) peerDevice(v replica.VolumeView) {
	syncs := v.Progress != nil && v.Conn >= wire.SyncSource && v.Conn <= wire.PausedSyncT
	j.open("", '{')
	j.count("volume", v.Vol)
	j.str("replication-state", repl9(v.Conn))
	j.str("peer-disk-state", v.Pdsk.String())
	j.is("peer-client", false)
	j.str("resync-suspended", resyncSuspended(v))
	j.counters(peerCounters(v))
	j.is("has-sync-details", syncs)
	j.is("has-online-verify-details", syncs && v.Progress.Verify)
	j.real("percent-in-sync", percentInSync(v))
	if syncs {
		j.progress(v.Progress)
	}
	j.close('}')
}

// progress: "dt0", "db0" are of the last 3 s, "dt1", "db1" of the last 18 s.
func (j *jsonWriter) progress(p *replica.Progress) {
	const sectors = 8 // of a bit
	ms := func(from time.Time) int64 {
		if from.IsZero() {
			return 0
		}
		return max(0, p.Now.Sub(from).Milliseconds())
	}
	since := func(m replica.Mark) uint64 { return (m.Left - min(leftOf(p), m.Left)) * sectors }
	recent, long := window(p), window(p)
	if n := len(p.Marks); n > 0 {
		recent = p.Marks[max(0, n-2)]
	}
	run := ms(p.Started) - p.Paused.Milliseconds()
	j.count("rs-total", p.Total*sectors)
	j.count("rs-dt-start-ms", ms(p.Started))
	j.count("rs-paused-ms", p.Paused.Milliseconds())
	j.count("rs-dt0-ms", ms(recent.At))
	j.count("rs-db0-sectors", since(recent))
	j.count("rs-dt1-ms", ms(long.At))
	j.count("rs-db1-sectors", since(long))
	if p.Verify {
		j.count("ov-left", p.Left*sectors)
	} else {
		j.count("rs-failed", p.Failed*sectors)
	}
	j.real("want", float64(p.Want)/1024)
	j.real("db0/dt0 [MiB/s]", mibPerSecond(since(recent), ms(recent.At)))
	j.real("db1/dt1 [MiB/s]", mibPerSecond(since(long), ms(long.At)))
	finish := 987654321.0 // what the original says while nothing moves
	if db := since(long); db > 0 {
		finish = float64(max(ms(long.At), 1)) / 1000 * float64(leftOf(p)*sectors) / float64(db)
	}
	j.count("estimated-seconds-to-finish", fmt.Sprintf("%.0f", finish))
	j.real("db/dt [MiB/s]", mibPerSecond(doneOf(p)*sectors, run))
	j.real("percent-resync-done", percentOf(p))
}

func mibPerSecond(sectors uint64, ms int64) float64 {
	return float64(sectors) / float64(max(ms, 1)) * 1000 / 2048
}

// jsonString quotes a string.
func jsonString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
