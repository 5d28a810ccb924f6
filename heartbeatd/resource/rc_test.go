package resource

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const testHarc = `#!/bin/sh
echo "begin $1" >>$CALLS; "$HA_DIR/rc.d/$1" "$@"; echo "end $1" >>$CALLS
`

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timeout waiting for %s", what)
		}
	}
}

// heartbeat-behaviour 2.1: one at a time, in order.
func TestRCJobsAreQueued(t *testing.T) {
	done := make(chan RCResult, 10)
	e := newEnv(t, Options{RCDone: func(r RCResult) { done <- r }})
	e.write("harc", testHarc)
	e.write("rc.d/status", "#!/bin/sh\nsleep 0.05; exit 0\n")
	e.write("rc.d/other", "#!/bin/sh\nexit 4\n")
	for _, typ := range []string{"STATUS", "status", "other"} {
		if !e.r.RunRC(typ, nil) {
			t.Errorf("RunRC(%s) was not taken", typ)
		}
	}
	for _, typ := range []string{"unknown", "", "../harc", "a/b"} {
		if e.r.RunRC(typ, nil) {
			t.Errorf("RunRC(%q) was taken", typ)
		}
	}
	for _, want := range []string{"status", "status", "other"} {
		if r := <-done; r.Type != want || r.Dropped {
			t.Errorf("ended %+v, want %s", r, want)
		}
	}
	if got, want := e.calls(), "begin status, end status, begin status, end status, begin other, end other"; got != want {
		t.Errorf("order: %s, want %s", got, want)
	}
}

// No rc.d job begins while a group operation runs; but a takeover does not wait
// for an rc.d job.
func TestRCWaitsForGroups(t *testing.T) {
	e := newEnv(t, Options{})
	e.write("harc", testHarc)
	e.write("rc.d/status", "#!/bin/sh\nuntil [ -e $HA_DIR/go ]; do sleep 0.01; done\n")
	e.script("slow", `[ $1 = start ] || exit 0; echo "start" >>$CALLS; sleep 0.2; echo "started" >>$CALLS`)
	end := make(chan bool)
	go func() {
		end <- e.r.TakeGroup(t.Context(), ParseGroup("n", "slow"), GroupOptions{}).OK
	}()
	waitFor(t, "the group to start", func() bool { b, _ := os.ReadFile(e.dir + "/calls"); return len(b) > 0 })
	e.r.RunRC("status", nil)
	<-end
	waitFor(t, "the job", func() bool { b, _ := os.ReadFile(e.dir + "/calls"); return strings.Contains(string(b), "begin") })
	if !e.r.TakeGroup(t.Context(), ParseGroup("n", "slow"), GroupOptions{}).OK { // while the job hangs
		t.Error("take failed")
	}
	e.touch("go")
	waitFor(t, "the job's end", func() bool { b, _ := os.ReadFile(e.dir + "/calls"); return strings.Contains(string(b), "end status") })
	if got, want := e.calls(), "start, started, begin status, start, started, end status"; got != want {
		t.Errorf("order: %s, want %s", got, want)
	}
}

func TestRCQueueIsBounded(t *testing.T) {
	e := newEnv(t, Options{RCQueue: 2})
	e.write("harc", testHarc)
	e.write("rc.d/status", "#!/bin/sh\nsleep 60\n")
	e.r.RunRC("status", nil)
	waitFor(t, "the first job", func() bool { b, _ := os.ReadFile(e.dir + "/calls"); return len(b) > 0 })
	taken := 0
	for range 10 {
		if e.r.RunRC("status", nil) {
			taken++
		}
	}
	if taken != 2 {
		t.Errorf("%d jobs taken, want 2", taken)
	}
	n := 0
	for _, l := range e.log() {
		if strings.Contains(l, "queue of rc.d jobs is full") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the full queue was logged %d times, want once", n)
	}
	begin := time.Now()
	e.r.Close() // ends the running job
	if d := time.Since(begin); d > 4*time.Second {
		t.Errorf("Close took %s", d)
	}
}

// heartbeat-behaviour 2.2: fields are hostile text.
func TestRCFieldsInEnvironment(t *testing.T) {
	done := make(chan RCResult, 1)
	e := newEnv(t, Options{RCDone: func(r RCResult) { done <- r }})
	e.write("harc", "#!/bin/sh\nenv >$CALLS\n")
	e.write("rc.d/status", "#!/bin/sh\n")
	e.r.RunRC("status", [][2]string{{"t", "status"}, {"st", "dead"}, {"src", "$(reboot)"}, {"st", "up"}, {"a b", "x"}, {"FUNCS", "/tmp/evil"},
		{"DIR", "/tmp"}, {"x=y", "z"}, {"info", "two\nlines"}, {"nul", "a\x00b"}}, "HA_OSTATUS=active")
	r := <-done
	b, _ := os.ReadFile(e.dir + "/calls")
	vars := strings.Split(string(b), "\n")
	for _, want := range []string{"HA_t=status", "HA_st=up", "HA_src=$(reboot)", "HA_OSTATUS=active", "HA_DIR=" + e.dir + "/",
		"HA_FUNCS=" + e.dir + "/shellfuncs", "HA_RCDIR=" + e.dir + "//rc.d", "HA_info=two", "lines"} {
		if !slices.Contains(vars, want) {
			t.Errorf("%s is missing (%+v)\n%s", want, r, b)
		}
	}
	if strings.Contains(string(b), "evil") || strings.Contains(string(b), "HA_nul") || strings.Contains(string(b), "HA_x=y") {
		t.Errorf("a hostile field came through:\n%s", b)
	}
}

func FuzzFieldEnv(f *testing.F) {
	f.Add("st", "dead")
	f.Add("FUNCS", "/x")
	f.Fuzz(func(t *testing.T, k, v string) {
		for _, kv := range fieldEnv([][2]string{{k, v}, {k, v}}) {
			name, _, _ := strings.Cut(kv, "=")
			if !shellName(name) || steering[name] || strings.ContainsRune(kv, 0) {
				t.Errorf("field %q=%q gives %q", k, v, kv)
			}
		}
	})
}
