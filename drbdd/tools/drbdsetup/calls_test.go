package drbdsetup

import (
	"os"
	"strings"
	"testing"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
)

// shellWords splits a line at blanks that no backslash hides.
func shellWords(line string) []string {
	var words []string
	word, begun := "", false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			word, begun = word+line[i:i+1], true
		case c == ' ':
			if begun {
				words = append(words, word)
			}
			word, begun = "", false
		default:
			word, begun = word+string(c), true
		}
	}
	if begun {
		words = append(words, word)
	}
	return words
}

// Everything that the real drbdadm executes is understood, without a word on
// standard error.
func TestCallsOfDrbdadm(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"blk0", "md"} {
		if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile("testdata/drbdadm-calls.txt")
	if err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, nil)
	changes, queries := 0, 0
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		argv := shellWords(strings.ReplaceAll(line, "@DIR@", dir))
		d.set(func(req control.Request) []control.Answer {
			return []control.Answer{ofState(connected(func(r *control.Resource) {
				v, c := r.View.Volumes[0], r.Volumes[0]
				v.Minor = max(req.Minor, 0)
				r.View.Volumes, r.Volumes = []replica.VolumeView{v}, []control.Volume{c}
			}))}
		})
		got := runTool(t, argv...)
		reqs := d.seen()
		if got.exit != 0 || got.err != "" || len(reqs) == 0 {
			t.Errorf("%s\n%d %q, %d requests", line, got.exit, got.err, len(reqs))
			continue
		}
		if control.IsQuery(reqs[len(reqs)-1].Cmd) {
			queries++
		} else {
			changes++
		}
	}
	if changes < 170 || queries < 45 {
		t.Errorf("only %d changes and %d queries", changes, queries)
	}
}

// A secret with blanks and quotes arrives as it is.
func TestSecretOfDrbdadm(t *testing.T) {
	b, err := os.ReadFile("testdata/drbdadm-calls.txt")
	if err != nil {
		t.Fatal(err)
	}
	d := startDaemon(t, always(control.Answer{}))
	for _, line := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(line, "drbdsetup-84 connect r0 ipv4:127.0.0.1:7788") && strings.Contains(line, "--socket-check-timeout") {
			runTool(t, shellWords(line)...)
			opts := d.seen()[0].Options
			if opts["shared-secret"] != `a b"c` || len(opts) < 29 || opts["congestion-fill"] != "4096" {
				t.Errorf("%d options: %v", len(opts), opts)
			}
			return
		}
	}
	t.Error("no such line")
}
