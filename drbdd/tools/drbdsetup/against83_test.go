package drbdsetup

import (
	"strings"
	"testing"

	"classicha/drbdd/control"
)

// Help of 8.3's commands, and what its program said about wrong command lines.
func TestAgainst83(t *testing.T) {
	noHosts(t)
	d := startDaemon(t, nil)
	same := 0
	for _, e := range recordings(t, "drbdsetup-83.json") {
		line := strings.Join(e.Argv, " ")
		switch {
		case strings.Contains(e.Stdout, "General options:"):
			continue // the program's own usage: ours is that of 8.4
		case strings.Contains(e.Stderr, "send() failed"), len(e.Argv) == 2 && e.Argv[0] == "help" && find(e.Argv[1]) != nil:
			continue // no kernel; a command of 8.4, too
		}
		d.set(always(control.Answer{}))
		want := result{e.RC, e.Stdout, e.Stderr}
		if x, ok := differs83[line]; ok {
			want = x
		}
		if got := runTool(t, append([]string{"drbdsetup-83"}, e.Argv...)...); got != want {
			t.Errorf("%q\ngot  %d %q %q\nwant %d %q %q", line, got.exit, got.out, got.err, want.exit, want.out, want.err)
		}
		same++
	}
	if same < 30 {
		t.Errorf("only %d command lines compared", same)
	}
	for _, c := range oldCommands {
		for _, e := range recordings(t, "drbdsetup-83.json") {
			if len(e.Argv) == 2 && e.Argv[0] == "help" && e.Argv[1] == c.name && oldUsage(c) != e.Stdout {
				t.Errorf("usage of %s:\n%s\nwant\n%s", c.name, oldUsage(c), e.Stdout)
			}
		}
	}
}

var differs83 = map[string]result{
	"0 down extra":        {20, "\n", "Excess arguments: extra"},                          // said once is enough
	"0 syncer --after=-2": {20, "", "resync-after -2 => -2 out of range [-1..1048575]\n"}, // minors above 255, today's name
}
