package config_test

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"classicha/heartbeatd/config"
)

const haFile = "/etc/ha.d/ha.cf"

// parse reads lines added to the base configuration and fails if they are refused.
func parse(t *testing.T, lines string) (*config.HA, config.Findings) {
	t.Helper()
	ha, found := config.ParseHA(haFile, []byte(baseHA+lines), labEnv())
	if found.Refused() {
		t.Fatalf("refused: %v", sentences(found))
	}
	return ha, found
}

func sentences(found config.Findings) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Level.String()+" "+f.Sentence())
	}
	return out
}

// only returns the findings of one level.
func only(found config.Findings, level config.Level) []string {
	var out []string
	for _, f := range found {
		if f.Level == level {
			out = append(out, f.Sentence())
		}
	}
	return out
}

func TestDefaults(t *testing.T) {
	ha, _ := config.ParseHA(haFile, []byte("node node1\nbcast eth0\nlogfacility local0\n"), labEnv())
	got := map[string]any{
		"keepalive": ha.Keepalive, "deadtime": ha.Deadtime, "warntime": ha.Warntime, "initdead": ha.Initdead, "deadping": ha.Deadping,
		"hopfudge": ha.HopFudge, "rexmit": ha.MaxRexmitDelay, "cluster": ha.Cluster, "failback": ha.AutoFailback, "port": ha.UDPPort, "baud": ha.Baud,
		"compression": ha.Compression, "threshold": ha.CompressionThreshold, "badpack": ha.LogBadpack, "realtime": ha.Realtime, "rtprio": ha.RTPrio,
		"mem": ha.MemReserve, "core": ha.Coredumps, "conn": ha.Log.ConnLogdTime, "syslogfmt": ha.Log.SyslogFmt, "autojoin": ha.Autojoin, "netstring": ha.Netstring,
		"facility": ha.Log.FacilityCode,
	}
	want := map[string]any{
		"keepalive": time.Second, "deadtime": 30 * time.Second, "warntime": 15 * time.Second, "initdead": 30 * time.Second, "deadping": 30 * time.Second,
		"hopfudge": 1, "rexmit": 250 * time.Millisecond, "cluster": "linux-ha", "failback": config.FailbackLegacy, "port": 694, "baud": 19200,
		"compression": "zlib", "threshold": 2, "badpack": true, "realtime": true, "rtprio": 1,
		"mem": 6500, "core": true, "conn": time.Minute, "syslogfmt": true, "autojoin": "none", "netstring": false, "facility": 16 << 3,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("defaults differ from heartbeat-config 3 (-want +got)\n%s", d)
	}
	clients := map[string]config.APIAuth{}
	for _, a := range ha.APIAuth {
		clients[a.Client] = a
	}
	if a := clients["anon"]; len(clients) != 5 || !a.Default || !slices.Equal(a.UIDs, []int{0}) || !slices.Equal(a.GIDs, []int{108}) {
		t.Errorf("built-in apiauth: %+v", ha.APIAuth)
	}
}

// TestDerivedTimes checks what follows from deadtime (heartbeat-config 3).
func TestDerivedTimes(t *testing.T) {
	for _, c := range []struct{ deadtime, initdead string }{
		{"30", "30s"}, {"10.001", "10.001s"}, {"10", "20s"}, {"6", "12s"}, {"5999ms", "12s"}, {"3", "12s"},
	} {
		ha, _ := parse(t, "deadtime "+c.deadtime+"\n")
		if ha.Initdead.String() != c.initdead || ha.Warntime != ha.Deadtime/2 || ha.Deadping != ha.Deadtime {
			t.Errorf("deadtime %s: initdead %s, want %s; warntime %s, deadping %s", c.deadtime, ha.Initdead, c.initdead, ha.Warntime, ha.Deadping)
		}
	}
}

// TestRecorded holds the list that the real daemon exported to its children and
// answered to `cl_status hbparameter` for the same file.
func TestRecorded(t *testing.T) {
	ha, _ := config.ParseHA(haFile, []byte(strings.Join([]string{
		"debug 1", "udpport 695", "baud 9600", "logfacility local0", "keepalive 500ms", "keepalive 1 2", "deadtime 5", "initdead 5",
		"nice_failback on", "bcast eth0", "node node1", "autojoin NONE", "crm no", "env FOO=bar BAZ=qux", "stonith_host * null node2", "deadping 6",
		"respawn root /bin/true", "apiauth x uid=root", "auto_failback on", "hopfudge abc", "compression bz2", "cluster aa bb", "debugfile /var/log/ha-debug",
		"warntime 3", "max_rexmit_delay 100", "uuidfrom nodename", "use_logd no", "rtprio 5", "quorum_server qs", "coreroot /", "watchdog /dev/null", "use_apphbd no",
	}, "\n")), labEnv())
	want := map[string]string{
		"debug": "1", "udpport": "695", "baud": "9600", "logfacility": "local0", "keepalive": "2", "deadtime": "5", "initdead": "5", "autojoin": "NONE",
		"pacemaker": "no", "deadping": "6", "auto_failback": "on", "hopfudge": "abc", "compression": "bz2", "cluster": "bb", "debugfile": "/var/log/ha-debug",
		"warntime": "3", "max_rexmit_delay": "100", "uuidfrom": "nodename", "use_logd": "no", "rtprio": "5", "quorum_server": "qs", "coreroot": "/",
		"hbgenmethod": "file", "realtime": "true", "msgfmt": "classic", "conn_logd_time": "60", "log_badpack": "true", "syslogmsgfmt": "true", "coredumps": "true",
		"compression_threshold": "2", "traditional_compression": "no", "record_config_changes": "on", "record_pengine_inputs": "on", "enable_config_writes": "on",
		"memreserve": "6500", "logfile": "/dev/null",
	}
	got := map[string]string{}
	for _, kv := range ha.Recorded {
		got[kv.Name] = kv.Value
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("recorded directives (-want +got)\n%s", d)
	}
	if v, ok := ha.Param("crm"); !ok || v != "no" {
		t.Errorf("Param(crm) = %q %v: it is the old name of pacemaker", v, ok)
	}
	if !slices.Equal(ha.Env, []config.KV{{Name: "FOO", Value: "bar"}, {Name: "BAZ", Value: "qux"}}) {
		t.Errorf("env: %v", ha.Env)
	}
	ha, _ = parse(t, "deadtime 4\n")
	for name, want := range map[string]string{"warntime": "2000ms", "initdead": "12000ms", "deadping": "4000ms", "udpport": "694", "debug": "0"} {
		if v, _ := ha.Param(name); v != want {
			t.Errorf("%s is recorded as %q, want %q as the real daemon has it", name, v, want)
		}
	}
}

// TestPortLatched: a kind of medium keeps the port of its first line.
func TestPortLatched(t *testing.T) {
	ha, found := parse(t, "udpport 695\nbcast eth1\nucast eth0 10.1.1.1\nudpport 696\nucast eth1 10.1.1.2\nmcast eth0 225.0.0.1 700 1 0\nserial /dev/null\nbaud 9600\nserial /dev/ttyS0\n")
	var got []string
	for _, m := range ha.Media {
		got = append(got, strings.Join([]string{m.Kind, m.Link, strconv.Itoa(m.Port), strconv.Itoa(m.Baud)}, " "))
	}
	want := []string{"bcast eth0 694 0", "bcast eth1 694 0", "ucast eth0 695 0", "ucast eth1 695 0", "mcast eth0 700 0", "serial /dev/null 0 19200", "serial /dev/ttyS0 0 19200"}
	if !slices.Equal(got, want) {
		t.Errorf("media with ports:\ngot  %q\nwant %q", got, want)
	}
	if warns := only(found, config.Warn); len(warns) != 3 {
		t.Errorf("each udpport and baud that comes too late wants one warning: %q", warns)
	}
	if ha.UDPPort != 696 || ha.Baud != 9600 {
		t.Errorf("the last value is the recorded one: %d %d", ha.UDPPort, ha.Baud)
	}
}

func TestMedia(t *testing.T) {
	ha, _ := parse(t, "mcast6 eth1 ff02::1 694 2 1\nucast6 eth0 fe80::1\nping 10.0.0.9\nping_group g 10.0.0.1 nosuch\nping6 ::1\n")
	want := []config.MediaSpec{
		{Kind: "bcast", Link: "eth0", Port: 694},
		{Kind: "mcast6", Link: "eth1", Host: "ff02::1", Addr: netip.MustParseAddr("ff02::1"), Port: 694, TTL: 2, Loop: true},
		{Kind: "ucast6", Link: "eth0", Host: "fe80::1", Addr: netip.MustParseAddr("fe80::1"), Port: 694},
		{Kind: "ping", Link: "10.0.0.9", Host: "10.0.0.9", Addr: netip.MustParseAddr("10.0.0.9")},
		{Kind: "ping_group", Link: "g", Members: []config.PingMember{{Host: "10.0.0.1", Addr: netip.MustParseAddr("10.0.0.1")}, {Host: "nosuch"}}},
		{Kind: "ping6", Link: "::1", Host: "::1", Addr: netip.MustParseAddr("::1")},
	}
	for i := range ha.Media {
		ha.Media[i].Pos = config.Pos{}
	}
	if d := cmp.Diff(want, ha.Media, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("media (-want +got)\n%s", d)
	}
}

// TestBuiltinHelpers: helper paths of every era become the built-in.
func TestBuiltinHelpers(t *testing.T) {
	for _, c := range []struct {
		line, builtin string
		warns         int
	}{
		{"respawn hacluster /usr/libexec/heartbeat/ipfail", "ipfail", 0},
		{"respawn hacluster /usr/lib/heartbeat/ipfail", "ipfail", 1},
		{"respawn hacluster /usr/lib64/heartbeat/dopd", "dopd", 1},
		{"respawn root /usr/lib/heartbeat/pingd -m 100 -d 5s", "pingd", 1},
		{"respawn hacluster ifcheckd", "ifcheckd", 1},
		{"respawn hacluster /opt/ipfail", "ipfail", 1},
		{"failfast root /bin/true a b", "", 0},
	} {
		ha, found := parse(t, c.line+"\n")
		if len(ha.Respawn) != 1 || ha.Respawn[0].Builtin != c.builtin || len(only(found, config.Warn)) != c.warns {
			t.Errorf("%s: %+v, warnings %q; want built-in %q and %d warnings", c.line, ha.Respawn, only(found, config.Warn), c.builtin, c.warns)
		}
	}
	ha, _ := parse(t, "failfast root   /bin/true a  b # c\n")
	if r := ha.Respawn[0]; !r.Failfast || r.Command != "/bin/true a  b" || r.Path != "/bin/true" || r.UID != 0 {
		t.Errorf("failfast: %+v", r)
	}
}

// TestStonithDevices: all valid devices for this node are kept, in order.
func TestStonithDevices(t *testing.T) {
	ha, found := parse(t, "stonith_host node2 nosuchtype x\nstonith_host * null node2\nstonith_host NODE1 external/ssh hostlist=node2 x=y\nstonith null /etc/passwd\n")
	var got []string
	for _, s := range ha.Stonith {
		got = append(got, s.Host+"|"+s.Type+"|"+strings.Join(s.Params, ",")+"|"+s.File)
	}
	want := []string{"*|null|node2|", "node1|external/ssh|hostlist=node2,x=y|", "*|null||/etc/passwd"}
	if !slices.Equal(got, want) {
		t.Errorf("devices %q, want %q", got, want)
	}
	if infos := only(found, config.Info); len(slices.DeleteFunc(infos, func(s string) bool { return !strings.Contains(s, "second STONITH") })) != 2 {
		t.Errorf("each further device is mentioned: %q", infos)
	}
}

// TestExplained: every refusal and every forgiven slip has one sentence with
// place, what was read and what to write.
func TestExplained(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"keepalive 2s", `FAIL /etc/ha.d/ha.cf:5:11: keepalive: "2s" has a unit that ha.cf does not know; seconds are written without one; write keepalive 2 or keepalive 2000ms`},
		{"deadtime 2m", `FAIL /etc/ha.d/ha.cf:5:10: deadtime: "2m" has a unit that ha.cf does not know; write deadtime 120 (seconds)`},
		{"keepalive 500 ms", `FAIL /etc/ha.d/ha.cf:5:15: keepalive: "ms" stands alone; each word is a value of its own; write the unit directly behind the number, as in 500ms`},
		{"keepalive 0", `FAIL /etc/ha.d/ha.cf:5:11: keepalive: 0ms is too short; write at least 1ms`},
		{"keepalvie 1", `FAIL /etc/ha.d/ha.cf:5:1: unknown directive "keepalvie"; did you mean "keepalive"?`},
		{"  wartime 6", `WARN /etc/ha.d/ha.cf:5:3: "wartime" was taken for "warntime"; correct the spelling: the original refuses to start with it`},
		{"KeepAlive 2", `WARN /etc/ha.d/ha.cf:5:1: "KeepAlive" was taken for "keepalive"; write it in lower case: the original refuses to start with it`},
		{"logformat json", `FAIL /etc/ha.d/ha.cf:5:1: unknown directive "logformat"; it belongs into haext.cf, since the original refuses it here`},
		{"crm yes", `FAIL /etc/ha.d/ha.cf:5:5: crm yes asks for Pacemaker, and this program manages resources by haresources only; remove the line and describe the resources in haresources, or run Pacemaker with corosync`},
		{"logfile local5", `WARN /etc/ha.d/ha.cf:5:9: "logfile local5" names a syslog facility, not a file; it was taken for "logfacility local5"; write logfacility local5: the original would log into a file of that name in its current directory`},
		{"serial ttyS0", `FAIL /etc/ha.d/ha.cf:5:8: serial: "ttyS0" is not a full path; write /dev/ttyS0`},
		{"ucast eth0,10.0.0.1", `FAIL /etc/ha.d/ha.cf:5:7: ucast eth0,10.0.0.1: the address of the peer is missing; separate the two by a blank: commas do not separate here`},
		{"respawn hacluster /usr/lib/heartbeat/ipfail", `WARN /etc/ha.d/ha.cf:5:19: respawn: "/usr/lib/heartbeat/ipfail" does not exist and was taken for the built-in ipfail; write /usr/libexec/heartbeat/ipfail`},
		{"node node2", `WARN /etc/ha.d/ha.cf:5:6: node "node2" is listed twice; remove the second; it was counted once`},
		{"env X", `WARN /etc/ha.d/ha.cf:5:5: env: "X" has no value and was taken for X=; write env X=VALUE`},
		{"bcast", `WARN /etc/ha.d/ha.cf:5:1: "bcast" has no argument and was ignored; write bcast INTERFACE..., or remove the line`},
		{"deadtime 2", `FAIL /etc/ha.d/ha.cf:5:1: deadtime 2000ms is too small: it must be more than twice keepalive (1000ms); write deadtime 4000ms or more`},
	} {
		_, found := config.ParseHA("/etc/ha.d//ha.cf", []byte(baseHA+c.line+"\n"), labEnv())
		got := slices.DeleteFunc(sentences(found), func(s string) bool { return strings.HasPrefix(s, "INFO") })
		if !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.line, got, c.want)
		}
	}
}

// TestNodeNameMismatch: what to write when uname -n and the file disagree.
func TestNodeNameMismatch(t *testing.T) {
	for _, c := range []struct{ host, nodes, want string }{
		{"Node1", "NODE1 node2", ""},
		{"node1.example.com", "node1 node2", "write node node1.example.com here and in haresources on all nodes, or put node1 into /etc/ha.d/nodeinfo of this machine"},
		{"node1", "node1.example.com node2", "write node node1 here and in haresources on all nodes, or put node1.example.com into /etc/ha.d/nodeinfo of this machine"},
		{"node3", "alpha beta", "add node node3"},
		{"serv-a", "srv-a serv-b", "add node serv-a, or correct"},
	} {
		env := labEnv()
		env.Hostname = c.host
		_, found := config.ParseHA(haFile, []byte("logfacility local0\nbcast eth0\nauto_failback on\nnode "+c.nodes+"\n"), env)
		got := ""
		for _, f := range found {
			if f.Level == config.Fail {
				got = f.Remedy
			}
		}
		if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("uname -n %s, nodes %s:\ngot  %q\nwant %q", c.host, c.nodes, got, c.want)
		}
	}
}

// TestLogSettings checks the rules about files that are not given.
func TestLogSettings(t *testing.T) {
	for _, c := range []struct {
		lines string
		want  config.LogSettings
	}{
		{"logfacility local3", config.LogSettings{Facility: "local3", FacilityCode: 19 << 3}},
		{"logfile /var/log/ha", config.LogSettings{LogFile: "/var/log/ha"}},
		{"logfile /var/log/ha\nlogfacility none", config.LogSettings{LogFile: "/var/log/ha"}},
		{"logfile /dev/null\ndebugfile /d", config.LogSettings{DebugFile: "/d"}},
		{"", config.LogSettings{UseLogd: true, Facility: "daemon", FacilityCode: 3 << 3}},
		{"use_logd yes\nlogfacility local0", config.LogSettings{UseLogd: true, Facility: "local0", FacilityCode: 16 << 3}},
	} {
		ha, found := config.ParseHA(haFile, []byte(noLogHA+c.lines+"\n"), labEnv())
		c.want.ConnLogdTime, c.want.SyslogFmt = time.Minute, true
		if d := cmp.Diff(c.want, ha.Log); d != "" || found.Refused() {
			t.Errorf("%q: refused %v (-want +got)\n%s", c.lines, found.Refused(), d)
		}
	}
}
