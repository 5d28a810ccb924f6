package options

import (
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/config"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

func def(t *testing.T, s config.Section, name string) *config.OptionDef {
	t.Helper()
	d := config.Lookup(s, name)
	if d == nil {
		t.Fatalf("%s has no option %s", s, name)
	}
	return d
}

func TestValue(t *testing.T) {
	net, disk, res := config.SectionNet, config.SectionDisk, config.SectionOptions
	for _, c := range []struct {
		s                 config.Section
		name, text, value string
		err               string
	}{
		{disk, "resync-rate", "10M", "10240", ""},
		{disk, "resync-rate", "33792", "33792", ""},
		{disk, "resync-rate", "1s", "1", ""}, // half a KiB, rounded up
		{disk, "resync-rate", "0", "", "resync-rate 0 => 0k out of range [1..4194304]k"},
		{disk, "resync-rate", "9G", "", "resync-rate 9G => 9437184k out of range [1..4194304]k"},
		{disk, "resync-rate", "10X", "", "10X is not a valid number"},
		{disk, "resync-rate", "", "", "missing number argument"},
		{disk, "size", "10G", "20971520", ""},
		{disk, "size", "99999999999999999G", "", "99999999999999999G: out of range"},
		{disk, "al-extents", "7", "67", ""},
		{disk, "al-extents", "70000", "65534", ""},
		{disk, "resync-after", "-1", "-1", ""},
		{disk, "resync-after", "3", "3", ""},
		{disk, "resync-after", "-2", "", "resync-after -2 => -2 out of range [-1..1048575]"},
		{disk, "resync-after", "r0", "", "r0 is not a valid number"},
		{disk, "on-io-error", "panic", "panic", ""},
		{disk, "on-io-error", "Panic", "", "Option --on-io-error: invalid argument 'Panic'"},
		{disk, "disk-barrier", "no", "no", ""},
		{disk, "disk-barrier", "false", "", "Option --disk-barrier: invalid argument 'false'"},
		{net, "protocol", "c", "C", ""},
		{net, "protocol", "D", "", "Option --protocol: invalid argument 'D'"},
		{net, "timeout", "601", "", "timeout 601 => 601 out of range [1..600]"},
		{net, "sndbuf-size", "512K", "524288", ""},
		{net, "shared-secret", strings.Repeat("x", 64), strings.Repeat("x", 64), ""},
		{net, "shared-secret", strings.Repeat("x", 65), "", "Option --shared-secret: longer than 64 bytes"},
		{net, "cram-hmac-alg", "", "", ""},
		{res, "on-no-data-accessible", "suspend-io", "suspend-io", ""},
		{res, "cpu-mask", "ff", "ff", ""},
	} {
		v, err := Value(def(t, c.s, c.name), c.text)
		if c.err == "" && (err != nil || v != c.value) || c.err != "" && (err == nil || err.Error() != c.err) {
			t.Errorf("%s %q: %q, %v; want %q %q", c.name, c.text, v, err, c.value, c.err)
		}
	}
	_, err := Value(def(t, disk, "size"), "")
	if e := (*Error)(nil); !errors.As(err, &e) || e.Exit != 100 {
		t.Errorf("an empty number ends with 100 (seen), not %v", err)
	}
}

func TestDefaultsAgree(t *testing.T) {
	net := FromNet(replica.DefaultNetOptions())
	disk := FromDisk(replica.DefaultDiskOptions())
	res := FromResource(replica.ResourceOptions{})
	if len(net)+len(disk)+len(res) > 0 {
		t.Errorf("the core's defaults are not those of the table: %v %v %v", net, disk, res)
	}
	s, err := SocketOptions(nil)
	if err != nil || len(list(&s, config.SectionNet, socketFields)) > 0 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, o := range config.Options() {
		m := map[string]string{o.Name: Default(o)}
		switch o.Section {
		case config.SectionNet:
			if got, err := Net(m); err != nil || got != replica.DefaultNetOptions() {
				t.Errorf("net %v: %+v, %v", m, got, err)
			}
		case config.SectionDisk:
			if got, err := Disk(m); err != nil || got != replica.DefaultDiskOptions() {
				t.Errorf("disk %v: %+v, %v", m, got, err)
			}
		}
	}
}

// Each option reaches the core or the shell, or is known to need neither.
func TestEveryOptionHasItsPlace(t *testing.T) {
	nowhere := map[string]string{
		"unplug-watermark": "no elevator of the kernel to unplug", "disk-barrier": "barriers are gone since Linux 2.6.37",
		"max-bio-bvecs": "no bio is made here", "use-bmbv": "no effect since 8.4", "disable-write-same": "not offered",
		"cpu-mask": "the shell's",
	}
	for _, d := range config.Options() {
		var ok bool
		switch d.Section {
		case config.SectionNet:
			_, ok = netFields[d.Name]
			if _, s := socketFields[d.Name]; s {
				ok = true
			}
		case config.SectionDisk:
			_, ok = diskFields[d.Name]
		case config.SectionOptions:
			_, ok = resourceFields[d.Name]
		default:
			continue
		}
		if _, known := nowhere[d.Name]; ok == known {
			t.Errorf("%s %s: has a field %v, needs none %v", d.Section, d.Name, ok, known)
		}
	}
}

func TestTyped(t *testing.T) {
	n, err := Net(map[string]string{
		"protocol": "A", "timeout": "65", "ping-int": "3", "ko-count": "0", "after-sb-0pri": "discard-zero-changes", "after-sb-1pri": "discard-secondary",
		"after-sb-2pri": "violently-as0p", "rr-conflict": "violently", "on-congestion": "pull-ahead", "congestion-fill": "2048", "use-rle": "no",
		"discard-my-data": "yes", "tentative": "yes", "tcp-cork": "no", "verify-alg": "sha1",
	})
	want := replica.DefaultNetOptions()
	want.Protocol, want.Timeout, want.PingInt, want.KoCount = 'A', 6500*time.Millisecond, 3*time.Second, 0
	want.AfterSB0P, want.AfterSB1P, want.AfterSB2P = wire.Policy(3), wire.Policy(8), wire.Policy(10)
	want.RRConflict, want.OnCongestion, want.CongFill, want.UseRLE = replica.RRViolently, replica.PullAhead, 2048, false
	want.DiscardMyData, want.Tentative, want.VerifyAlg = true, true, "sha1"
	if err != nil || n != want {
		t.Errorf("got  %+v, %v\nwant %+v", n, err, want)
	}
	d, err := Disk(map[string]string{
		"size": "16304", "on-io-error": "call-local-io-error", "fencing": "resource-and-stonith", "disk-timeout": "15", "resync-after": "4",
		"read-balancing": "64K-striping", "md-flushes": "no", "discard-zeroes-if-aligned": "no",
	})
	wd := replica.DefaultDiskOptions()
	wd.Size, wd.OnIOError, wd.Fencing, wd.DiskTimeout = 16304, replica.CallLocalIOError, replica.ResourceAndStonith, 1500*time.Millisecond
	wd.ResyncAfter, wd.Balancing, wd.MDFlushes, wd.DiscardZeroesIfAligned = 4, replica.StripingBase+1, false, false
	if err != nil || d != wd {
		t.Errorf("got  %+v, %v\nwant %+v", d, err, wd)
	}
	for _, word := range []struct {
		w string
		o replica.OnIOError
	}{{"detach", replica.Detach}, {"pass_on", replica.PassOn}, {"panic", replica.Panic}} {
		if d, err := Disk(map[string]string{"on-io-error": word.w}); err != nil || d.OnIOError != word.o {
			t.Errorf("%s: %v, %v", word.w, d.OnIOError, err)
		}
	}
	r, err := Resource(map[string]string{"on-no-data-accessible": "suspend-io", "cpu-mask": "3"})
	if err != nil || !r.SuspendOnNoData {
		t.Errorf("%+v, %v", r, err)
	}
	s, err := SocketOptions(map[string]string{"sndbuf-size": "524288", "cram-hmac-alg": "sha1", "shared-secret": "x y", "tcp-cork": "no", "timeout": "30", "socket-check-timeout": "5"})
	if want := (Socket{SendBuffer: 524288, AuthAlg: "sha1", Secret: "x y", Check: 500 * time.Millisecond}); err != nil || s != want {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"foo", "1", "Option --foo: unknown in section net"},
		{"timeout", "0", "timeout 0 => 0 out of range [1..600]"},
		{"tcp-cork", "1", "Option --tcp-cork: invalid argument '1'"},
		{"tentative", "maybe", "Option --tentative: invalid argument 'maybe'"},
	} {
		m := map[string]string{c.name: c.value}
		_, err := Net(m)
		if err == nil || err.Error() != c.want {
			t.Errorf("%v: %v, want %s", m, err, c.want)
		}
		if err := Check(config.SectionNet, m); err == nil || err.Error() != c.want {
			t.Errorf("check %v: %v", m, err)
		}
	}
}

// What is set goes through the core's types and comes back.
func TestRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		net, disk := map[string]string{}, map[string]string{}
		for _, d := range config.Options() {
			if rnd.IntN(3) > 0 {
				continue
			}
			v := random(rnd, d)
			if _, ok := netFields[d.Name]; ok && d.Section == config.SectionNet && v != Default(d) {
				net[d.Name] = v
			}
			if _, ok := diskFields[d.Name]; ok && d.Section == config.SectionDisk && v != Default(d) {
				disk[d.Name] = v
			}
		}
		n, err := Net(net)
		if got := FromNet(n); err != nil || !maps.Equal(got, net) {
			t.Fatalf("net %v became %v, %v", net, got, err)
		}
		d, err := Disk(disk)
		if got := FromDisk(d); err != nil || !maps.Equal(got, disk) {
			t.Fatalf("disk %v became %v, %v", disk, got, err)
		}
	}
}

func random(rnd *rand.Rand, d *config.OptionDef) string {
	switch {
	case d.Name == resyncAfter:
		return strconv.Itoa(rnd.IntN(100) - 1)
	case d.Type == config.Number:
		return strconv.FormatUint(d.Min+rnd.Uint64N(d.Max-d.Min+1), 10)
	case d.Type == config.Bool:
		return yesNo(rnd.IntN(2) == 0)
	case d.Type == config.Enum:
		return d.Words[rnd.IntN(len(d.Words))]
	}
	return []string{"", "sha1", "md5"}[rnd.IntN(3)]
}

func TestMerge(t *testing.T) {
	type m = map[string]string
	for _, c := range []struct {
		name           string
		s              config.Section
		before, change m
		defaults       bool
		want           m
	}{
		{"named only", config.SectionNet, m{"timeout": "50", "protocol": "A"}, m{"timeout": "30"}, false, m{"timeout": "30", "protocol": "A"}},
		{"the rest reset", config.SectionNet, m{"timeout": "50", "protocol": "A"}, m{"ko-count": "3"}, true, m{"ko-count": "3"}},
		{"back to the default", config.SectionNet, m{"timeout": "50"}, m{"timeout": "60"}, false, m{}},
		{"once", config.SectionNet, m{"discard-my-data": "yes"}, m{"tentative": "yes"}, false, m{}},
		{"what attach set", config.SectionDisk, m{"size": "800", "fencing": "resource-only"}, m{"al-extents": "257"}, true, m{"size": "800", "al-extents": "257"}},
		{"no dependency", config.SectionDisk, m{"resync-after": "3"}, m{"resync-after": "-1"}, false, m{}},
		{"nothing before", config.SectionOptions, nil, m{"cpu-mask": "3", "on-no-data-accessible": "io-error"}, false, m{"cpu-mask": "3"}},
	} {
		if got := Merge(c.s, c.before, c.change, c.defaults); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{"10M", "-1", "", "yes", "detach", "9999999999999999999999G", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range config.Options() {
			v, err := Value(d, text)
			if err != nil {
				continue
			}
			if again, err := Value(d, v); err != nil || again != v {
				t.Fatalf("%s: %q is %q, which is %q, %v", d.Name, text, v, again, err)
			}
		}
	})
}
