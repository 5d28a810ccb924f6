package config_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"classicha/drbdd/config"
)

// setupCall is a line of "drbdadm -d" that gives options to drbdsetup.
var setupCall = regexp.MustCompile(`(?m)^/lib/drbd/drbdsetup-84 (new-resource|attach|connect|wait-connect) (\S+)(.*)$`)

// TestPlannedOptions compares the options in force, their order included, with
// the calls of the real drbdadm (drbd-cli 2.2).
func TestPlannedOptions(t *testing.T) {
	n := 0
	for _, c := range vectors(t) {
		for _, run := range c.Runs {
			if run.Tool != "drbdadm-84" || run.RC != 0 || !slices.Contains(run.Args, "-d") || !(slices.Contains(run.Args, "up") || slices.Contains(run.Args, "wait-connect")) {
				continue
			}
			env := c.env()
			env.DumpOnly = false
			conf, found := config.Parse("/etc/drbd.conf", c.text(t), env)
			if found.Refused() {
				t.Errorf("%s: %s", c.Name, found.Lines())
				continue
			}
			for _, m := range setupCall.FindAllStringSubmatch(run.Stdout, -1) {
				var want []string
				if i := strings.Index(m[3], " --"); i >= 0 {
					want = strings.Split(strings.ReplaceAll(m[3][i+1:], `\ `, "\x00"), " ")
				}
				got := planned(t, conf, m[1], m[2])
				for i := range got {
					got[i] = strings.ReplaceAll(got[i], " ", "\x00")
				}
				n++
				if !slices.Equal(got, want) {
					t.Errorf("%s: %s %s\ngot  %q\nwant %q", c.Name, m[1], m[2], got, want)
				}
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d calls compared", n)
	}
}

func planned(t *testing.T, conf *config.Config, command, object string) []string {
	t.Helper()
	for _, r := range conf.Resources {
		switch command {
		case "new-resource":
			if r.Name == object {
				return conf.ResourceArgs(r)
			}
		case "connect":
			if r.Name == object {
				return conf.NetArgs(r)
			}
		case "attach", "wait-connect":
			for _, v := range r.Me.Volumes {
				if strings.TrimSpace(object) != itoa(v.Minor) {
					continue
				}
				if command == "wait-connect" {
					return conf.WaitArgs(r)
				}
				args, found := conf.DiskArgs(r, v)
				if found.Refused() {
					t.Error(found.Lines())
				}
				return args
			}
		}
	}
	t.Errorf("no object %q", object)
	return nil
}

func TestResyncAfter(t *testing.T) {
	text := `resource low { on alpha { address 10.0.0.1:8; volume 0 { device minor 4; disk /dev/a; meta-disk internal; } volume 2 { device minor 5; disk /dev/b; meta-disk internal; } }
  on bravo { address 10.0.0.2:8; volume 0 { device minor 4; disk /dev/a; meta-disk internal; } volume 2 { device minor 5; disk /dev/b; meta-disk internal; } } }
resource one { on alpha { address 10.0.0.1:9; device minor 7; disk /dev/c; meta-disk internal; } on bravo { address 10.0.0.2:9; device minor 7; disk /dev/c; meta-disk internal; } }
resource away { on x { address 10.0.0.1:10; device minor 8; disk /dev/c; meta-disk internal; } }
`
	conf, _ := accepted(t, text)
	r := conf.Resource("one")
	for after, want := range map[string]struct {
		minor, exit int
		said        string
	}{
		"one": {7, 0, ""}, "low/0": {4, 0, ""}, "low/2": {5, 0, ""}, "low/02": {5, 0, ""},
		"low":    {-1, 10, "resync-after contains 'low', which is ambiguous, since it contains 2 volumes"},
		"low/x":  {-1, 20, "x is not a valid number"},
		"low/":   {-1, 100, "missing number argument"},
		"low/1":  {-1, 0, "resource 'low/1' mentioned in 'resync-after' option is not known."},
		"nope":   {-1, 0, "resource 'nope' mentioned in 'resync-after' option is not known."},
		"away/0": {-1, 0, "resource 'away/0' mentioned in 'resync-after' option is not known on this host."},
	} {
		minor, found := conf.ResyncAfter(r, after)
		said, exit := found.Original()
		if minor != want.minor || exit != want.exit || !strings.Contains(said, want.said) || (said == "") != (want.said == "") {
			t.Errorf("resync-after %s: minor %d, %q exit %d, want %+v", after, minor, said, exit, want)
		}
	}
}

// TestSetPeer: the texts of drbd-config 8 for the choice of the peer.
func TestSetPeer(t *testing.T) {
	third := "on charlie { device /dev/drbd0; disk /dev/sdc1; address 10.0.0.3:7788; meta-disk internal; }"
	for _, c := range []struct{ hosts, host, arg, peer, said string }{
		{twoHosts, "alpha", "", "bravo", ""},
		{twoHosts, "alpha", "bravo", "bravo", ""},
		{twoHosts, "alpha", "zulu", "bravo", "Ignoring --peer 'zulu': there are only two host sections."},
		{twoHosts, "zulu", "", "", "cannot determine the peer, don't even know myself!"},
		{twoHosts + third, "alpha", "charlie", "charlie", ""},
		{twoHosts + third, "alpha", "", "", "There are multiple host sections for the peer node.\n\tUse the --peer option"},
		{twoHosts + third, "alpha", "alpha", "", "Invoked with --peer 'alpha', but that matches myself!"},
		{twoHosts + third, "alpha", "zulu", "", "No host ('on' or 'floating') section matches --peer 'zulu'"},
		{third, "charlie", "", "", "Missing section 'on <PEER> { ... }'."},
	} {
		conf, _ := config.Parse("/etc/drbd.conf", []byte("resource r0 {"+c.hosts+"}"), config.Env{Hostname: c.host})
		r := conf.Resources[0]
		said, _ := r.SetPeer(c.arg).Original()
		if !strings.Contains(said, c.said) || (said == "") != (c.said == "") {
			t.Errorf("host %s --peer %q: said %q, want %q", c.host, c.arg, said, c.said)
		}
		if got := r.Peer; (got == nil) != (c.peer == "") || got != nil && got.Name() != c.peer {
			t.Errorf("host %s --peer %q: peer %+v, want %q", c.host, c.arg, got, c.peer)
		}
	}
}

// TestShow reads back what drbdsetup show prints (drbd-cli 2.4).
func TestShow(t *testing.T) {
	r, found := config.ParseShow([]byte(`resource r0 {
    options {
        cpu-mask        	"1";
    }
    net {
        timeout         	50; # 1/10 seconds
        cram-hmac-alg   	"sha1";
        shared-secret   	"s3 cret";
        tentative;
    }
    _remote_host {
        address			ipv4 10.0.0.2:7788;
    }
    _this_host {
        address			ipv4 10.0.0.1:7788;
        volume 0 {
            device			minor 0;
            disk			"/dev/loop0";
            meta-disk			internal;
            disk {
                resync-rate     	33792k; # bytes/second
                resync-after    	-1; # default
            }
        }
        volume 1 {
            device			minor 1;
            disk			"/dev/loop1";
            meta-disk			"/dev/md" [ 0 ];
        }
    }
}
`))
	if len(found) != 0 {
		t.Errorf("nothing to say: %q", sentences(found))
	}
	if r == nil || r.Me == nil || r.Peer == nil || r.Peer.Address.Setup() != "ipv4:10.0.0.2:7788" || r.Me.Address.Setup() != "ipv4:10.0.0.1:7788" {
		t.Fatalf("%+v", r)
	}
	if last(t, r.Options, "cpu-mask") != "1" || last(t, r.Net, "shared-secret") != "s3 cret" {
		t.Error("options")
	}
	rate, _ := config.Last(r.Me.Volumes[0].DiskOptions, "resync-rate")
	if n, err := rate.Number(); n != 33792 || err != nil {
		t.Errorf("33792k is %d KiB/s, %v", n, err)
	}
	if v := r.Me.Volume(1); v == nil || v.MetaDisk != "/dev/md" || v.MetaIndex != "0" || v.Minor != 1 {
		t.Errorf("volume 1: %+v", v)
	}
	for _, text := range []string{"", "\n"} {
		if r, found := config.ParseShow([]byte(text)); r != nil || found.Refused() {
			t.Errorf("%q: an unknown resource shows nothing", text)
		}
	}
	if r, found := config.ParseShow([]byte("resource r0 {\n    _this_host { volume 0 { device minor 0; } }\n    options { }\n}\n")); r == nil || found.Refused() || r.Me.Volume(0).Disk != "" {
		t.Errorf("a resource without connection and disk: %+v %q", r, sentences(found))
	}
}

// TestStacked: the volumes of a stacked resource lie on the lower devices.
func TestStacked(t *testing.T) {
	conf, _ := accepted(t, `resource low { `+twoHosts+` }
resource top { protocol A; stacked-on-top-of low { device /dev/drbd10; address 192.168.1.1:7789; }
  on charlie { device /dev/drbd10; disk /dev/hdd; address 192.168.1.3:7789; meta-disk internal; } }`)
	r := conf.Resource("top")
	v := r.Me.Volumes[0]
	if !r.Stacked || r.Me.LowerRes != conf.Resource("low") || !r.Me.Has("bravo") || v.Disk != "/dev/drbd0" || v.MetaIndex != config.MetaInternal || r.Peer.Name() != "charlie" {
		t.Errorf("top: %+v, volume %+v", r.Me, v)
	}
}
