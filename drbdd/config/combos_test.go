package config_test

import (
	"testing"

	"classicha/drbdd/config"
)

// TestCombinations: what drbdadm 8.4 accepts and drbdsetup, the kernel or common
// sense does not gets a warning with its line.
func TestCombinations(t *testing.T) {
	for body, want := range map[string]string{
		"net { protocol A; allow-two-primaries; }":                    "allow-two-primaries with protocol A is refused",
		"net { protocol A; }\ndisk { fencing resource-and-stonith; }": "/etc/drbd.conf:3: fencing resource-and-stonith with protocol A",
		"net { on-congestion pull-ahead; }":                           "on-congestion pull-ahead with protocol C",
		"net { timeout 100; }":                                        "timeout 100 (1/10 seconds) is not less than connect-int 10",
		"net { ping-int 6; }":                                         "timeout 60 (1/10 seconds) is not less than ping-int 6",
		"net { after-sb-0pri discard-node-x; }":                       "means discard-remote",
		"net { after-sb-1pri discard-younger-primary; }":              "after-sb-1pri knows no",
		"net { rr-conflict disconect; }":                              `did you mean "disconnect"?`,
		"net { ping-timeout 301; }":                                   "ping-timeout 301 => 301 out of range [1..300].",
		"net { unplug-watermark x; }":                                 "x is not a valid number",
		"options { cpu-mask 0x5; }":                                   "no hexadecimal mask",
		"disk { delay-probe-volume 5; }":                              "delay-probe-volume has no effect",
		"on charlie { options { cpu-mask 1; } device minor 0; disk /dev/q; meta-disk internal; address sdp 10.0.0.3:5; }": "address family sdp",
	} {
		_, found := accepted(t, inResource(body))
		if !mentions(found, config.Warn, want) && !mentions(found, config.Note, want) {
			t.Errorf("%s: want %q, got %q", body, want, sentences(found))
		}
		if _, exit := found.Original(); exit != 0 {
			t.Errorf("%s: drbdadm accepts it", body)
		}
	}
	if _, found := accepted(t, inResource("net { timeout 59; ping-int 6; protocol C; allow-two-primaries; }")); len(found) != 0 {
		t.Errorf("nothing to say: %q", sentences(found))
	}
}

// TestErrors: an error has its line, what was read and what to write, and the
// text and the exit code of the original (drbd-config 8).
func TestErrors(t *testing.T) {
	for body, want := range map[string]string{
		"net { timout 5; }":                   "/etc/drbd.conf:2: Parse error: 'an option keyword' expected,\n\tbut got 'timout'\n/etc/drbd.conf:2: did you mean \"timeout\"?\n",
		"net { resync-rate 5; }":              "/etc/drbd.conf:2: Parse error: 'an option keyword' expected,\n\tbut got 'resync-rate'\n/etc/drbd.conf:2: resync-rate belongs into disk { }\n",
		"disk { resync-rate 9G; }":            "/etc/drbd.conf:2: resync-rate 9G => 9437184k out of range [1..4194304]k.\n/etc/drbd.conf:2: write resync-rate from 1 to 4194304, in KiB, or with k, M or G\n",
		"net { timeout abc; }":                "abc is not a valid number\n/etc/drbd.conf:2: write timeout from 1 to 600, in 1/10 seconds\n",
		"net { } net { }":                     "/etc/drbd.conf:2: conflicting use of net section 'r0:net' ...\n/etc/drbd.conf:2: net section 'r0:net' first used here.\n/etc/drbd.conf:2: put both sections into one\n",
		"protocol C":                          "/etc/drbd.conf:3: Parse error: ';' expected,\n\tbut got 'on' (TK 260)\n/etc/drbd.conf:3: write a semicolon behind the statement\n",
		"net { timeout 5; foo 3; }\nnet2 { }": "",
	} {
		_, found := parse(inResource(body))
		if !found.Refused() {
			t.Errorf("%s: not refused", body)
		}
		if got := found.AtLeast(config.Error).Lines(); want != "" && got != want {
			t.Errorf("%s: said\n%swant\n%s", body, got, want)
		}
	}
	// One mistake does not hide the next, but the original stops at the first.
	_, found := parse(inResource("net { timeout 700; foo 3; ping-int 0; }"))
	if n := len(found.AtLeast(config.Error)); n != 3 {
		t.Errorf("want 3 errors, got %q", sentences(found))
	}
	if stderr, _ := found.Original(); stderr != "/etc/drbd.conf:2: timeout 700 => 700 out of range [1..600].\n/etc/drbd.conf:2: Parse error: 'an option keyword' expected,\n\tbut got 'foo'\n" {
		t.Errorf("the original says %q", stderr)
	}
}
