package resource

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// env is a Runner with directories of its own.
type env struct {
	t          *testing.T
	dir, units string
	r          *Runner
	mu         sync.Mutex
	lines      []string
	debug      bytes.Buffer
	emergency  []string
}

func newEnv(t *testing.T, o Options) *env {
	t.Helper()
	e := &env{t: t, dir: filepath.Join(t.TempDir(), "ha.d"), units: t.TempDir()}
	for _, d := range []string{"resource.d", "rc.d"} {
		if err := os.MkdirAll(e.dir+"/"+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	o.HaDir, o.InitDir, o.UnitDirs, o.Node = e.dir, e.dir+"/init.d", []string{e.units}, "node1"
	o.Env = append([]string{"HA_EMERGENCY=log", "CALLS=" + e.dir + "/calls", "PATH=" + os.Getenv("PATH")}, o.Env...)
	o.Log = func(l Line) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if l.Level == "debug" {
			return
		}
		e.lines = append(e.lines, l.Entity+" "+strings.ReplaceAll(l.String(), e.dir, "/etc/ha.d"))
	}
	o.Debug = &e.debug
	if o.Emergency == nil {
		o.Emergency = func(reason string) { e.emergency = append(e.emergency, reason) }
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	e.r = r
	t.Cleanup(func() { r.Close() })
	return e
}

func (e *env) write(path, text string) {
	e.t.Helper()
	if err := os.WriteFile(e.dir+"/"+path, []byte(text), 0o755); err != nil {
		e.t.Fatal(err)
	}
}

func (e *env) script(name, body string) {
	e.t.Helper()
	e.write("resource.d/"+name, "#!/bin/sh\n"+body+"\n")
}

// labScript has state in a file, notes its calls, and fails when told to.
const labScript = `for op in "$@"; do :; done
s=$HA_DIR/state.$1
echo "$*" >>$CALLS
case $op in
start) [ -e $HA_DIR/fail-start-$1 ] && exit 1; : >$s;;
stop)  [ -e $HA_DIR/fail-stop-$1 ] && exit 1; rm -f $s;;
status) if [ -e $s ]; then echo running; else echo stopped; fi;;
esac
exit 0`

func (e *env) calls() string {
	b, _ := os.ReadFile(e.dir + "/calls")
	os.Remove(e.dir + "/calls")
	return strings.ReplaceAll(strings.TrimSuffix(string(b), "\n"), "\n", ", ")
}

func (e *env) log() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.lines
	e.lines = nil
	return l
}

func (e *env) wantLog(want ...string) {
	e.t.Helper()
	got := strings.Join(e.log(), "\n")
	if w := strings.Join(want, "\n"); got != w {
		e.t.Errorf("log is\n%s\nwant\n%s", got, w)
	}
}

func (e *env) touch(name string) { e.t.Helper(); e.write(name, "") }
