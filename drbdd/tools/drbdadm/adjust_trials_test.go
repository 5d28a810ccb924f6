package drbdadm

import (
	"fmt"
	"strings"
)

const adjustConf = `global { usage-count no; disable-ip-verification; }
resource r0 {
  net { protocol C; cram-hmac-alg sha1; shared-secret "s3 cret"; max-buffers 4000; }
  disk { resync-rate 10M; on-io-error detach; }
  options { cpu-mask 3; }
  on alpha { address 127.0.0.1:7788;
    volume 0 { device /dev/drbd0; disk /dev/sda1; meta-disk internal; }
    volume 1 { device /dev/drbd1; disk /dev/sda2; meta-disk /dev/md [1]; }
    volume 5 { device minor 5; disk /dev/sda3; meta-disk /dev/md2; disk { resync-after r1; } }
  }
  on bravo { address 127.0.0.2:7788;
    volume 0 { device /dev/drbd0; disk /dev/sda1; meta-disk internal; }
    volume 1 { device /dev/drbd1; disk /dev/sda2; meta-disk /dev/md [1]; }
    volume 5 { device minor 5; disk /dev/sda3; meta-disk /dev/md2; }
  }
}
resource r1 {
  device /dev/drbd9 minor 9; disk /dev/sdb; meta-disk internal;
  on alpha { address ipv6 [::1]:7790; }
  on bravo { address ipv6 [fe80::1]:7790; }
}
`

const adjustShow = `resource r0 {
    options {
        cpu-mask        	"3";
    }
    net {
        max-buffers     	4000;
        cram-hmac-alg   	"sha1";
        shared-secret   	"s3 cret";
    }
    _remote_host {
        address			ipv4 127.0.0.2:7788;
    }
    _this_host {
        address			ipv4 127.0.0.1:7788;
        volume 0 {
            device			minor 0;
            disk			"/dev/sda1";
            meta-disk			internal;
            disk {
                resync-rate     	10240k; # bytes/second
            }
        }
        volume 1 {
            device			minor 1;
            disk			"/dev/sda2";
            meta-disk			"/dev/md" [ 1 ];
            disk {
                resync-rate     	10240k; # bytes/second
            }
        }
        volume 5 {
            device			minor 5;
            disk			"/dev/sda3";
            meta-disk			"/dev/md2";
            disk {
                resync-rate     	10240k; # bytes/second
                resync-after     	9;
            }
        }
    }
}
`

// volumes makes a configuration and an output of show with these volumes.
func volumesConf(vs ...int) string {
	var b strings.Builder
	for _, v := range vs {
		fmt.Fprintf(&b, "volume %d { device minor %d; disk /dev/s%d; meta-disk internal; } ", v, v, v)
	}
	return fmt.Sprintf("global { usage-count no; disable-ip-verification; }\nresource r0 {\n on alpha { address 127.0.0.1:7788; %s}\n on bravo { address 127.0.0.2:7788; %s}\n}\n", &b, &b)
}

func volumesShow(plus int, vs ...int) string {
	var b strings.Builder
	for _, v := range vs {
		fmt.Fprintf(&b, "volume %d { device minor %d; disk \"/dev/s%d\"; meta-disk internal; disk { } } ", v, v+plus, v)
	}
	return fmt.Sprintf("resource r0 { options { } net { } _remote_host { address ipv4 127.0.0.2:7788; } _this_host { address ipv4 127.0.0.1:7788; %s} }\n", &b)
}

// adjustTrials are the decisions of adjust, in a dry run and for real.
func adjustTrials() []trial {
	var out []trial
	add := func(name, conf, show string) {
		for _, args := range []string{"-d adjust r0", "adjust-with-progress r0"} {
			out = append(out, trial{name: "adjust: " + name, text: conf, host: "alpha", args: args, show: show})
		}
	}
	// swap changes the output of show, or with a leading ! the configuration.
	swap := func(pairs ...string) {
		conf, show := adjustConf, adjustShow
		for i := 0; i+1 < len(pairs); i += 2 {
			from, inConf := strings.CutPrefix(pairs[i], "!")
			s := &show
			if inConf {
				s = &conf
			}
			changed := strings.ReplaceAll(*s, from, pairs[i+1])
			if changed == *s {
				panic("nothing to swap: " + from)
			}
			*s = changed
		}
		add("show"+strings.Join(append([]string{""}, pairs...), " | "), conf, show)
	}
	const (
		rate     = "resync-rate     	10240k; # bytes/second"
		attached = "            disk			\"/dev/sda1\";\n            meta-disk			internal;\n            disk {\n                resync-rate     	10240k; # bytes/second\n            }\n"
		remote   = "    _remote_host {\n        address			ipv4 127.0.0.2:7788;\n    }\n"
		local    = "        address			ipv4 127.0.0.1:7788;\n"
		net      = "    net {\n        max-buffers     	4000;\n        cram-hmac-alg   	\"sha1\";\n        shared-secret   	\"s3 cret\";\n    }\n"
	)
	swap()
	add("nothing configured", adjustConf, "# No currently configured DRBD found.\n")
	add("garbage", adjustConf, "foo bar {\n")
	add("garbage within", adjustConf, "resource r0 {\n foo bar; }")
	swap(attached, "")
	swap("sda1", "sdz")
	swap("internal", `"/dev/foo" [ 3 ]`)
	swap("[ 1 ]", "[ 3 ]")
	swap(" [ 1 ]", "")
	swap("minor 5", "minor 6")
	swap("minor 5", "minor X", "minor 1", "minor 5", "minor X", "minor 1")
	swap("!    volume 1 { device /dev/drbd1; disk /dev/sda2; meta-disk /dev/md [1]; }\n", "")
	swap("10240k", "250k")
	swap(rate, "")
	swap(rate, "resync-rate 10M; al-extents 257;")
	swap(rate, "resync-rate 10M; al-extents 1237;")
	swap(rate, "resync-rate 10M; size 2000s;")
	swap(rate, "resync-rate 10M; c-plan-ahead 20; c-fill-target 100s; c-max-rate 100M; on-io-error detach;")
	swap("!on-io-error detach", "size 1M")
	swap("!on-io-error detach", "size 1M", rate, "resync-rate 10M; size 2048s;")
	swap("!on-io-error detach", "size 2M", rate, "resync-rate 10M; size 2048s;")
	swap("!on-io-error detach", "size 2M", rate, "resync-rate 11M; size 2048s;")
	swap("!on-io-error detach", "max-bio-bvecs 3")
	swap("!on-io-error detach", "max-bio-bvecs 3", rate, "resync-rate 11M; max-bio-bvecs 3;")
	swap(rate, "resync-rate 10M; max-bio-bvecs 3;")
	swap(rate, "resync-rate 10M; max-bio-bvecs 0;")
	swap("!on-io-error detach", "max-bio-bvecs 3; size 1M", rate, "resync-rate 11M; max-bio-bvecs 4; size 1k;")
	swap("!on-io-error detach", "size 2M", rate, "resync-rate 9k; size 3s;", "/dev/sda", "/dev/sdx")
	swap("!on-io-error detach", "al-extents 7", rate, "resync-rate 10M; al-extents 67;")
	swap("!on-io-error detach", "use-bmbv")
	swap("!on-io-error detach", "fencing resource-only", rate, `resync-rate 10M; fencing "resource-only";`)
	swap("!on-io-error detach", "disk-barrier; disk-flushes no; md-flushes yes")
	swap("!on-io-error detach", "disk-barrier; disk-flushes no", rate, "resync-rate 10M; disk-barrier yes; disk-flushes no;")
	swap("!on-io-error detach", "on-io-error pass_on; on-io-error detach")
	swap("127.0.0.1:7788", "127.0.0.3:7788")
	swap("127.0.0.2:7788", "127.0.0.3:7788")
	swap(remote, "")
	swap(remote, "", net, "", local, "")
	swap(remote, "", local, "")
	swap("max-buffers     	4000", "max-buffers     	4001")
	swap("max-buffers     	4000;", "max-buffers     	4000; ko-count 3; protocol A;")
	swap("max-buffers     	4000;", "max-buffers     	4000; discard-my-data yes;")
	swap("max-buffers     	4000;", "max-buffers 4000; timeout 60; ko-count 7; use-rle yes; allow-two-primaries no;")
	swap("!protocol C", "always-asbp no; tcp-cork")
	swap("!protocol C", "always-asbp; tcp-cork yes")
	swap("!protocol C", "always-asbp; tcp-cork yes", "max-buffers     	4000;", "max-buffers 4000; always-asbp yes;")
	swap("!protocol C", "protocol c")
	swap("!protocol C", "csums-alg \"\"")
	swap("!protocol C", "sndbuf-size 512k", "max-buffers     	4000;", "max-buffers 4000; sndbuf-size 524288;")
	swap("!protocol C", "congestion-fill 1M", "max-buffers     	4000;", "max-buffers 4000; congestion-fill 2048s;")
	swap("!protocol C", "after-sb-0pri discard-node-bravo", "max-buffers     	4000;", "max-buffers 4000; after-sb-0pri discard-remote;")
	swap("!protocol C", "after-sb-0pri discard-node-alpha", "max-buffers     	4000;", "max-buffers 4000; after-sb-0pri discard-remote;")
	swap("s3 cret", "x")
	swap(`"3"`, `"1"`)
	swap("!cpu-mask 3;", "")
	swap("!cpu-mask 3;", "on-no-data-accessible io-error;", `cpu-mask        	"3";`, "")
	swap("resource r0", "resource foo")
	swap("10240k", "250k", "sda3", "sdz", `"3"`, `"1"`, "127.0.0.1:7788", "127.0.0.3:7788", "minor 1", "minor 4")
	for _, w := range [][2][]int{{{0}, {0, 1}}, {{0}, {0, 1, 2}}, {{0}, {0, 1, 2, 3, 4}}, {{0, 1}, {0, 1, 5}}, {{3}, {0, 1, 2, 3}}, {{0, 1, 2}, {3}}, {{0, 1, 2}, {3, 4, 5}}, {{0, 1, 2, 3}, nil}, {{0, 1, 2, 3}, {1, 3}}} {
		add(fmt.Sprintf("volumes %v, running %v", w[0], w[1]), volumesConf(w[0]...), volumesShow(0, w[1]...))
	}
	add("other minors", volumesConf(0, 1, 2), volumesShow(10, 0, 1, 2))
	add("other minors, more running", volumesConf(1, 2), volumesShow(10, 0, 1, 2, 3))
	add("other disks, one volume gone", volumesConf(0, 2), strings.NewReplacer("/dev/s0", "/dev/x", "/dev/s2", "/dev/y").Replace(volumesShow(0, 0, 1, 2)))
	add("bare 1", volumesConf(0), "resource r0 { options { } }")
	add("bare 2", volumesConf(0), "resource r0 { options { } _this_host { } }")
	add("bare 3", volumesConf(0), "resource r0 { options { } net { } }")
	add("bare 4", volumesConf(0), "resource r0 { options { } net { } _remote_host { address ipv4 127.0.0.2:7788; } _this_host { address ipv4 127.0.0.1:7788; } }")
	add("bare 5", volumesConf(0), "resource r0 { options { } _this_host { volume 0 { device minor 0; } } }")
	add("bare 6", volumesConf(0), `resource r0 { options { } _this_host { volume 0 { device minor 0; disk "/dev/s0"; meta-disk "/dev/md" [0]; } } }`)
	add("flexible metadata", strings.ReplaceAll(volumesConf(0), "internal", "/dev/md"), `resource r0 { options { } _this_host { volume 0 { device minor 0; disk "/dev/s0"; meta-disk "/dev/md"; } } }`)
	six := strings.NewReplacer("127.0.0.1:7788", "ipv6 [::1]:1", "127.0.0.2:7788", "ipv6 [::2]:1")
	showSix := strings.NewReplacer("ipv4 127.0.0.1:7788", "ipv6 [::1]:1", "ipv4 127.0.0.2:7788", "ipv6 [::2]:1")
	add("ipv6", six.Replace(volumesConf(0)), showSix.Replace(volumesShow(0, 0)))
	add("ipv6 written otherwise", six.Replace(volumesConf(0)), strings.ReplaceAll(showSix.Replace(volumesShow(0, 0)), "[::2]", "[0:0::2]"))
	add("another family", strings.ReplaceAll(volumesConf(0), "address ", "address ssocks "), volumesShow(0, 0))
	add("one host", strings.Replace(volumesConf(0), " on bravo { address 127.0.0.2:7788; volume 0 { device minor 0; disk /dev/s0; meta-disk internal; } }\n", "", 1), volumesShow(0, 0))
	for _, args := range []string{"-d -v -v -v adjust r0", "-v adjust r0", "-d -- --foo adjust r0", "adjust r0", "-d adjust r0 r0"} {
		show := strings.NewReplacer("sda3", "sdz", `"3"`, `"1"`, "127.0.0.1:7788", "127.0.0.3:7788", "max-buffers     	4000;", "ko-count 3; protocol A;", "10240k", "250k").Replace(adjustShow)
		out = append(out, trial{name: "adjust: all kinds", text: adjustConf, host: "alpha", args: args, show: show})
		out = append(out, trial{name: "adjust: net", text: adjustConf, host: "alpha", args: args, show: strings.Replace(adjustShow, "4000", "4001", 1)})
	}
	for _, what := range []string{"detach", "del-minor", "resource-options", "disk-options", "disconnect", "net-options", "resize", "connect"} {
		show := strings.NewReplacer("sda3", "sdz", `"3"`, `"1"`, "127.0.0.1:7788", "127.0.0.3:7788", "minor 1", "minor 4").Replace(strings.Replace(adjustShow, "10240k", "250k", 1))
		if what == "net-options" {
			show = strings.Replace(adjustShow, "4000", "4001", 1)
		}
		for _, c := range []string{"adjust", "adjust-with-progress"} {
			out = append(out, trial{name: "adjust: " + what + " fails", text: adjustConf, host: "alpha", args: c + " r0", show: show, fake: fmt.Sprintf("case $line in *' %s '*) echo err >&2; rc=10;; esac", what)})
		}
	}
	return out
}
