package drbdsetup

import (
	"strings"
	"testing"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

func TestWaits(t *testing.T) {
	const waitsAnyway = "\ndrbd0 (r0[0]) is StandAlone, but I'm configured to wait anways (--wait-after-sb)\n"
	states := func(cs ...wire.ConnState) []control.Answer {
		var out []control.Answer
		for _, c := range cs {
			out = append(out, ofState(inState(c)))
		}
		return out
	}
	helper := control.Answer{Helper: &control.Helper{Resource: "r0", Name: "x"}}
	for _, c := range []struct {
		name, line string
		answers    []control.Answer
		want       result
	}{
		{"there already", "wait-connect 0", states(wire.Connected), result{}},
		{"comes", "wait-connect 0", states(wire.Unconnected, wire.WFConnection, wire.WFReportParams, wire.Connected), result{}},
		{"a resync is more than connected", "wait-connect 0", states(wire.WFConnection, wire.SyncTarget), result{}},
		{"the handlers of others", "wait-connect 0", append([]control.Answer{states(wire.WFConnection)[0], helper}, states(wire.Connected)...), result{}},
		{"nobody looks for it", "wait-connect 0", states(wire.WFConnection, wire.StandAlone), result{}},
		{"is given up", "wait-connect 0", states(wire.Disconnecting), result{}},
		{"split brain, but wait", "wait-connect 0 --wait-after-sb", states(wire.StandAlone, wire.StandAlone, wire.WFConnection, wire.Connected), result{0, "", waitsAnyway}},
		{"split brain, do not", "wait-connect 0 --wait-after-sb=no", states(wire.StandAlone), result{}},
		{"resync ends", "wait-sync 0", states(wire.WFConnection, wire.SyncTarget, wire.PausedSyncT, wire.Connected), result{}},
		{"sync of none", "wait-sync 0", states(wire.StandAlone), result{}},
		{"8.3", "0 wait-connect", states(wire.Connected), result{}},
		{"0.7", "/dev/drbd0 wait_connect", states(wire.Connected), result{}},
		{"0.7 sync", "/dev/drbd0 wait_sync -t 0", states(wire.SyncSource, wire.Connected), result{}},
		{"never comes", "wait-connect 0 --wfc-timeout=1 --degr-wfc-timeout=1 --outdated-wfc-timeout=1", states(wire.WFConnection), result{exit: 5}},
		{"resync does not end", "0 wait-sync -t 1 -d 1 -o 1", states(wire.SyncTarget), result{exit: 5}},
		{"no such minor", "wait-connect 0", []control.Answer{unknownMinor}, result{20, "", "error determining which timeout to use: minor not available\n"}},
		{"it is taken away", "wait-connect 0", append(states(wire.WFConnection), control.Answer{}), result{20, "", "0: minor 0 is not there any more\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// Parallel tests cannot share an environment: the socket is handed over.
			tl, out, err := toolAt(t, always(c.answers...))
			got := result{exit: tl.finish(tl.run(strings.Fields(c.line)))}
			got.out, got.err = out.String(), err.String()
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// Which timeout applies (drbd-cli 3.3): the peer was outdated; the node was Primary
// without a peer; else the first.
func TestWhichTimeout(t *testing.T) {
	w := timeouts{wfc: 300, degraded: 120, outdated: 60}
	for _, c := range []struct {
		name string
		v    replica.VolumeView
		want time.Duration
	}{
		{"normal", replica.VolumeView{Pdsk: wire.DUnknown}, 300 * time.Second},
		{"degraded", replica.VolumeView{Degraded: true}, 120 * time.Second},
		{"outdated at attach", replica.VolumeView{PeerWasOutdated: true, Degraded: true}, 60 * time.Second},
		{"outdated now", replica.VolumeView{Pdsk: wire.Outdated}, 60 * time.Second},
	} {
		if got := w.applies(c.v); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// A device that was degraded waits its own time, not the longer one.
	tl, _, _ := toolAt(t, always(ofState(connected(func(r *control.Resource) {
		r.View.Volumes[0].Conn, r.View.Volumes[0].Degraded = wire.WFConnection, true
	}))))
	start := time.Now()
	if exit := tl.finish(tl.run(strings.Fields("wait-connect 0 --wfc-timeout=100 --degr-wfc-timeout=1"))); exit != 5 || time.Since(start) > 10*time.Second {
		t.Errorf("exit %d after %v", exit, time.Since(start))
	}
}
