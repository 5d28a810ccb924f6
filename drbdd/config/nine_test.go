package config_test

import (
	"strings"
	"testing"

	"classicha/drbdd/config"
)

// TestNineHarmless: what DRBD 9 says for a resource with one peer that 8.4 does
// anyway is accepted with a warning (drbd-config 9).
func TestNineHarmless(t *testing.T) {
	for _, body := range []string{
		"options { auto-promote yes; auto-promote-timeout 20; peer-ack-window 2M; peer-ack-delay 100; twopc-timeout 300; twopc-retry-timeout 1; max-io-depth 8000; quorum off; }",
		"net { transport tcp; load-balance-paths no; allow-remote-read yes; tls no; }",
		"connection-mesh { hosts alpha bravo; net { timeout 50; } }",
		"connection { host alpha address 10.0.0.1:7789; host bravo address 10.0.0.2:7789; }",
		"connection ab { host alpha port 7789; host bravo port 7789; net { timeout 50; } disk { c-max-rate 1M; } }",
		"connection { path { host alpha address 10.0.0.1:7789; host bravo address 10.0.0.2:7789; } }",
		"handlers { quorum-lost x; disconnected \"x y\"; }",
		"net { fencing resource-only; }",
	} {
		_, found := accepted(t, inResource(body))
		if len(found.AtLeast(config.Warn)) == 0 {
			t.Errorf("%s: no warning", body)
		}
		if stderr, exit := found.Original(); exit != config.ExitInvalid {
			t.Errorf("%s: the 8.4 tool refuses it, got %q exit %d", body, stderr, exit)
		}
	}
}

// TestNineRefused: the rest is refused in clear words.
func TestNineRefused(t *testing.T) {
	for body, word := range map[string]string{
		"options { quorum majority; }":                               "'quorum'",
		"options { on-no-quorum io-error; }":                         "'on-no-quorum'",
		"options { quorum-minimum-redundancy 2; }":                   "'quorum-minimum-redundancy'",
		"options { on-suspended-primary-outdated force-secondary; }": "'on-suspended-primary-outdated'",
		"net { transport rdma; }":                                    "'transport'",
		"net { transport lb-tcp; }":                                  "'transport'",
		"net { tls yes; }":                                           "'tls'",
		"template-file \"x\";":                                       "'template-file'",
		"require-drbd-module-version-ge 9.1;":                        "'require-drbd-module-version-ge'",
		"connection-mesh { hosts alpha bravo charlie; }":             "'connection-mesh'",
		"connection-mesh { hosts alpha charlie; }":                   "'connection-mesh'",
		"connection { host alpha; }":                                 "'connection'",
		"connection { path { host alpha; host bravo; } path { host alpha; host bravo; } }": "'connection'",
		"connection { host alpha; host charlie; }":                                         "'host charlie'",
		"connection { host alpha; host bravo; volume 0 { disk { } } }":                     "'connection { volume }'",
		"connection { host alpha; host bravo; } connection { host alpha; host bravo; }":    "'connection'",
	} {
		_, found := parse(inResource(body))
		want := word + " is a DRBD 9 feature, not supported with the 8.4 protocol"
		if !found.Refused() || !strings.Contains(found.Lines(), "/etc/drbd.conf:2: "+want) || found.ExitCode() != config.ExitInvalid {
			t.Errorf("%s: want %q, got exit %d %s", body, want, found.ExitCode(), found.Lines())
		}
	}
}

// TestNineFile: a whole file as the guide of DRBD 9 writes it.
func TestNineFile(t *testing.T) {
	conf, found := accepted(t, `global { usage-count no; }
common { options { auto-promote yes; } net { protocol C; } }
resource r0 {
  device minor 1; disk "/dev/vg/r0"; meta-disk internal;
  on alpha { node-id 0; }
  on bravo { node-id 1; disk "/dev/vg/own"; }
  connection {
    host alpha address 10.0.0.1:7000;
    host bravo address ipv4 10.0.0.2:7000;
    net { ping-int 5; }
    disk { c-max-rate 10M; }
  }
}
`)
	r := conf.Resources[0]
	if r.Me.Address.Setup() != "ipv4:10.0.0.1:7000" || r.Peer.Address.Setup() != "ipv4:10.0.0.2:7000" || r.Peer.Volumes[0].Disk != "/dev/vg/own" {
		t.Errorf("addresses of the connection: %v %v", r.Me.Address, r.Peer.Address)
	}
	if last(t, r.Net, "ping-int") != "5" || last(t, r.Disk, "c-max-rate") != "10M" {
		t.Error("options of the connection")
	}
	if mentions(found, config.Error, "") {
		t.Errorf("%q", sentences(found))
	}
	again, found2 := accepted(t, conf.Dump("alpha", config.DumpPlain))
	if _, exit := found2.Original(); exit != 0 || again.Resources[0].Me.Address.Setup() != "ipv4:10.0.0.1:7000" {
		t.Errorf("the dump is a file of 8.4: exit %d", exit)
	}
}

// TestDiskNone: a host without disk is a client of the other (drbd-config 9);
// the 8.4 tool takes none for a file.
func TestDiskNone(t *testing.T) {
	conf, _ := accepted(t, `resource r0 {
  on alpha { device /dev/drbd0; disk /dev/sda1; address 10.0.0.1:7788; meta-disk internal; }
  on bravo { device /dev/drbd0; disk none; address 10.0.0.2:7788; meta-disk internal; }
}`)
	if r := conf.Resources[0]; r.Me.Volumes[0].Diskless() || !r.Peer.Volumes[0].Diskless() {
		t.Error("bravo has no disk")
	}
	if _, found := parse(`resource r0 { disk none; device /dev/drbd0; meta-disk internal; on alpha { address 10.0.0.1:7788; } on bravo { address 10.0.0.2:7788; } }`); !found.Refused() {
		t.Error("one of the two must have a disk")
	}
}
