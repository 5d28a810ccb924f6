package docs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"classicha/drbdd/replica"
	"classicha/drbdd/replica/simworld"
	"classicha/drbdd/replica/state"
	"classicha/drbdd/wire"
)

// arrow is a drawn change of state; usual ones are drawn with a full line.
type arrow struct{ from, to string }

// drawing is a block "```states NAME" of docs/states.md.
type drawing struct {
	names  []string
	arrows map[arrow]bool // true: usual
}

// readDrawings parses them: lines "A, B --> C ..> D".
func readDrawings(t *testing.T) map[string]drawing {
	t.Helper()
	text := guides(t)["states.md"]
	out := map[string]drawing{}
	for _, m := range regexp.MustCompile("(?s)```states (\\w+)\n(.*?)```").FindAllStringSubmatch(text, -1) {
		d := drawing{arrows: map[arrow]bool{}}
		for _, line := range strings.Split(strings.TrimSpace(m[2]), "\n") {
			words := regexp.MustCompile(`-->|\.\.>`).Split(line, -1)
			heads := regexp.MustCompile(`-->|\.\.>`).FindAllString(line, -1)
			var before []string
			for i, w := range words {
				var now []string
				for _, s := range strings.Split(w, ",") {
					s = strings.TrimSpace(s)
					now = append(now, s)
					if s != "*" && !slices.Contains(d.names, s) {
						d.names = append(d.names, s)
					}
					for _, b := range before {
						d.arrows[arrow{b, s}] = heads[i-1] == "-->"
					}
				}
				before = now
			}
		}
		out[m[1]] = d
	}
	return out
}

func (d drawing) has(from, to string) bool {
	_, own := d.arrows[arrow{from, to}]
	_, any := d.arrows[arrow{"*", to}]
	return own || any
}

// same compares the names that are drawn with those of the code.
func same(t *testing.T, what string, d drawing, code []string) {
	t.Helper()
	a, b := slices.Sorted(slices.Values(d.names)), slices.Sorted(slices.Values(code))
	if !slices.Equal(a, b) {
		t.Errorf("%s: drawn are\n%q, the code has\n%q", what, a, b)
	}
}

// named are the words of a type of drbd's, up to the first number without one.
func named[T ~uint8](kind string) (out []string) {
	for i := T(0); ; i++ {
		s := fmt.Sprint(i)
		if strings.HasPrefix(s, kind+"(") {
			return out
		}
		out = append(out, s)
	}
}

// TestStatesOfDrbd compares the drawings with the names, with the rules of connections, and
// with what the simulation does.
func TestStatesOfDrbd(t *testing.T) {
	draw := readDrawings(t)
	same(t, "conn", draw["conn"], named[wire.ConnState]("conn"))
	same(t, "disk", draw["disk"], named[wire.DiskState]("disk"))
	same(t, "role", draw["role"], named[wire.Role]("role"))
	conns := map[string]wire.ConnState{}
	for i, s := range named[wire.ConnState]("conn") {
		conns[s] = wire.ConnState(i)
	}
	for a := range draw["conn"].arrows {
		if a.from == "*" {
			continue
		}
		if rc := state.CheckAlways(state.State{Conn: conns[a.from]}, state.State{Conn: conns[a.to]}); rc != wire.Success {
			t.Errorf("conn: %s to %s is drawn, and the rules forbid it: %s", a.from, a.to, rc.Text())
		}
	}
	change := regexp.MustCompile(`\b(role|conn|disk)\( (\w+) -> (\w+) \)`)
	seen := map[string]map[arrow]int{"role": {}, "conn": {}, "disk": {}}
	for seed := uint64(1); seed <= 30; seed++ {
		var b bytes.Buffer
		f := func(cfg replica.Config, seed uint64) simworld.Core { return replica.New(cfg, seed) }
		if err := simworld.Run(seed, f, &b); err != nil {
			t.Fatal(err)
		}
		for _, m := range change.FindAllStringSubmatch(b.String(), -1) {
			seen[m[1]][arrow{m[2], m[3]}]++
		}
	}
	for kind, arrows := range seen {
		for a, n := range arrows {
			if !draw[kind].has(a.from, a.to) {
				t.Errorf("%s: %s to %s is not drawn, and the simulation does it %d times", kind, a.from, a.to, n)
			}
		}
		for a, usual := range draw[kind].arrows {
			if usual && arrows[a] == 0 {
				t.Errorf("%s: %s to %s is drawn as usual, and 30 seeds of the simulation do not do it", kind, a.from, a.to)
			}
		}
	}
}

// TestStatesOfHeartbeat compares the names with the code, and for the resource states where the
// arrows lead to.
func TestStatesOfHeartbeat(t *testing.T) {
	var src strings.Builder
	files, err := filepath.Glob("../../heartbeatd/cluster/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		src.Write(data)
	}
	draw := readDrawings(t)
	for _, kind := range []string{"Status", "resState", "standbyState", "GroupState"} {
		same(t, kind, draw[kind], wordsOf(t, src.String(), kind))
	}
	// The constants of resState are "res" and the word, but for one.
	entered := []string{}
	for _, m := range regexp.MustCompile(`c\.state = res(\w+)`).FindAllStringSubmatch(src.String(), -1) {
		s := strings.ToLower(m[1])
		if s == "rcvd" {
			s = "rscrcvd"
		}
		if !slices.Contains(entered, s) {
			entered = append(entered, s)
		}
	}
	led := []string{}
	for a := range draw["resState"].arrows {
		if !slices.Contains(led, a.to) {
			led = append(led, a.to)
		}
	}
	slices.Sort(entered)
	slices.Sort(led)
	if !slices.Equal(entered, led) {
		t.Errorf("resource states: arrows lead to %q, the code enters %q", led, entered)
	}
}

// wordsOf are those that the String method of a type of package cluster has.
func wordsOf(t *testing.T, src, kind string) (out []string) {
	t.Helper()
	m := regexp.MustCompile(`(?s)func \(\w+ ` + kind + `\) String\(\) string \{\s*return \[\.\.\.\]string\{([^}]*)\}`).FindStringSubmatch(src)
	if m == nil {
		t.Fatalf("the words of %s were not found", kind)
	}
	for _, w := range strings.Split(m[1], ",") {
		if w = strings.Trim(strings.TrimSpace(w), `"`); w == "" {
			w = "none"
		}
		out = append(out, w)
	}
	return out
}
