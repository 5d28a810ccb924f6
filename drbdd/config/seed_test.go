package config_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"classicha/drbdd/config"
)

func seedEnv(host string) config.Env {
	return config.Env{Hostname: host, LocalAddr: func(string) bool { return true }}
}

func readSeed(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/seed/drbd.conf")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func sentences(fs config.Findings) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.Level.String()+" "+f.Sentence())
	}
	return out
}

// last is the value in force of an option of a section.
func last(t testing.TB, opts []config.Option, name string) string {
	t.Helper()
	o, ok := config.Last(opts, name)
	if !ok {
		t.Errorf("no option %s", name)
	}
	return o.Value
}

// TestSeed: the file of the article is read as it stands (drbd-config 7).
func TestSeed(t *testing.T) {
	conf, found := config.Parse("/etc/drbd.conf", readSeed(t), seedEnv("serv-a"))
	if found.Refused() || found.ExitCode() != 0 {
		t.Fatalf("refused: %s", found.Lines())
	}
	r := conf.Resource("user")
	if r == nil || r.Ignored || r.Me.Name() != "serv-a" || r.Peer.Name() != "serv-b" {
		t.Fatalf("resource user with its two hosts, got %+v", r)
	}
	for _, c := range []struct{ got, want, what string }{
		{conf.Protocol(r), "C", "protocol"},
		{last(t, r.Startup, "wfc-timeout"), "240", "wfc-timeout"},
		{last(t, r.Startup, "degr-wfc-timeout"), "240", "degr-wfc-timeout"},
		{last(t, r.Disk, "on-io-error"), "panic", "on-io-error"},
		{last(t, r.Disk, "resync-rate"), "700000K", "resync-rate"},
		{last(t, r.Disk, "al-extents"), "257", "al-extents"},
		{last(t, r.Handlers, "pri-on-incon-degr"), "/sbin/halt -f", "incon-degr-cmd"},
		{r.Me.Address.Setup(), "ipv4:130.66.201.1:7788", "address of serv-a"},
		{r.Peer.Address.String(), "ipv4 130.66.201.2:7788", "address of serv-b"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, want %q", c.what, c.got, c.want)
		}
	}
	rate, _ := config.Last(r.Disk, "resync-rate")
	if n, err := rate.Number(); n != 700000 || err != nil {
		t.Errorf("resync-rate is %d KiB/s (%v), want 700000", n, err)
	}
	v := r.Me.Volume(0)
	if v == nil || !v.Implicit || v.Minor != 0 || v.Device != "/dev/drbd0" || v.Disk != "/dev/sda1" || v.MetaIndex != config.MetaInternal {
		t.Errorf("one implicit volume, minor 0, got %+v", v)
	}

	warned := sentences(found.AtLeast(config.Warn))
	want := []string{"drbd.conf:4: incon-degr-cmd", "drbd.conf:10: on-io-error panic", "drbd.conf:21: keyword 'Address' accepted as 'address'"}
	if len(warned) != len(want) {
		t.Errorf("want %d warnings, got %q", len(want), warned)
	}
	for _, w := range want {
		if !slices.ContainsFunc(warned, func(s string) bool { return strings.Contains(s, w) }) {
			t.Errorf("no warning %q in %q", w, warned)
		}
	}
	if stderr, exit := found.Original(); exit != config.ExitInvalid || !strings.Contains(stderr, "but got 'incon-degr-cmd' (TK 282)") {
		t.Errorf("the real drbdadm refuses it: %q exit %d", stderr, exit)
	}
}

// TestSeedDump: dump turns the file of the article into one of today.
func TestSeedDump(t *testing.T) {
	conf, _ := config.Parse("/etc/drbd.conf", readSeed(t), seedEnv("serv-a"))
	want, err := os.ReadFile("testdata/seed/drbd.dump")
	if err != nil {
		t.Fatal(err)
	}
	got := conf.Dump("serv-a", config.DumpPlain)
	if got != string(want) {
		t.Fatalf("dump:\n%s\nwant:\n%s", got, want)
	}
	if _, found := config.Parse("/etc/drbd.conf", []byte(got), seedEnv("serv-a")); found.Refused() {
		t.Errorf("our own dump is refused: %s", found.Lines())
	} else if stderr, exit := found.Original(); exit != 0 {
		t.Errorf("the real drbdadm would refuse our dump: %s", stderr)
	}
}
