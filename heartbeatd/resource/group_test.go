package resource

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func quick(o Options) Options {
	o.StopRetryWait = time.Millisecond
	return o
}

// heartbeat-behaviour 3: left to right, status first; the log lines byte for byte
// as captured from Heartbeat 3.0.6 (with the double slash of runs below harc).
func TestTakeGroup(t *testing.T) {
	e := newEnv(t, quick(Options{}))
	e.script("LabRsc", labScript)
	e.script("LabPlain", "exit 0")
	g := ParseGroup("node2", "LabRsc::b::x::y", "LabPlain")
	res := e.r.TakeGroup(t.Context(), g, GroupOptions{BelowHarc: true})
	if !res.OK || res.Started != 2 {
		t.Errorf("TakeGroup = %+v, want two starts and success", res)
	}
	e.wantLog(
		"ResourceManager info: Acquiring resource group: node2 LabRsc::b::x::y LabPlain",
		"ResourceManager info: Running /etc/ha.d//resource.d/LabRsc b x y start",
		"ResourceManager info: Running /etc/ha.d//resource.d/LabPlain  start")
	if got := e.calls(); got != "b x y status, b x y start" {
		t.Errorf("calls: %s", got)
	}
	res = e.r.TakeGroup(t.Context(), g, GroupOptions{})
	if !res.OK || res.Started != 1 {
		t.Errorf("second TakeGroup = %+v, want only LabPlain started", res)
	}
	e.wantLog("ResourceManager info: Acquiring resource group: node2 LabRsc::b::x::y LabPlain",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabPlain  start")
}

func TestGiveGroup(t *testing.T) {
	e := newEnv(t, quick(Options{}))
	e.script("LabRsc", labScript)
	g := ParseGroup("node1", "LabRsc::a", "LabRsc::a2")
	res := e.r.GiveGroup(t.Context(), g, GroupOptions{})
	if !res.OK {
		t.Errorf("GiveGroup = %+v", res)
	}
	e.wantLog(
		"ResourceManager info: Releasing resource group: node1 LabRsc::a LabRsc::a2",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabRsc a2 stop",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabRsc a stop")
	if got := e.calls(); got != "a2 stop, a stop" { // no status first
		t.Errorf("calls: %s", got)
	}
}

// A failed start gives up the whole group, started or not.
func TestFailedStartGivesUpGroup(t *testing.T) {
	e := newEnv(t, quick(Options{}))
	e.script("LabRsc", labScript)
	e.touch("fail-start-a2")
	res := e.r.TakeGroup(t.Context(), ParseGroup("node1", "LabRsc::a", "LabRsc::a2", "LabRsc::a3"), GroupOptions{})
	if res.OK || !res.GaveUp || res.Failed.Word != "LabRsc::a2" || res.Result.Exit != 1 {
		t.Errorf("TakeGroup = %+v, want a failure of a2", res)
	}
	e.wantLog(
		"ResourceManager info: Acquiring resource group: node1 LabRsc::a LabRsc::a2 LabRsc::a3",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabRsc a start",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabRsc a2 start",
		"ResourceManager ERROR: Return code 1 from /etc/ha.d/resource.d/LabRsc",
		"ResourceManager CRIT: Giving up resources due to failure of LabRsc::a2",
		"ResourceManager info: Releasing resource group: node1 LabRsc::a LabRsc::a2 LabRsc::a3",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabRsc a3 stop",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabRsc a2 stop",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabRsc a stop")
	if got, want := e.calls(), "a status, a start, a2 status, a2 start, a3 stop, a2 stop, a stop"; got != want {
		t.Errorf("calls: %s, want %s", got, want)
	}
}

// 11 calls, then status: not running, so the "not LSB" lines and on with the next
// (captured from Heartbeat 3.0.6).
func TestStopThatFailsWhenStopped(t *testing.T) {
	e := newEnv(t, quick(Options{}))
	e.script("LabRsc", labScript)
	e.script("LabPlain", `echo "PLAIN $*" >>$CALLS; case $1 in stop) exit 7;; esac`)
	res := e.r.GiveGroup(t.Context(), ParseGroup("node2", "LabRsc::b", "LabPlain"), GroupOptions{})
	if !res.OK || res.StopFailed || len(e.emergency) != 0 {
		t.Errorf("GiveGroup = %+v, emergencies %v: want the failed stop passed over", res, e.emergency)
	}
	want := []string{"ResourceManager info: Releasing resource group: node2 LabRsc::b LabPlain",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabPlain  stop",
		"ResourceManager ERROR: Return code 7 from /etc/ha.d/resource.d/LabPlain"}
	for range 10 {
		want = append(want, "ResourceManager info: Retrying failed stop operation [LabPlain]",
			"ResourceManager info: Running /etc/ha.d/resource.d/LabPlain  stop",
			"ResourceManager ERROR: Return code 7 from /etc/ha.d/resource.d/LabPlain")
	}
	want = append(want, "ResourceManager ERROR: Resource script for LabPlain probably not LSB-compliant.",
		"ResourceManager WARN: it (LabPlain) MUST succeed on a stop when already stopped",
		"ResourceManager WARN: Machine reboot narrowly avoided!",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabRsc b stop")
	e.wantLog(want...)
	if got := strings.Count(e.calls(), "PLAIN stop"); got != 11 {
		t.Errorf("%d stop calls, want 11", got)
	}
}

func TestStopThatFailsWhileRunning(t *testing.T) {
	e := newEnv(t, quick(Options{StopRetryMax: 2}))
	e.script("LabRsc", labScript)
	g := ParseGroup("node1", "LabRsc::a", "LabRsc::a2")
	e.r.TakeGroup(t.Context(), g, GroupOptions{})
	e.touch("fail-stop-a2")
	e.calls()
	res := e.r.GiveGroup(t.Context(), g, GroupOptions{})
	if res.OK || !res.StopFailed || res.Failed.Word != "LabRsc::a2" {
		t.Errorf("GiveGroup = %+v, want a2 stuck", res)
	}
	if len(e.emergency) != 1 || !strings.Contains(e.emergency[0], "LabRsc::a2") {
		t.Errorf("emergencies: %q, want one for a2", e.emergency)
	}
	if l := e.log(); !slices.Contains(l, "ResourceManager CRIT: Resource STOP failure. Reboot required!") || !slices.Contains(l, "ResourceManager CRIT: Killing heartbeat ungracefully!") {
		t.Errorf("the lines of a stop failure are missing in %q", l)
	}
	if got, want := e.calls(), "a2 stop, a2 stop, a2 stop, a2 status, a stop"; got != want {
		t.Errorf("calls: %s, want %s", got, want)
	}
}

// A stop that fails and a status that gives no answer: it may still run.
func TestStopWithoutStatusAnswerIsNoSuccess(t *testing.T) {
	e := newEnv(t, quick(Options{StopRetryMax: 1, StatusTimeout: 100 * time.Millisecond, KillGrace: time.Second}))
	e.script("hang", "case $1 in status) sleep 60;; esac; exit 1")
	res := e.r.GiveGroup(t.Context(), ParseGroup("node1", "hang"), GroupOptions{})
	if res.OK || !res.StopFailed || len(e.emergency) != 1 {
		t.Errorf("GiveGroup = %+v, emergencies %q: want an emergency", res, e.emergency)
	}
}

func TestMissingScript(t *testing.T) {
	e := newEnv(t, quick(Options{}))
	e.script("LabRsc", labScript)
	g := ParseGroup("node1", "LabRsc::a", "drbdisk::user")
	res := e.r.TakeGroup(t.Context(), g, GroupOptions{})
	if res.OK || res.Failed.Word != "drbdisk::user" || !errors.Is(res.Result.Err, ErrNotFound) {
		t.Errorf("TakeGroup = %+v, want drbdisk not found", res)
	}
	e.wantLog(
		"ResourceManager info: Acquiring resource group: node1 LabRsc::a drbdisk::user",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabRsc a start",
		"ResourceManager ERROR: Cannot locate resource script drbdisk",
		"ResourceManager CRIT: Giving up resources due to failure of drbdisk::user",
		"ResourceManager info: Releasing resource group: node1 LabRsc::a drbdisk::user",
		"ResourceManager ERROR: Cannot locate resource script drbdisk",
		"ResourceManager ERROR: Resource script for drbdisk::user probably not LSB-compliant.",
		"ResourceManager WARN: it (drbdisk::user) MUST succeed on a stop when already stopped",
		"ResourceManager WARN: Machine reboot narrowly avoided!",
		"ResourceManager info: Running /etc/ha.d/resource.d/LabRsc a stop")
}

func TestStatGroup(t *testing.T) {
	e := newEnv(t, quick(Options{}))
	e.script("LabRsc", labScript)
	g := ParseGroup("node1", "LabRsc::a", "LabRsc::a2")
	for _, c := range []struct {
		touch string
		want  GroupState
	}{{"x", GroupNone}, {"state.a2", GroupSome}, {"state.a", GroupAll}} {
		e.touch(c.touch)
		if got := e.r.StatGroup(t.Context(), g); got != c.want {
			t.Errorf("with %s: StatGroup = %s, want %s", c.touch, got, c.want)
		}
	}
	if got := e.r.StatGroup(t.Context(), Group{}); got != GroupNone {
		t.Errorf("StatGroup of nothing = %s", got)
	}
}

func TestTakeDeadLines(t *testing.T) {
	e := newEnv(t, Options{})
	e.script("LabRsc", labScript)
	e.r.TakeDead(t.Context(), "node2", []Group{ParseGroup("node2", "LabRsc::b")}, true, GroupOptions{})
	e.wantLog("mach_down info: Taking over resource group LabRsc::b",
		"ResourceManager info: Acquiring resource group: node2 LabRsc::b",
		"ResourceManager info: Running /etc/ha.d//resource.d/LabRsc b start",
		"mach_down info: /usr/share/heartbeat/mach_down: nice_failback: foreign resources acquired",
		"mach_down info: mach_down takeover complete for node node2.")
}

// heartbeat-behaviour 2.2: what scripts find in their environment.
func TestScriptEnvironment(t *testing.T) {
	e := newEnv(t, Options{Env: []string{"HA_keepalive=2", "HA_DATEFMT=%Y/%m/%d_%T\t", "LANGUAGE=fr", "LC_ALL=fr_FR"}})
	e.script("env", `[ $1 = start ] && env >$HA_DIR/env; pwd >$HA_DIR/pwd; exit 0`)
	e.r.TakeGroup(t.Context(), ParseGroup("node1", "env"), GroupOptions{BelowHarc: true, Env: []string{"HA_NICEFAILBACK=yes", "HA_src=node2"}})
	b, err := os.ReadFile(e.dir + "/env")
	if err != nil {
		t.Fatal(err)
	}
	vars := strings.Split(string(b), "\n")
	for _, want := range []string{"HA_DIR=" + e.dir, "HA_FUNCS=" + e.dir + "/shellfuncs", "HA_CURHOST=node1", "HA_keepalive=2",
		"HA_DATEFMT=%Y/%m/%d_%T\t", "HA_RCDIR=" + e.dir + "//rc.d", "HA_RESOURCEDIR=" + e.dir + "//resource.d", "HA_FIFO=/var/lib/heartbeat/fifo",
		"HA_BIN=/usr/libexec/heartbeat", "HA_DOCDIR=/usr/share/doc/heartbeat", "HA_DEBUGLOG=/dev/null", "OCF_ROOT=/usr/lib/ocf",
		"HA_NICEFAILBACK=yes", "HA_src=node2", "LC_ALL=C"} {
		if !slices.Contains(vars, want) {
			t.Errorf("%s is missing in\n%s", want, b)
		}
	}
	for _, v := range vars {
		if strings.HasPrefix(v, "LANGUAGE=") {
			t.Error("LANGUAGE is set")
		}
		if p, ok := strings.CutPrefix(v, "PATH="); ok && !strings.HasPrefix(p, "/usr/libexec/heartbeat:/usr/sbin:/usr/share/heartbeat:") {
			t.Errorf("PATH=%s: Heartbeat's directories are not in front", p)
		}
	}
	if b, _ := os.ReadFile(e.dir + "/pwd"); string(b) != "/\n" {
		t.Errorf("working directory %q", b)
	}
}

// Group operations run one after the other, in the order of the calls.
func TestGroupsAreSerial(t *testing.T) {
	e := newEnv(t, Options{})
	e.script("slow", `[ $2 = start ] || exit 0; mkdir $HA_DIR/busy || echo overlap >>$CALLS; sleep 0.05; rmdir $HA_DIR/busy`)
	done := make(chan GroupResult)
	for range 4 {
		go func() { done <- e.r.TakeGroup(t.Context(), ParseGroup("node1", "slow::a"), GroupOptions{}) }()
	}
	for range 4 {
		if r := <-done; !r.OK {
			t.Errorf("%+v", r)
		}
	}
	if c := e.calls(); c != "" {
		t.Errorf("operations overlapped: %s", c)
	}
}

func TestCancelledTakeGivesUp(t *testing.T) {
	e := newEnv(t, Options{KillGrace: time.Second})
	e.script("hang", `echo "$*" >>$CALLS; case $1 in start) sleep 60;; esac`)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	res := e.r.TakeGroup(ctx, ParseGroup("node1", "hang"), GroupOptions{})
	if res.OK || !res.GaveUp || res.Err == nil {
		t.Errorf("TakeGroup = %+v, want given up", res)
	}
	if got := e.calls(); got != "status, start, stop" {
		t.Errorf("calls: %s", got)
	}
}
