package drbdsetup

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
)

// brief writes a request in one line: command, r:RESOURCE, mMINOR, vVOLUME, flags,
// arguments, options.
func brief(r control.Request) string {
	s := []string{r.Cmd}
	if r.Resource != "" {
		s = append(s, "r:"+r.Resource)
	}
	if r.Minor >= 0 {
		s = append(s, fmt.Sprintf("m%d", r.Minor))
	}
	if r.Volume != 0 {
		s = append(s, fmt.Sprintf("v%d", r.Volume))
	}
	for _, f := range []struct {
		on   bool
		name string
	}{{r.All, "ALL"}, {r.Defaults, "DEFAULTS"}, {r.Keep, "KEEP"}, {r.Follow, "FOLLOW"}} {
		if f.on {
			s = append(s, f.name)
		}
	}
	s = append(s, r.Args...)
	for _, k := range slices.Sorted(maps.Keys(r.Options)) {
		s = append(s, "--"+k+"="+r.Options[k])
	}
	return strings.Join(s, " ")
}

// r0 is a connected resource with minors 0 and 3.
func twoVolumes() control.Resource {
	return control.Resource{
		View:    replica.View{Name: "r0", Volumes: []replica.VolumeView{{Vol: 0, Minor: 0}, {Vol: 1, Minor: 3}}},
		Net:     map[string]string{},
		Local:   "ipv4:10.0.0.1:7788",
		Remote:  "ipv4:10.0.0.2:7788",
		Volumes: []control.Volume{{}, {}},
	}
}

// What a command line asks the daemon for. An empty want is a command line that asks
// for nothing; DIR stands for a directory with the files blk0 and md.
var requestTable = []struct{ line, want string }{
	// drbd-cli 3, in its order
	{"new-resource r0", "new-resource r:r0"},
	{"new-resource r0 --cpu-mask=3 --on-no-data-accessible=suspend-io", "new-resource r:r0 --cpu-mask=3 --on-no-data-accessible=suspend-io"},
	{"new-resource --cpu-mask 3 r0", "new-resource r:r0 --cpu-mask=3"},
	{"new-resource 0", "new-resource r:0"},
	{"new-resource all", ""},
	{"resource-options r0", "resource-options r:r0"},
	{"resource-options r0 --set-defaults", "resource-options r:r0 DEFAULTS"},
	{"resource-options r0 --set-defaults --on-no-data-accessible=io-error", "resource-options r:r0 DEFAULTS --on-no-data-accessible=io-error"},
	{"new-minor r0 0 0", "new-minor r:r0 m0"},
	{"new-minor r0 7 2", "new-minor r:r0 m7 v2"},
	{"new-minor r0 /dev/drbd7 2", "new-minor r:r0 m7 v2"},
	{"new-minor r0 minor-7 2", "new-minor r:r0 m7 v2"},
	{"new-minor r0 7", ""},
	{"new-minor r0 x 2", ""},
	{"del-minor 0", "del-minor m0"},
	{"del-minor drbd3", "del-minor m3"},
	{"del-resource r0", "del-resource r:r0"},
	{"attach 0 DIR/blk0 DIR/blk0 internal", "attach m0 DIR/blk0 DIR/blk0 internal"},
	{"attach 0 DIR/blk0 DIR/md flexible", "attach m0 DIR/blk0 DIR/md flexible"},
	{"attach 0 DIR/blk0 DIR/md 0", "attach m0 DIR/blk0 DIR/md 0"},
	{"attach /dev/drbd3 DIR/blk0 DIR/md 12 --size=1G --on-io-error=detach", "attach m3 DIR/blk0 DIR/md 12 --on-io-error=detach --size=2097152"},
	{"attach 0 DIR/blk0 DIR/blk0 internal --c-plan-ahead=20 --al-extents=257 --resync-rate=10M --disk-barrier=no --md-flushes=no --disk-flushes=no --fencing=resource-only",
		"attach m0 DIR/blk0 DIR/blk0 internal --al-extents=257 --c-plan-ahead=20 --disk-barrier=no --disk-flushes=no --fencing=resource-only --md-flushes=no --resync-rate=10240"},
	{"attach 0 DIR/blk0 DIR/blk0 internal --resync-after=-1 --c-fill-target=50k --disk-timeout=30", "attach m0 DIR/blk0 DIR/blk0 internal --c-fill-target=100 --disk-timeout=30 --resync-after=-1"},
	{"attach 0 DIR/blk0 DIR/blk0 internal --read-balancing=64K-striping --disk-drain", "attach m0 DIR/blk0 DIR/blk0 internal --disk-drain=yes --read-balancing=64K-striping"},
	{"attach 0 DIR/blk0 DIR/blk0 internal --al-extents 7", "attach m0 DIR/blk0 DIR/blk0 internal --al-extents=67"},
	{"attach 0 DIR/blk0 DIR/blk0 12x", ""},
	{"attach 0 DIR/blk0 DIR/nothing internal", ""},
	{"attach 0 DIR DIR internal", ""},
	{"attach 0 DIR/blk0 DIR/blk0", ""},
	{"disk-options 0", "disk-options m0"},
	{"disk-options 0 --set-defaults --resync-rate=7M", "disk-options m0 DEFAULTS --resync-rate=7168"},
	{"disk-options 0 --set-d --resync-r 250", "disk-options m0 DEFAULTS --resync-rate=250"},
	{"disk-options --al-updates=no minor-3", "disk-options m3 --al-updates=no"},
	{"disk-options 0 --size=3", ""},
	{"detach 0", "detach m0"},
	{"detach 0 --force", "detach m0 --force=yes"},
	{"detach --force=no 0", "detach m0 --force=no"},
	{"connect r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788", "connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788"},
	{"connect r0 10.0.0.1 10.0.0.2:7799", "connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7799"},
	{"connect r0 localhost 10.0.0.2", "connect r:r0 ipv4:127.0.0.1:7788 ipv4:10.0.0.2:7788"},
	{"connect r0 ipv6:[::1]:7788 ipv6:[fe80::2]", "connect r:r0 ipv6:[::1]:7788 ipv6:[fe80::2]:7788"},
	{"connect r0 ssocks:10.0.0.1:1 sdp:10.0.0.2:1", "connect r:r0 ssocks:10.0.0.1:1 sdp:10.0.0.2:1"},
	{"connect r0 10.0.0.1 10.0.0.2 --protocol=C --timeout=60 --cram-hmac-alg=sha1 --shared-secret=Foo --allow-two-primaries=yes --after-sb-0pri=discard-zero-changes --tcp-cork=no --sndbuf-size=512K --use-rle=yes",
		"connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --after-sb-0pri=discard-zero-changes --allow-two-primaries=yes --cram-hmac-alg=sha1 --protocol=C --shared-secret=Foo --sndbuf-size=524288 --tcp-cork=no --timeout=60 --use-rle=yes"},
	{"connect r0 10.0.0.1 10.0.0.2 --tentative", "connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --tentative=yes"},
	{"connect r0 10.0.0.1 10.0.0.2 --dry-run", "connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --tentative=yes"},
	{"connect r0 --discard-my-data 10.0.0.1 10.0.0.2", "connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --discard-my-data=yes"},
	{"connect r0 10.0.0.1 10.0.0.2 --protocol=a --on-congestion=pull-ahead --congestion-fill=1M", "connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --congestion-fill=2048 --on-congestion=pull-ahead --protocol=A"},
	{"connect r0 10.0.0.1", ""},
	{"connect r0 10.0.0.1 nowhere", ""},
	{"connect r0 10.0.0.1 10.0.0.2 --rr-conflict=x", ""},
	{"net-options ipv4:198.51.100.11:7789 ipv4:198.51.100.12:7789 --set-defaults --protocol=A", "net-options DEFAULTS ipv4:198.51.100.11:7789 ipv4:198.51.100.12:7789 --protocol=A"},
	{"net-options 10.0.0.1 10.0.0.2 --verify-alg=md5 --csums-alg=md5 --max-buffers=4000", "net-options ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --csums-alg=md5 --max-buffers=4000 --verify-alg=md5"},
	{"net-options 10.0.0.1 10.0.0.2 --discard-my-data", ""},
	{"disconnect ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788", "disconnect ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788"},
	{"disconnect 10.0.0.1 10.0.0.2 --force", "disconnect ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --force=yes"},
	{"disconnect 10.0.0.1", ""},
	{"primary 0", "primary m0"},
	{"primary 0 --force", "primary m0 --force=yes"},
	{"primary 0 --overwrite-data-of-peer", "primary m0 --force=yes"},
	{"primary 0 --force --overwrite-data-of-peer=no", "primary m0 --force=no"},
	{"primary -- 0", "primary m0"},
	{"primary 0 1", ""},
	{"primary all", ""},
	{"secondary 0", "secondary m0"},
	{"secondary /dev/drbd1048575", "secondary m1048575"},
	{"secondary /dev/drbd1048576", ""},
	{"secondary r0", ""},
	{"secondary ''", ""},
	{"invalidate 0", "invalidate m0"},
	{"invalidate-remote 0", "invalidate-remote m0"},
	{"pause-sync 0", "pause-sync m0"},
	{"resume-sync 0", "resume-sync m0"},
	{"suspend-io 0", "suspend-io m0"},
	{"resume-io 0", "resume-io m0"},
	{"outdate 0", "outdate m0"},
	{"verify 0", "verify m0"},
	{"verify 0 --start=1M --stop=4096", "verify m0 --start=2048 --stop=4096"},
	{"resize 0", "resize m0"},
	{"resize 0 --size=10G --assume-clean --assume-peer-has-space", "resize m0 --assume-clean=yes --assume-peer-has-space=yes --size=20971520"},
	{"resize 0 --al-stripes=2 --al-stripe-size-kB=64k", "resize m0 --al-stripe-size-kB=64 --al-stripes=2"},
	{"new-current-uuid 0", "new-current-uuid m0"},
	{"new-current-uuid 0 --clear-bitmap", "new-current-uuid m0 --clear-bitmap=yes"},
	{"down r0", "down r:r0"},
	{"down 0", "down r:0"},
	{"down", ""},
	{"down all", ""},
	{"role 0", "role m0"},
	{"state 0", "role m0"},
	{"cstate 0", "cstate m0"},
	{"dstate /dev/drbd0", "dstate m0"},
	{"show-gi 0", "show-gi m0"},
	{"get-gi 0", "get-gi m0"},
	{"check-resize 0", "check-resize m0"},
	{"sh-status", "sh-status ALL"},
	{"sh-status all", "sh-status ALL"},
	{"sh-status 0", "sh-status m0"},
	{"sh-status r0", "sh-status r:r0"},
	{"show", "show ALL"},
	{"show 3", "show m3"},
	{"show /dev/drbd3 --show-defaults", "show m3"},
	{"show r0", "show r:r0"},
	{"show drbd0", "show r:drbd0"},
	{"show r0 --show-def", "show r:r0"},
	{"status", "status ALL"},
	{"status r0 --verbose --statistics", "status r:r0"},
	{"status 0", "status r:0"},
	{"status -vs all", "status ALL"},
	{"status r0 --color=never --json", "status r:r0"},
	{"status --color=blue", ""},
	{"events2 --now", "events2 ALL"},
	{"events2 r0 --statistics -n", "events2 r:r0"},
	{"wait-connect 0 --foo", ""},

	// Words exchanged: 8.3's order for commands of 8.4.
	{"0 attach DIR/blk0 DIR/blk0 internal", "attach m0 DIR/blk0 DIR/blk0 internal"},
	{"r0 connect 10.0.0.1 10.0.0.2", "connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788"},
	{"r0 down", "down r:r0"},
	{"r0 status", "status r:r0"},
	{"all show", "show ALL"},
	{"10.0.0.1 disconnect 10.0.0.2", "disconnect ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788"},
	{"--force primary 0", "primary m0 --force=yes"},
	{"0 nonsense", ""},
	{"nonsense", ""},

	// 8.0 to 8.3 (drbd-cli 4.2). The daemon knows minors 0 and 3, of r0.
	{"0 disk DIR/blk0 DIR/blk0 internal --set-defaults --create-device", "role m0; attach m0 DIR/blk0 DIR/blk0 internal"},
	{"0 disk DIR/blk0 DIR/blk0 internal --set-defaults --create-device --on-io-error=detach --fencing=resource-only --no-disk-flushes --no-md-flushes --no-disk-barrier",
		"role m0; attach m0 DIR/blk0 DIR/blk0 internal --disk-barrier=no --disk-flushes=no --fencing=resource-only --md-flushes=no --on-io-error=detach"},
	{"/dev/drbd3 disk DIR/blk0 DIR/md 1 -d 1G -e pass_on -D -m -s 1 -t 20 -b", "role m3; attach m3 DIR/blk0 DIR/md 1 --disk-drain=no --disk-timeout=20 --max-bio-bvecs=1 --md-flushes=no --on-io-error=pass_on --size=2097152"},
	{"9 disk DIR/blk0 DIR/blk0 internal", "role m9; new-resource r:minor-9; new-minor r:minor-9 m9; attach m9 DIR/blk0 DIR/blk0 internal"},
	{"9 net 10.0.0.1 10.0.0.2 C", "role m9; new-resource r:minor-9; new-minor r:minor-9 m9; connect r:minor-9 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --protocol=C"},
	{"DRBD_RESOURCE=data 9 net 10.0.0.1 10.0.0.2 b", "role m9; new-resource r:data; new-minor r:data m9; connect r:data ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --protocol=B"},
	{"0 net ipv4:127.0.0.1:7788 ipv4:127.0.0.2:7788 C --set-defaults --create-device --timeout=60 --cram-hmac-alg=sha1 --shared-secret=Foo --allow-two-primaries --after-sb-0pri=discard-zero-changes --data-integrity-alg=md5 --no-tcp-cork --sndbuf-size=512K",
		"role m0; connect r:r0 ipv4:127.0.0.1:7788 ipv4:127.0.0.2:7788 --after-sb-0pri=discard-zero-changes --allow-two-primaries=yes --cram-hmac-alg=sha1 --data-integrity-alg=md5 --protocol=C --shared-secret=Foo --sndbuf-size=524288 --tcp-cork=no --timeout=60"},
	{"0 net 10.0.0.1 10.0.0.2 C -t 50 -e 100 -b 300 -u 5 -c 3 -i 4 -S 1M -r 2M -k 6 -m -a md5 -x y -A discard-local -B consensus -C violently-as0p -P -R violently -p 7 -D -d sha1 -o -n -g pull-ahead -f 1k -h 127",
		"role m0; connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --after-sb-0pri=discard-local --after-sb-1pri=consensus --after-sb-2pri=violently-as0p --allow-two-primaries=yes --always-asbp=yes --congestion-extents=127 --congestion-fill=2 --connect-int=3 --cram-hmac-alg=md5 --data-integrity-alg=sha1 --discard-my-data=yes --ko-count=6 --max-buffers=300 --max-epoch-size=100 --on-congestion=pull-ahead --ping-int=4 --ping-timeout=7 --protocol=C --rcvbuf-size=2097152 --rr-conflict=violently --shared-secret=y --sndbuf-size=1048576 --tcp-cork=no --tentative=yes --timeout=50 --unplug-watermark=5"},
	{"0 net 10.0.0.1 10.0.0.2 D", ""},
	{"0 net 10.0.0.1 10.0.0.2", ""},
	{"0 syncer --rate=10M --al-extents=257 --verify-alg=md5 --csums-alg=sha1 --use-rle --cpu-mask=3 --on-no-data-accessible=suspend-io --c-plan-ahead=20",
		"role m0; disk-options m0 KEEP --al-extents=257 --c-plan-ahead=20 --resync-rate=10240; net-options r:r0 KEEP --csums-alg=sha1 --use-rle=yes --verify-alg=md5; resource-options r:r0 --cpu-mask=3 --on-no-data-accessible=suspend-io"},
	{"0 syncer -r 5M -a 3 -e 31 -C md5 -v sha1 -c f -R -n io-error -p 1 -d 2 -s 3 -M 300 -m 4",
		"role m0; disk-options m0 KEEP --al-extents=67 --c-delay-target=2 --c-fill-target=3 --c-max-rate=300 --c-min-rate=4 --c-plan-ahead=1 --resync-after=3 --resync-rate=5120; net-options r:r0 KEEP --csums-alg=md5 --use-rle=yes --verify-alg=sha1; resource-options r:r0 --cpu-mask=f --on-no-data-accessible=io-error"},
	{"0 syncer --set-defaults --create-device --rate=10M",
		"role m0; disk-options m0 KEEP --al-extents=1237 --c-delay-target=10 --c-fill-target=100 --c-max-rate=102400 --c-min-rate=250 --c-plan-ahead=20 --resync-after=-1 --resync-rate=10240; net-options r:r0 KEEP --csums-alg= --use-rle=yes --verify-alg=; resource-options r:r0 --cpu-mask= --on-no-data-accessible=io-error"},
	{"0 syncer", "role m0"},
	{"0 primary", "primary m0"},
	{"0 primary -o", "primary m0 --force=yes"},
	{"0 primary --overwrite-data-of-peer", "primary m0 --force=yes"},
	{"0 primary -f", "primary m0 --force=yes"},
	{"0 primary --force=yes", ""},
	{"0 secondary", "secondary m0"},
	{"0 detach -f", "detach m0 --force=yes"},
	{"0 detach", "detach m0"},
	{"0 disconnect", "show m0; disconnect ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788"},
	{"0 disconnect -F", "show m0; disconnect ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --force=yes"},
	{"0 resize -s 1G -f -c", "resize m0 --assume-clean=yes --assume-peer-has-space=yes --size=2097152"},
	{"0 verify -s 8 -S 16", "verify m0 --start=8 --stop=16"},
	{"0 new-current-uuid -c", "new-current-uuid m0 --clear-bitmap=yes"},
	{"0 invalidate", "invalidate m0"},
	{"0 invalidate-remote", "invalidate-remote m0"},
	{"0 pause-sync", "pause-sync m0"},
	{"0 outdate", "outdate m0"},
	{"0 down", "show m0"}, // one of two volumes: refused
	{"9 down", "show m9"}, // not there: done
	{"minor-3 role", "role m3"},
	{"/dev/drbd3 state", "role m3"},
	{"0 dstate", "dstate m0"},
	{"0 get-gi", "get-gi m0"},
	{"0 sh-status", "sh-status m0"},
	{"0 show", "show m0"},
	{"0 status", "status m0"},
	{"0 check-resize", "check-resize m0"},
	{"x disk DIR/blk0 DIR/blk0 internal", ""},

	// 0.7 (drbd-cli 4.1)
	{"/dev/drbd0 disk DIR/blk0 internal -1", "role m0; attach m0 DIR/blk0 DIR/blk0 internal"},
	{"/dev/drbd0 disk DIR/blk0 DIR/md 0 --on-io-error=panic", "role m0; attach m0 DIR/blk0 DIR/md 0 --on-io-error=panic"},
	{"/dev/drbd0 disk DIR/blk0 internal -1 -d 1000", "role m0; attach m0 DIR/blk0 DIR/blk0 internal --size=2000"}, // KiB there
	{"/dev/drbd0 net 10.0.0.1:7788 10.0.0.2:7788 C -t 60 -c 10 -i 10 -e 2048 -b 2048 -k 4 --on-disconnect=reconnect",
		"role m0; connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --connect-int=10 --ko-count=4 --max-buffers=2048 --max-epoch-size=2048 --ping-int=10 --protocol=C --timeout=60"},
	{"/dev/drbd0 net 10.0.0.1 10.0.0.2 B -d freeze_io", "role m0; connect r:r0 ipv4:10.0.0.1:7788 ipv4:10.0.0.2:7788 --protocol=B"},
	{"/dev/drbd0 syncer --rate=10M --group=1 --al-extents=257", "role m0; disk-options m0 KEEP --al-extents=257 --resync-rate=10240"},
	{"/dev/drbd0 syncer -k -g 2 -r 700000", "role m0; disk-options m0 KEEP --resync-rate=700000"},
	{"/dev/drbd0 primary", "primary m0"},
	{"/dev/drbd0 primary --do-what-I-say", "primary m0 --force=yes"},
	{"/dev/drbd0 primary --human", "primary m0 --force=yes"},
	{"/dev/drbd0 primary --human --do-what-I-say --timeout-expired", "primary m0 --force=yes"},
	{"/dev/drbd0 primary -t", "primary m0"},
	{"/dev/drbd0 primary -d", ""},
	{"/dev/drbd0 primary --do-what", ""},
	{"/dev/drbd0 primary -h", ""},
	{"/dev/drbd0 invalidate_remote", "invalidate-remote m0"},
	{"/dev/drbd0 resize -d 1000", "resize m0 --size=2000"},
	{"/dev/drbd0 on_primary --inc-human", "role m0"},
	{"/dev/drbd0 down now", ""},
}

func TestRequests(t *testing.T) {
	noHosts(t)
	dir := t.TempDir()
	for _, name := range []string{"blk0", "md"} {
		if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := startDaemon(t, nil)
	if len(requestTable) < 150 {
		t.Errorf("only %d command lines", len(requestTable))
	}
	for _, c := range requestTable {
		t.Run(c.line, func(t *testing.T) {
			d.set(func(req control.Request) []control.Answer {
				if control.IsQuery(req.Cmd) && req.Minor == 9 {
					return []control.Answer{{Error: control.ErrMinorUnknown}}
				}
				return []control.Answer{{Resources: []control.Resource{twoVolumes()}, Last: true}}
			})
			argv := []string{"drbdsetup"}
			for _, w := range strings.Fields(strings.ReplaceAll(c.line, "DIR", dir)) {
				if v, ok := strings.CutPrefix(w, "DRBD_RESOURCE="); ok {
					t.Setenv("DRBD_RESOURCE", v)
					continue
				}
				argv = append(argv, strings.Trim(w, "'"))
			}
			got := runTool(t, argv...)
			var seen []string
			for _, r := range d.seen() {
				seen = append(seen, strings.ReplaceAll(brief(r), dir, "DIR"))
			}
			if s := strings.Join(seen, "; "); s != c.want {
				t.Errorf("asked %q\nwant  %q\n%+v", s, c.want, got)
			}
			if c.want == "" && got.exit != exitUsage && got.exit != exitNothing {
				t.Errorf("exit code %d: %s%s", got.exit, got.out, got.err)
			}
		})
	}
}
