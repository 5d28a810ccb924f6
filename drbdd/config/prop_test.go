package config_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"classicha/drbdd/config"
)

// drawn is a source of random numbers that rapid can shrink. rapid prefers small
// ones; mixing spreads them.
type drawn struct{ t *rapid.T }

func (d drawn) Uint64() uint64 {
	n := rapid.Uint64().Draw(d.t, "n")
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// sameMeaning compares configurations without places, and without what dump
// leaves out: volumes at resource level (each host shows them), the option
// without effect on dump udev-always-use-vnr.
var sameMeaning = cmp.Options{
	cmp.Comparer(func(a, b config.Pos) bool { return true }),
	cmp.FilterPath(func(p cmp.Path) bool {
		switch p.String() {
		case "Resources.Volumes", "Common.Volumes", "Global.UdevAlwaysUseVNR", "Resources.Hosts.LowerRes", "Resources.Me.LowerRes", "Resources.Peer.LowerRes":
			return true
		}
		f, ok := p.Last().(cmp.StructField)
		return ok && (f.Name() == "group" || f.Name() == "diskRead")
	}, cmp.Ignore()),
}

// TestDumpParsesBack: what dump prints means the same as the file, and is
// printed the same again.
func TestDumpParsesBack(t *testing.T) {
	env := config.Env{Hostname: "alpha", LocalAddr: func(a string) bool { return strings.HasPrefix(a, "127.") }}
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		g := &confGen{Rand: rand.New(drawn{t})}
		text := g.file()
		first, found := config.Parse("/etc/drbd.conf", []byte(text), env)
		if found.Refused() {
			return
		}
		accepted++
		dump := first.Dump("alpha", config.DumpPlain)
		second, found := config.Parse("/etc/drbd.conf", []byte(dump), env)
		if found.Refused() {
			t.Fatalf("the dump is refused: %s\n%s\nfrom\n%s", found.Lines(), dump, text)
		}
		if d := cmp.Diff(first, second, sameMeaning); d != "" {
			t.Fatalf("the dump means something else (-file +dump):\n%s\n%s\nfrom\n%s", d, dump, text)
		}
		if again := second.Dump("alpha", config.DumpPlain); withoutLines(again) != withoutLines(dump) {
			t.Fatalf("the dump of the dump:\n%s\nwant:\n%s", again, dump)
		}
		if stderr, exit := found.Original(); exit != 0 {
			t.Fatalf("the real drbdadm refuses the dump: %s\n%s", stderr, dump)
		}
	})
	if accepted < 20 {
		t.Errorf("only %d files were right", accepted)
	}
}

// withoutLines leaves out where resources are defined.
func withoutLines(dump string) string {
	lines := strings.Split(dump, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "# defined at ") {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}
