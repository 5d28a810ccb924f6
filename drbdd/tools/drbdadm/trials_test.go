package drbdadm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Commands of the original that are tried with every configuration, in a dry run.
var dryCommands = []string{
	"attach", "status", "disk-options", "detach", "connect", "net-options", "disconnect", "up", "resource-options", "down", "primary", "secondary",
	"invalidate", "invalidate-remote", "outdate", "resize", "verify", "pause-sync", "resume-sync", "adjust", "adjust-with-progress", "wait-connect",
	"role", "state", "cstate", "dstate", "dump", "dump-xml", "create-md", "show-gi", "get-gi", "dump-md", "wipe-md", "apply-al", "sh-resource", "sh-dev",
	"sh-minor", "sh-ll-dev", "sh-md-dev", "sh-md-idx", "sh-ip", "sh-lr-of", "sh-b-pri", "new-resource", "sh-new-minor", "new-minor", "suspend-io",
	"resume-io", "set-gi", "new-current-uuid", "check-resize", "fence-peer", "split-brain", "sh-udev",
}

// wholeCommands are about the whole file.
var wholeCommands = []string{"sh-nop", "sh-resources", "sh-mod-parms", "sh-status", "wait-con-int", "dump", "dump-xml", "status", "hidden-commands"}

// helpTrials are about the command line itself.
func helpTrials() []trial {
	var out []trial
	add := func(args ...string) {
		for _, a := range args {
			out = append(out, trial{conf: "conf/two.conf", host: "alpha", args: a})
		}
	}
	for _, c := range append(slices.Concat(dryCommands, wholeCommands), "wait-con-int", "no-such-command", "") {
		add("help " + c)
	}
	add("", "-h", "--help", "-h attach", "attach -h r1", "-V", "-V foo", "foo -V", "foo", "foo r0", "-S", "--", "help", "role", "down", "adjust", "primary", "fence-peer",
		"sh-udev", "-c", "--dr primary r1", "--s-v x sh-dev r1", "-x role r1", "role -x r1", "-d --dry-run=3 role r1", "-d --version=3", "-d connect --protocol",
		"-d connect --d r1", "-d connect --disc r1", "-dv role r1", "-d -d role r1", "-vd role r1", "-d role -v r1",
		"-d -n abc sh-dev r1", "-d -n a-bc sh-dev r1", "-n a\\_b sh-nop", "-d --sh-varname role r1", "-t DOES-NOT-MATTER up r0",
		"-s /nonexistent role r1", "-s /nonexistent -d role r1", "-m /nonexistent role r1", "-p /nonexistent role r1", "-s /bin/true -d role r1",
		"-s/bin/true -d role r1", "--drbdsetup /bin/true -d role r1", "--drbdsetup=/bin/true -d up r1", "-m /bin/true -d up r1", "-p /bin/true -d role r1")
	// Options of drbdsetup.
	add("-d primary --force r0", "-d primary r0 --force", "-d primary r0 --forc", "-d --force primary r1", "-d primary --force=maybe r1", "-d primary --force --force r1",
		"-d -- --overwrite-data-of-peer primary r1", "-d primary r1 -- --overwrite-data-of-peer", "-d primary --overwrite-data-of-peer r1", "-d -- -o primary r1",
		"-d -- --foo --bar=1 primary r1", "-d -- primary r1", "-d -- r1 primary", "-d primary -- r1", "-d primary -- --x r1", "-d -- --force primary --force r1",
		"-W--force -d primary r1", "-d -W force primary r1", "-d -W --force primary r1", "-d --setup-option=--force primary r1", "-d -W--a primary --force r1 -W--b",
		"-d role --force r1", "-d create-md --force r1", "-d create-md r0/1 --force", "-d create-md --foo r1", "-d create-md r1 --force --foo=3", "-d dump-md --force r1",
		"-d apply-al --force r1", "-d set-gi r1 --force", "-d resize --size=1M r1", "-d resize --assume-clean r1", "-d verify --start=3 r1", "-d new-current-uuid --clear-bitmap r1",
		"-d wait-connect --wfc-timeout=5 r1", "-d down --force r1", "-d status --verbose r1", "-d status --statistics r1", "-d adjust --force r1", "-d disconnect --force r1",
		"-d detach --force r1", "-d detach --force=yes r1", "-d detach -f r1", "-d up --discard-my-data r1", "-d connect --discard-my-data r1", "-d connect --tentative r1",
		"-d connect --dry-run r1", "-d connect --proto=A r1", "-d connect --protocol r1", "-d net-options --protocol=A r1", "-d net-options --set-defaults r1",
		"-d disk-options --c-plan-ahead=10 r1", "-d disk-options --size=3 r1", "-d resource-options --cpu-mask=1 r1", "-d resource-options --on-no-data-accessible=io-error r1",
		"-d new-resource --cpu-mask=7 r1", "-d attach --no-disk-barrier r1", "-d connect --no-tcp-cork r1", "-d sh-dev --force r1", "-d dump --force r1", "-d -- --force dump r1",
		"-d attach --size=10M r1", "-d --size 10M attach r1", "-d attach r1 --on-io-error detach", "-d attach r1 --disk-barrier", "-d attach r1 --disk-barrier=no")
	for _, c := range []string{"sh-dev", "down", "role", "resize", "check-resize", "create-md", "show-gi", "outdate", "wait-connect", "status", "disconnect", "sh-b-pri", "fence-peer",
		"new-minor", "net-options", "disk-options", "resource-options", "new-resource", "connect", "up", "attach", "adjust"} {
		add("-d -- --foo " + c + " r1")
	}
	add("-d -- --foo sh-status", "-d -- --foo wait-con-int")
	// Names.
	for _, n := range []string{"r0/1", "r1/0", "r0/3", "r0/x", "r0/", "r0/1k", "r0/-1", "r0/01", "./r0", "/", "minor-5", "minor-05", "minor-77", "minor-", "minor-x", "minor-0x5", "/dev/drbd9",
		"/dev/drbd77", "drbd9", "9", "other", "nix", "all", "r0 r1", "r0 r0", "all r0", "r0 all", "r0 nix", "nix r0"} {
		add("-d role "+n, "role "+n)
	}
	for _, c := range []string{"up", "attach", "disconnect", "down", "create-md", "adjust", "status", "wait-connect", "disk-options", "new-minor", "new-resource", "sh-ip", "sh-resource", "dump", "connect", "fence-peer", "sh-udev"} {
		add("-d "+c+" r0/1", "-d "+c+" minor-9", "-d "+c+" r0 nix")
	}
	add("sh-nop foo", "sh-resources foo", "sh-status r0", "wait-con-int foo", "-d wait-con-int", "hidden-commands r0", "sh-udev all", "sh-udev r0 r1", "fence-peer r0 r1", "-d -S role all", "-d -S role r0",
		"-d -P bravo connect r0", "-d -P x connect r0", "-d -P alpha connect r0", "set-gi all", "new-current-uuid all", "split-brain all", "-d up nix r0", "up r0 nix")
	return out
}

// dryTrials try every command with every configuration of our own.
func dryTrials(t testing.TB) []trial {
	t.Helper()
	files, err := filepath.Glob("testdata/conf/*.conf")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d configurations, %v", len(files), err)
	}
	var out []trial
	for _, f := range files {
		conf := strings.TrimPrefix(f, "testdata/")
		add := func(args string) { out = append(out, trial{conf: conf, host: "alpha", args: args}) }
		switch filepath.Base(conf) {
		case "two.conf", "volume-options.conf", "stacked-volumes.conf", "everything.conf", "style83.conf", "many.conf":
			for _, c := range dryCommands {
				add("-d " + c + " all")
			}
		default:
			for _, c := range []string{"attach", "connect", "up", "adjust", "wait-connect", "net-options", "sh-ip", "sh-b-pri", "dump", "fence-peer", "create-md"} {
				add("-d " + c + " all")
			}
		}
		for _, c := range wholeCommands {
			if !strings.HasPrefix(c, "dump") && c != "wait-con-int" {
				add(c)
			}
		}
		add("-d wait-con-int")
		if strings.Contains(conf, "stacked") {
			for _, c := range []string{"up", "adjust", "wait-connect", "sh-lr-of", "sh-b-pri", "create-md", "down", "sh-ll-dev", "sh-ip", "status"} {
				add("-d -S " + c + " all")
			}
			add("-S sh-resources")
			add("-S sh-status")
			add("-d -S wait-con-int")
			add("sh-udev minor-10")
			add("-S role minor-0")
			add("-d up up")
			add("-d -S up low")
		}
	}
	for _, p := range []string{"", "-P bravo ", "-P charlie ", "-P x "} {
		for _, c := range []string{"up", "connect", "disconnect", "net-options", "attach", "adjust", "role", "fence-peer", "adjust-with-progress"} {
			out = append(out, trial{conf: "conf/three.conf", host: "alpha", args: p + c + " r0"}, trial{conf: "conf/three.conf", host: "alpha", args: "-d " + p + c + " r0"})
		}
	}
	for _, c := range []string{"up", "connect", "net-options", "adjust", "attach", "role"} {
		out = append(out, trial{conf: "conf/one-host.conf", host: "alpha", args: c + " r0"}, trial{conf: "conf/address.conf", host: "alpha", args: c + " r0 r1"},
			trial{conf: "conf/address.conf", host: "alpha", args: c + " all"}, trial{conf: "conf/address.conf", host: "alpha", args: c + " r1"})
	}
	for _, c := range []string{"dump r1", "dump", "dump all", "-d dump", "-v dump", "dump r0 r1", "dump-xml r1", "wait-con-int", "sh-b-pri all", "wait-connect r0 r1", "create-md r0", "primary r0", "invalidate-remote r0", "resize r0", "verify r0"} {
		out = append(out, trial{conf: "conf/address.conf", host: "alpha", args: c})
	}
	for _, c := range []string{"dump-xml", "-v dump-xml", "dump", "-v dump", "-v dump all"} {
		out = append(out, trial{conf: "conf/global-only.conf", host: "alpha", args: c}, trial{conf: "conf/empty.conf", host: "alpha", args: c}, trial{conf: "conf/both.conf", host: "alpha", args: c})
	}
	for _, c := range []string{"sh-udev r0", "sh-udev r1", "sh-udev r1/0", "sh-udev minor-3", "sh-dev all", "sh-ll-dev all"} {
		out = append(out, trial{conf: "conf/udev.conf", host: "alpha", args: c}, trial{conf: "conf/hosts.conf", host: "alpha2", args: c})
	}
	for _, h := range []string{"bravo", "charlie", "zulu"} {
		for _, f := range []string{"conf/two.conf", "conf/many.conf", "conf/hosts.conf", "conf/stacked-volumes.conf", "conf/both.conf"} {
			out = append(out, trial{conf: f, host: h, args: "-d up all"}, trial{conf: f, host: h, args: "sh-status"}, trial{conf: f, host: h, args: "-d sh-b-pri all"})
		}
	}
	return out
}

// vectorTrials try the configurations of specs/vectors/drbd, right and wrong ones.
func vectorTrials(t testing.TB) []trial {
	t.Helper()
	data, err := os.ReadFile("testdata/hosts.json")
	if err != nil {
		t.Fatal(err)
	}
	hosts := map[string]string{}
	if err := json.Unmarshal(data, &hosts); err != nil {
		t.Fatal(err)
	}
	var files []string
	for f := range hosts {
		files = append(files, f)
	}
	slices.Sort(files)
	var out []trial
	for _, f := range files {
		for _, args := range []string{"-d up all", "-d adjust all", "sh-resources", "-d down r0"} {
			out = append(out, trial{conf: "vectors/" + f, host: hosts[f], args: args})
		}
	}
	return out
}
