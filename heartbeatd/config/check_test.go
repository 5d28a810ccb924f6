package config_test

import (
	"slices"
	"strings"
	"testing"

	"classicha/heartbeatd/config"
)

const goodHA = "logfacility local0\nbcast eth0\nserial /dev/ttyS0\nnode node1 node2\nauto_failback on\nstonith_host * null node2\n"

// TestCheck: one case for each finding that needs more than one line or file.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, ha, hares string
		level           config.Level
		want            string // in the only finding of that level; empty: none above OK
	}{
		{"good", goodHA, "node1 10.0.0.1/24/eth0 cyrus\nnode2 10.0.0.2\n", config.Warn, ""},
		{"one link", strings.Replace(goodHA, "serial /dev/ttyS0\n", "", 1), "", config.Warn, "one link only (eth0)"},
		{"two media on one link", strings.Replace(goodHA, "serial /dev/ttyS0", "mcast eth0 225.0.0.1 694 1 0", 1), "", config.Warn, "one link only (eth0)"},
		{"no stonith", strings.Replace(goodHA, "stonith_host", "#", 1), "", config.Warn, "Shared disks are not protected"},
		{"one node", strings.Replace(goodHA, "node1 node2", "node1", 1), "", config.Warn, "one node only"},
		{"warntime late", goodHA + "deadtime 10\nwarntime 10\n", "", config.Warn, "warntime 10s is not shorter than deadtime 10s"},
		{"warntime early", goodHA + "keepalive 2\nwarntime 1\n", "", config.Warn, "every heartbeat is late"},
		{"deadtime near keepalive", goodHA + "keepalive 2\ndeadtime 5\n", "", config.Warn, "allows for two lost heartbeats only"},
		{"ping without ipfail", goodHA + "ping 10.0.0.9\n", "", config.Warn, "no ipfail"},
		{"ipfail without ping", goodHA + "respawn hacluster /usr/libexec/heartbeat/ipfail\n", "", config.Warn, "no ping node"},
		{"ping and ipfail", goodHA + "ping 10.0.0.9\nrespawn hacluster /usr/libexec/heartbeat/ipfail\n", "", config.Warn, ""},
		{"watchdog missing", goodHA + "watchdog /dev/watchdog9\n", "", config.Warn, "/dev/watchdog9 does not exist"},
		{"log directory missing", goodHA + "logfile /nosuch/log\n", "", config.Warn, "directory of /nosuch/log"},
		{"same address in two groups", goodHA, "node1 10.0.0.1 cyrus\nnode2 IPaddr2::10.0.0.1/24/eth0 cyrus\n", config.Fail, "address 10.0.0.1 is also in the group of line 1"},
		{"same address twice in a group", goodHA, "node1 10.0.0.1 IPaddr2::10.0.0.1\n", config.Warn, "stands twice in this group"},
		{"no such address", goodHA, "node1 10.0.0.300\n", config.Fail, `"10.0.0.300" is not an IP address`},
		{"mask too long", goodHA, "node1 10.0.0.3/33\n", config.Fail, "33 is not a number of bits"},
		{"no such interface", goodHA, "node1 10.0.0.3/24/eth7:1\n", config.Fail, `no interface "eth7"`},
		{"broadcast as address", goodHA, "node1 10.0.0.255/24/eth0/10.0.0.255\n", config.Fail, "cannot be an address of a service"},
		{"rubbish behind", goodHA, "node1 10.0.0.3/24/eth0/10.0.0.255/x\n", config.Fail, "one part too many"},
		{"loopback", goodHA, "node1 127.0.0.1\n", config.Fail, "cannot be an address of a service"},
		{"mount point", goodHA, "node1 Filesystem::/dev/x::data\n", config.Fail, "write /data"},
		{"device", goodHA, "node1 Filesystem::sda1::/mnt\n", config.Fail, "write /dev/sda1"},
		{"no mount point", goodHA, "node1 Filesystem::/dev/x\n", config.Fail, "needs a device and a mount point"},
		{"mount point missing", goodHA, "node1 Filesystem::/dev/x::/nosuch\n", config.Warn, "/nosuch does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := labEnv()
			env.Script = func(string) (string, bool) { return "x", true }
			stat := env.Stat
			env.Stat = func(path string) config.FileInfo {
				if path == "/mnt" || path == "/var/log" {
					return config.FileInfo{Kind: config.Directory, Mode: 0o755}
				}
				return stat(path)
			}
			files := realFiles(c.ha, "auth 1\n1 sha1 x\n", c.hares)
			found := config.Check(files, env)
			var got []string
			for _, f := range found {
				if f.Level >= config.Warn {
					got = append(got, f.Level.String()+" "+f.Sentence())
				}
			}
			// A second finding may follow from the first; the wanted one must be there.
			if c.want == "" && len(got) > 0 {
				t.Errorf("want nothing above OK, got %q", got)
			}
			if c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.level.String()) || !strings.Contains(got[0], c.want)) {
				t.Errorf("want one %s with %q, got %q", c.level, c.want, got)
			}
		})
	}
}

// TestCheckWithoutFiles: an empty directory is three failures, not a panic.
func TestCheckWithoutFiles(t *testing.T) {
	files := config.Files{HA: absent("ha.cf"), Authkeys: absent("authkeys"), Haresources: absent("haresources"), Ext: absent("haext.cf")}
	found := config.Check(files, labEnv())
	if len(only(found, config.Fail)) != 3 || found.ExitCode() != 2 {
		t.Errorf("got %q", sentences(found))
	}
}

// TestDirectiveTable: what -D prints and what the manual page must hold.
func TestDirectiveTable(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range slices.Concat(config.Directives(), config.ExtDirectives()) {
		if seen[d.Name] || d.Syntax == "" || d.Doc == "" {
			t.Errorf("directive %q: twice, or without syntax or description", d.Name)
		}
		seen[d.Name] = true
	}
	var names []string
	for _, d := range config.Defaults() {
		names = append(names, d.Name+"="+d.Default)
	}
	const want = "cluster=linux-ha hopfudge=1 keepalive=1000ms deadtime=30000ms baud=19200 auto_failback=legacy hbgenmethod=file realtime=true " +
		"msgfmt=classic conn_logd_time=60 log_badpack=true syslogmsgfmt=true coredumps=true pacemaker=false autojoin=none uuidfrom=file compression=zlib " +
		"compression_threshold=2 traditional_compression=no max_rexmit_delay=250 record_config_changes=on record_pengine_inputs=on enable_config_writes=on memreserve=6500"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("defaults as heartbeat -D prints them:\ngot  %s\nwant %s", got, want)
	}
}
