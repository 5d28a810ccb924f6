package drbdsetup

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// drbd-cli 3: a minor in every spelling.
func TestMinors(t *testing.T) {
	dir := t.TempDir()
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for text, want := range map[string]int{
		"0": 0, "00": 0, "7": 7, "minor-7": 7, "drbd7": 7, "/dev/drbd7": 7, "1048575": 1048575,
		link("by-res", "/dev/drbd12"):                   12, // the device is not there, the link still says it
		link("by-disk", filepath.Join(dir, "by-res")):   12,
		link("relative", "../../../../../../dev/drbd3"): 3,
	} {
		if n, ok := parseMinor(text); !ok || n != want {
			t.Errorf("%s: %d, %v; want %d", text, n, ok, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "0x1", "1 ", "minor-", "drbd", "/dev/drbd", "/dev/null", "/dev/sda1", "1048576", "99999999999999999999", "drbd-1", "minor-1x", dir,
		link("loop", "loop"), link("elsewhere", "/dev/null")} {
		if n, ok := parseMinor(text); ok {
			t.Errorf("%s is taken for minor %d", text, n)
		}
	}
}

func TestEndpoints(t *testing.T) {
	noHosts(t)
	for text, want := range map[string]string{
		"10.0.0.1": "ipv4:10.0.0.1:7788", "10.0.0.1:99": "ipv4:10.0.0.1:99", "ipv4:10.0.0.1:99": "ipv4:10.0.0.1:99", "localhost:1": "ipv4:127.0.0.1:1",
		"ipv6:[fe80::1]:99": "ipv6:[fe80::1]:99", "ipv6:[::1]": "ipv6:[::1]:7788", "ipv6:[fe80::1%eth0]:1": "ipv6:[fe80::1%eth0]:1", "sdp:10.0.0.1:1": "sdp:10.0.0.1:1",
	} {
		if got, _, err := endpoint(text); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", ":", "host", "10.0.0.1:x", "10.0.0.1:65536", "10.0.0.1:", "ipv6:10.0.0.1", "ipv6:[", "ipv4:[::1]:1", "ipv6:[::1]:70000"} {
		if got, _, err := endpoint(text); err == nil {
			t.Errorf("%s is taken for %s", text, got)
		}
	}
}

// The IPv6 address of a host that has both is no address for ipv4.
func TestEndpointFamily(t *testing.T) {
	was := resolver
	defer func() { resolver = was }()
	resolver = func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("2001:db8::5"), netip.MustParseAddr("::ffff:192.0.2.5")}, nil
	}
	for text, want := range map[string]string{"both": "ipv4:192.0.2.5:7788", "ipv6:both": "ipv6:[2001:db8::5]:7788"} {
		if got, _, err := endpoint(text); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	resolver = func(context.Context, string, string) ([]netip.Addr, error) { return nil, errors.New("no") }
	if _, _, err := endpoint("both"); err == nil {
		t.Error("a name that nobody knows has an address")
	}
}

func FuzzEndpoint(f *testing.F) {
	for _, s := range []string{"10.0.0.1:7788", "ipv4:10.0.0.1:7788", "ipv6:[::1]:1", "ipv6:::1", "localhost", "sdp:1.2.3.4:5", "ipv6:[::1%x]", "]:[:"} {
		f.Add(s)
	}
	was := resolver
	f.Cleanup(func() { resolver = was })
	resolver = func(context.Context, string, string) ([]netip.Addr, error) { return nil, errors.New("no") }
	f.Fuzz(func(t *testing.T, text string) {
		a, _, err := endpoint(text)
		if err != nil {
			return
		}
		again, note, err := endpoint(a)
		if err != nil || again != a || note != "" {
			t.Fatalf("%q is %q, which is %q, %q, %v", text, a, again, note, err)
		}
	})
}

// Whatever the words, getopt gives back all that are no options, in order.
func FuzzGetopt(f *testing.F) {
	for _, s := range []string{"0\n--force", "--force=no\n0", "--\n--force", "-x", "0\n-\n--", "--size\n5\n0", "--as", "--=", "---"} {
		f.Add(s)
	}
	opts := find("resize").opts
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, "\n")
		words, found, err := getopt("resize", args, opts)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "resize: ") {
				t.Fatalf("%q", err)
			}
			return
		}
		if len(words)+len(found) > len(args) {
			t.Fatalf("%q: words %q, %d options", args, words, len(found))
		}
		at := 0
		for _, w := range words {
			i := slices.Index(args[at:], w)
			if i < 0 {
				t.Fatalf("%q: words %q", args, words)
			}
			at += i + 1
		}
	})
}
