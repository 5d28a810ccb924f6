package resource

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// heartbeat-behaviour 3: only printed text counts.
func TestRunning(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"running", true},
		{"Running", true},
		{"RUNNING", false}, // the trap named in the specification
		{"NOT OK", true},   // and the other one
		{"OK", true},
		{"ok", false},
		{"is not running", false},
		{"is NOT Running", false},
		{"not yet running", false},
		{"running, not stopped", true}, // "not" must stand before
		{"not stopped\nrunning", false},
		{"nothing is running", true}, // no blank after "not"
		{"stopped", false},
		{"", false},
		{"apache2 is running (pid 1).", true},
		{"INFO:  Running OK", true},
		{"INFO:  Resource is stopped", false},
		{"MySQL is stopped..", false},
		{"Knot running", false}, // "not " inside a word counts too
		{"running not running", false},
		{"notrunning", true},
		{"not running OK", false},
	} {
		if got := Running(c.text); got != c.want {
			t.Errorf("Running(%q) = %v, want %v", c.text, got, c.want)
		}
	}
}

// The patterns are those of a shell "case": ask a real shell about many texts.
func TestRunningAgreesWithShell(t *testing.T) {
	words := []string{"not", "NOT", "Not ", " ", "running", "Running", "RUNNING", "OK", "ok", "x", "\t", "no", "t run", "ning", "OKrunning"}
	rnd := rand.New(rand.NewPCG(1, 2))
	var texts []string
	for range 500 {
		var b strings.Builder
		for range rnd.IntN(6) {
			b.WriteString(words[rnd.IntN(len(words))])
		}
		texts = append(texts, b.String())
	}
	script := `for t in "$@"; do case $t in *[Nn][Oo][Tt]\ *[Rr]unning*) echo 0;; *[Rr]unning*|*OK*) echo 1;; *) echo 0;; esac; done`
	out, err := exec.Command("sh", append([]string{"-c", script, "sh"}, texts...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Fields(string(out)) {
		if want := line == "1"; Running(texts[i]) != want {
			t.Errorf("Running(%q) = %v, the shell says %v", texts[i], !want, want)
		}
	}
}

func FuzzRunning(f *testing.F) {
	f.Add("is not running")
	f.Add("OK")
	f.Fuzz(func(t *testing.T, s string) {
		if Running(s) && !strings.Contains(strings.ToLower(s), "running") && !strings.Contains(s, "OK") {
			t.Errorf("Running(%q)", s)
		}
	})
}

func TestStatusOutcomes(t *testing.T) {
	e := newEnv(t, Options{})
	e.script("yes", "echo running; echo noise not >&2; exit 3")
	e.script("no", "echo stopped; exit 0")
	e.script("args", `echo "running: $*"`)
	e.script("stderr", "echo running >&2")
	for _, c := range []struct {
		word string
		want bool
		out  string
	}{
		{"yes", true, "running\n"},
		{"no", false, "stopped\n"},
		{"args::a::b c", true, "running: a b c status\n"},
		{"stderr", false, ""}, // only standard output counts
	} {
		got, out, err := e.r.Status(t.Context(), ParseWord(c.word))
		if got != c.want || out != c.out || err != nil {
			t.Errorf("Status(%s) = %v %q %v, want %v %q", c.word, got, out, err, c.want, c.out)
		}
	}
	if _, _, err := e.r.Status(t.Context(), ParseWord("missing")); err == nil {
		t.Error("status of a missing script gave an answer")
	}
}

func TestUnitState(t *testing.T) {
	for out, want := range map[string]state{"active\n": up, "reloading": up, "activating\n": moving, "deactivating": moving,
		"inactive\n": down, "failed": down, "unknown": down, "": unknown, "System has not been booted": unknown} {
		if got, err := unitState(out); got != want || (want == unknown) != (err != nil) {
			t.Errorf("unitState(%q) = %v %v, want %v", out, got, err, want)
		}
	}
}

func TestUnitIsFoundByFile(t *testing.T) {
	e := newEnv(t, Options{})
	for _, f := range []string{"web.service", "vpn@.service"} {
		if err := os.WriteFile(e.units+"/"+f, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/null", e.units+"/masked.service"); err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]string{"web": "systemctl web.service", "web.service": "systemctl web.service",
		"vpn::eu": "systemctl vpn@eu.service", "masked": "", "vpn": "", "nothing": "", "../etc/passwd": ""} {
		if got, _ := e.r.Locate(ParseWord(word)); got != want {
			t.Errorf("Locate(%s) = %q, want %q", word, got, want)
		}
	}
	e.script("web", "exit 0") // a script goes before a unit
	if got, _ := e.r.Locate(ParseWord("web")); got != e.dir+"/resource.d/web" {
		t.Errorf("Locate(web) = %q, want the script", got)
	}
}
