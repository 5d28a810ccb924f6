package config_test

import (
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"classicha/heartbeatd/config"
)

// realCase is one configuration for the real daemon and for us.
type realCase struct {
	name  string
	files config.Files
	// differs says that we answer otherwise than the original on purpose:
	// "forgiven" (it refuses, we start), "refused" (it starts, crashes or hangs, we
	// refuse), "lines" (same answer, other lines).
	differs string
}

// realStarts is what the real daemon must have done, given our answer.
func (c realCase) realStarts(ours bool) bool {
	switch c.differs {
	case "forgiven":
		return !ours
	case "refused":
		return true
	}
	return ours
}

const (
	baseHA   = "logfacility local0\nbcast eth0\nnode node1 node2\nauto_failback on\n"
	noLogHA  = "bcast eth0\nnode node1 node2\nauto_failback on\n"
	baseAuth = "auth 1\n1 crc\n"
)

func present(name, data string, mode fs.FileMode) config.File {
	return config.File{Name: config.FileIn(config.HADir, name), Data: []byte(data), Mode: mode}
}

func absent(name string) config.File {
	return config.File{Name: config.FileIn(config.HADir, name), Err: os.ErrNotExist}
}

func realFiles(ha, auth, hares string) config.Files {
	return config.Files{HA: present("ha.cf", ha, 0o644), Authkeys: present("authkeys", auth, 0o600),
		Haresources: present("haresources", hares, 0o644), Ext: absent("haext.cf")}
}

// haLines are lines added to baseHA, one case each; a bar separates lines of one
// case. A first word in brackets marks a difference.
const haLines = `
keepalive 0
keepalive -1
keepalive abc
keepalive 500 ms
keepalive 1 2|deadtime 5
keepalive 2s
keepalive 2m
keepalive 1.5
keepalive 500MS
keepalive 250000us
keepalive 100us
keepalive 400us
keepalive 600us|deadtime 5
keepalive 1.2.3
keepalive .5
keepalive 5.
keepalive .
keepalive 1msx
keepalive 1000msecs
keepalive 1000m
keepalive 1000u
keepalive 1e3
keepalive +5
keepalive 0x10
keepalive 10000000
deadtime 2
deadtime 2.1
deadtime 0
deadtime 4000000
warntime 0
warntime abc
warntime 100
warntime 1 x
initdead 5
deadtime 10|initdead 5
deadtime 5|initdead 8
deadtime 5|initdead 10
deadtime 7
deadping 1
deadping 0
deadping x
deadtime 1|initdead 0|deadping 1
deadtime 1|initdead 0|autojoin other|use_logd no
hopfudge 256
[lines] hopfudge abc
hopfudge 0
hopfudge -1
hopfudge 255
max_rexmit_delay 0
max_rexmit_delay abc
max_rexmit_delay -5
max_rexmit_delay 100
node node1
cluster foo bar
autojoin other
autojoin any
autojoin x
autojoin NONE
crm off
crm no|pacemaker no
crm off off
crm bogus
pacemaker false
crm 0
crm No
[lines] crm yes
[lines] pacemaker on
[lines] pacemaker manual
uuidfrom x
uuidfrom nodename
[forgiven] uuidfrom FILE
hbgenmethod x
hbgenmethod time
[forgiven] hbgenmethod TIME
quorum_server foo
auto_failback xyz
auto_failback legacy
auto_failback LEGACY
auto_failback yes
nice_failback on
nice_failback off
nice_failback bogus
nice_failback Yes
auto_failback legacy|nice_failback yes
auto_failback legacy|nice_failback on
auto_failback off|nice_failback on
nice_failback on|auto_failback legacy
udpport 0
udpport abc
udpport 70000
udpport 53
udpport 694
udpport 695
udpport -5
udpport 694x
udpport 695 696
baud 1200
baud 9600
baud 9600|baud 9600
baud 9600 9600
baud 9600x
baud
bcast eth9
bcast eth2
bcast eth1,eth0
bcast eth0 eth9 eth1
bcast lo
bcast eth0:0
udp eth1
udp eth9
udp eth1 eth0
udp eth1|udp eth0
ucast eth0
ucast eth0 10.1.1.1
ucast eth9 10.1.1.1
ucast eth0 nosuchhost.invalid
ucast eth0 10.1.1.1 extra
ucast eth0	10.1.1.1
ucast eth0,10.1.1.1
ucast eth0 10.1.1
ucast eth0 0x0a.1
ucast eth0 10.1.1.1.1
mcast eth0 225.0.0.1 694 1 0
mcast eth0 225.0.0.1 694 1
mcast eth0 225.0.0.1 694
mcast eth0 225.0.0.1
mcast eth0
mcast eth0 10.0.0.1 694 1 0
mcast eth0 225.0.0.1 0 1 0
mcast eth0 225.0.0.1 694 5 0
mcast eth0 225.0.0.1 694 4 2
mcast eth9 225.0.0.1 694 1 0
[lines] mcast eth2 225.0.0.1 694 1 0
mcast eth9 10.0.0.1 694 9 0
mcast eth0 10.0.0.1 0 9 9
mcast eth0 225.0.0.1 0 9 9
mcast eth0 225.0.0.1 694 9 9
mcast eth0 225.0.0.1 70000 1 0
mcast eth0 225.0.0.1 65536 1 0
mcast eth0 225.0.0.1 abc 1 0
mcast eth0 225.0.0.1 694 x y
mcast eth0 bogus 694 1 0
mcast eth0 225.0.0.1 694 1 0 extra
mcast eth0 225.0.0.1 694 -1 0
mcast eth0 225.0.0.1 694 257 0
mcast eth0 225.0.0.1 694 0 0
mcast6 eth0 ff02::1 694 1 0
mcast6 eth0 ff02::1 694 1
mcast6 eth0 ff02::1 694
mcast6 eth0 ff02::1
mcast6 eth0 fe80::1 694 1 0
mcast6 eth0 bogus 694 1 0
mcast6 eth0
mcast6
mcast6 eth9 ff02::1 694 1 0
mcast6 eth9 fe80::1 0 1 0
mcast6 eth0 ff02::1 0 1 0
mcast6 eth0 ff02::1 694 5 0
mcast6 eth0 ff02::1 694 1 3
mcast6 eth2 ff02::1 694 1 0
ucast6 eth0 fe80::1
ucast6 eth0
ucast6
ucast6 eth9 fe80::1
ucast6 eth9 bogus
ucast6 eth0 bogus
ucast6 eth0 10.0.0.1
ucast6 eth0 ::ffff:10.0.0.1
serial ttyS0
serial /dev/nosuch
serial /etc/passwd
serial /dev
serial /dev/null
serial /dev/ttyS0 /dev/null
serial /dev/null|baud 9600
ping 10.1.1.1
ping nosuch.invalid
ping 10.1.1.1 10.1.1.2
ping 10.1.1.1|ping 10.1.1.1
ping_group g
ping_group g 10.1.1.1 10.1.1.2
ping_group g nosuch.invalid
ping_group
ping6 ::1
ping6 bogus.invalid
ping6 10.1.1.1
hbaping x
tipc x
rds eth0
openais x
msgfmt netstring
[forgiven] msgfmt NETSTRING
msgfmt x
compression bz2
compression lzo
[forgiven] compression ZLIB
compression_threshold 0
compression_threshold abc
compression_threshold 5
traditional_compression x
traditional_compression on
log_badpack x
log_badpack no
[lines] logfile
logfile /var/log/a
debugfile /var/log/d
[lines] logfile local0
logfacility bogus
logfacility none
logfacility LOCAL0
logfacility daemon
logfacility authpriv
logfacility security
logfacility ftp
logfacility mark
logfacility local0 local8
use_logd yes
use_logd no
use_logd x
use_logd yes|use_logd no
conn_logd_time 0
conn_logd_time 5
conn_logd_time 60ms
syslogmsgfmt x
syslogmsgfmt off
debug 256
[lines] debug abc
debug -1
respawn hacluster /usr/libexec/heartbeat/ipfail
respawn hacluster
respawn nosuch /bin/true
[forgiven] respawn hacluster ipfail
respawn hacluster true
respawn hacluster true x
respawn hacluster /nosuch/x
respawn hacluster /nosuch/x -a b
respawn hacluster /etc/passwd
[refused] respawn hacluster /bin
respawn
[forgiven] respawn hacluster /usr/lib/heartbeat/ipfail
[forgiven] respawn hacluster /usr/lib64/heartbeat/pingd -m 100
respawn 0 /bin/true
respawn root /bin/true -x y|respawn root /bin/true -x y
failfast hacluster /bin/true
failfast nosuch /bin/true
apiauth ipfail uid=hacluster
apiauth ipfail uid=hacluster|apiauth ipfail uid=root
apiauth ipfail uid=hacluster|apiauth ipfail uid=nosuch
apiauth ipfail uid=hacluster|apiauth ipfail
apiauth x uid=nosuch
apiauth x gid=nosuch
apiauth x uid=nosuch gid=nosuch
apiauth x
apiauth
apiauth x uid=root,hacluster gid=haclient
apiauth x gid=haclient uid=root
apiauth x foo=bar
apiauth x uid=
apiauth x uid=0
apiauth x uid=4711
[refused] apiauth x uid=0x
apiauth x uid=root foo
apiauth x uid=root,nosuch
apiauth x uid=root uid=hacluster
apiauth x gid=haclient gid=haclient
apiauth x uid=root , gid=haclient
apiauth ping uid=root
apiauth default uid=root
stonith null /etc/x
stonith
stonith bogus /etc/x
stonith null
stonith_host node1
stonith_host
stonith_host *
stonith_host * null
stonith_host * null node2
stonith_host node2 bogus
stonith_host node1 bogus
stonith_host NODE1 bogus a
stonith_host * meatware node2
stonith_host * ssh node2
stonith_host * null node2|stonith_host * meatware node2
stonith_host * meatware
stonith_host * suicide
stonith null /etc/passwd
watchdog /dev/watchdog
watchdog /dev/a /dev/b
watchdog /dev/a|watchdog /dev/b
rtprio 100
rtprio 0
rtprio 50
rtprio abc
realtime x
realtime off
memreserve 0
memreserve abc
memreserve 100
coredumps x
coredumps no
coredumps yes
coreroot /nosuch
use_apphbd x
use_apphbd no
env A=b
env =x
env A=b C=d
env A=b=c
env A=
record_config_changes x
record_config_changes on
record_pengine_inputs x
enable_config_writes x
crm_daemon_dir /x
crmd_spawns_pengine on
crmd_spawns_pengine x
normalpoll 250
[forgiven] wartime 6
[forgiven] KEEPALIVE 2
keepaliv 2
bogus
bogus|keepalive 0|hopfudge 256|node
bogus#x
,bogus x
cluster,foo
cluster a#b
 	 keepalive 2
node c d
`

// realCases is the whole table.
func realCases() []realCase {
	var out []realCase
	add := func(name, ha, auth, hares string) *realCase {
		differs := ""
		if d, rest, ok := strings.Cut(name, "] "); ok && d[0] == '[' {
			differs, name = d[1:], rest
		}
		out = append(out, realCase{name: name, files: realFiles(ha, auth, hares), differs: differs})
		return &out[len(out)-1]
	}
	for _, l := range strings.Split(strings.Trim(haLines, "\n"), "\n") {
		_, line, marked := strings.Cut(l, "] ")
		if !marked {
			line = l
		}
		add(l, baseHA+strings.ReplaceAll(line, "|", "\n")+"\n", baseAuth, "")
	}
	for _, l := range []string{"", "use_logd yes", "use_logd no", "use_logd yes|logfile /var/log/a", "logfile /var/log/a", "debugfile /var/log/a", "logfacility none",
		"logfacility none|use_logd no", "logfacility none|use_logd yes", "logfile /dev/null", "logfile /var/log/a|logfacility local0", "use_logd no|logfile /var/log/x", "logfacility none|logfile /var/log/x"} {
		add("nolog "+l, noLogHA+strings.ReplaceAll(l, "|", "\n")+"\n", baseAuth, "")
	}
	add("empty", "", baseAuth, "")
	add("only comments", "# x\n\n", baseAuth, "")
	add("no medium", "logfacility local0\nnode node1\nauto_failback on\n", baseAuth, "")
	add("ping only", "logfacility local0\nping 10.1.1.1\nnode node1 b\nauto_failback on\n", baseAuth, "")
	add("no nodes", "logfacility local0\nbcast eth0\nauto_failback on\n", baseAuth, "")
	add("other nodes", "logfacility local0\nbcast eth0\nnode a b\n", baseAuth, "")
	add("fqdn", strings.Replace(baseHA, "node1", "node1.example.com", 1), baseAuth, "")
	add("upper case node", strings.Replace(baseHA, "node1", "NODE1", 1), baseAuth, "")
	add("legacy", "logfacility local0\nbcast eth0\nnode node1 b\n", baseAuth, "")
	add("nice alone", "logfacility local0\nbcast eth0\nnode node1 b\nnice_failback on\n", baseAuth, "")
	add("nice before", "logfacility local0\nbcast eth0\nnode node1 b\nnice_failback on\nauto_failback on\n", baseAuth, "")
	add("udpport first", "udpport 695\n"+baseHA, baseAuth, "")
	add("crlf", strings.ReplaceAll(baseHA, "\n", "\r\n"), baseAuth, "")
	add("[forgiven] byte-order mark", "\xef\xbb\xbf"+baseHA, baseAuth, "")
	add("no newline at end", baseHA+"keepalive 1", baseAuth, "")
	add("nul byte", baseHA+"cluster a\x00b\nbogus\n", baseAuth, "")
	add("vertical tab", baseHA+"cluster\vfoo\n", baseAuth, "")
	add("long line", baseHA+"cluster "+strings.Repeat("x", 6000)+"\n", baseAuth, "")
	add("101 nodes", "logfacility local0\nbcast eth0\nnode "+manyNodes(101)+"\nauto_failback on\n", baseAuth, "")
	add("100 nodes", "logfacility local0\nbcast eth0\nnode "+manyNodes(100)+"\nauto_failback on\n", baseAuth, "")
	add("64 media", baseHA+strings.Repeat("serial /dev/null\n", 63), baseAuth, "")
	add("65 media", baseHA+strings.Repeat("serial /dev/null\n", 64), baseAuth, "")
	add("66 media, ping", baseHA+strings.Repeat("ping 10.1.1.1\n", 65), baseAuth, "")
	add("[refused] 65 media, ucast", baseHA+strings.Repeat("ucast eth0 10.1.1.1\n", 64), baseAuth, "")
	add("[refused] 65 media, ping_group", baseHA+strings.Repeat("ping 10.1.1.1\n", 63)+"ping_group g 10.1.1.1 10.1.1.2\n", baseAuth, "")
	add("bad ha.cf and bad authkeys", baseHA+"bogus\n", "auth 2\n", "")
	add("bad authkeys and bad times", baseHA+"deadtime 1\n", "auth 2\n", "")
	add("bad times and bad haresources", baseHA+"deadtime 1\ninitdead 0\n", baseAuth, "foo x\n")
	out = append(out, authCases()...)
	for _, name := range slices.Sorted(maps.Keys(haresCases)) {
		add(name, baseHA, baseAuth, haresCases[name])
	}
	c := add("haresources missing", baseHA, baseAuth, "")
	c.files.Haresources = absent("haresources")
	c = add("authkeys missing", baseHA, baseAuth, "")
	c.files.Authkeys = absent("authkeys")
	c = add("ha.cf missing", "", baseAuth, "")
	c.files.HA = absent("ha.cf")
	return out
}

func manyNodes(n int) string {
	names := []string{"node1"}
	for i := 1; i < n; i++ {
		names = append(names, "n"+strings.Repeat("a", i/26)+string(rune('a'+i%26)))
	}
	return strings.Join(names, " ")
}

// authTexts are whole authkeys files.
var authTexts = map[string]string{
	"ok": "auth 1\n1 sha1 secret\n", "order": "1 sha1 s\nauth 1\n", "no auth": "1 sha1 s\n", "no key": "auth 2\n1 sha1 s\n",
	"unknown method": "auth 1\n1 sha256 s\n", "unknown method unused": "auth 1\n1 sha1 s\n2 sha256 x\n", "no secret": "auth 1\n1 sha1\n",
	"no secret unused": "auth 1\n1 sha1 s\n2 md5\n", "crc with key": "auth 1\n1 crc foo\n", "crc with key unused": "auth 1\n1 sha1 a\n2 crc foo\n",
	"number 16": "auth 1\n1 crc\n16 crc\n", "number -1": "auth 1\n1 crc\n-1 crc\n", "rubbish": "auth 1\n1 crc\nhello\n", "auth x": "auth x\n1 crc\n",
	"auth alone": "auth\n1 crc\n", "two words": "auth 1\n1 sha1 two words\n", "hash in key": "auth 1\n1 sha1 a#b\n", "comment behind": "auth 1 # x\n1 sha1 a # b\n",
	"indented": "  # c\n\n auth 1\n  1 crc\n", "auth 16": "auth 16\n1 crc\n", "auth -1": "auth -1\n1 crc\n", "two auths": "auth 1\n1 crc\n2 sha1 x\nauth 2\n",
	"auth again": "auth 2\n1 crc\n2 crc\nauth 1\n", "duplicate": "auth 1\n1 sha1 a\n1 md5 b\n", "crlf": "auth 1\r\n1 sha1 abc\r\n", "crlf crc": "auth 1\r\n1 crc\r\n", "crlf empty": "\r\nauth 1\r\n\r\n1 crc\r\n",
	"empty": "", "upper method": "auth 1\n1 SHA1 x\n", "abc": "abc 1\n1 crc\n", "a": "a 1\n1 crc\n", "aut": "aut 1\n1 crc\n", "auth1": "auth1\n1 crc\n", "auth 1 foo": "auth 1 foo\n1 crc\n", "auth 1x": "auth 1x\n1 crc\n",
	"number only": "auth 1\n1\n", "auth 0": "auth 0\n0 crc\n", "1abc": "auth 1\n1abc crc\n", "1sha1": "auth 1\n1sha1 crc\n", "long key": "auth 1\n1 sha1 " + strings.Repeat("k", 2000) + "\n",
	"no newline": "auth 1\n1 crc", "no newline auth": "1 crc\nauth x", "01": "auth 1\n01 crc\n", "1.5": "auth 1\n1.5 crc\n", "tabs": "auth\t1\n1\tmd5\tx\n", "AUTH": "AUTH 1\n1 crc\n", "+1": "auth 1\n+1 crc\n", "indented rubbish": "auth 1\n1 crc\n   hello x \n",
	"[forgiven] byte-order mark": "\xef\xbb\xbfauth 1\n1 crc\n",
}

func authCases() []realCase {
	var out []realCase
	add := func(name, text string, mode fs.FileMode) {
		c := realCase{name: "authkeys " + name, files: realFiles(baseHA, text, "")}
		if rest, ok := strings.CutPrefix(name, "[forgiven] "); ok {
			c.name, c.differs = "authkeys "+rest, "forgiven"
		}
		c.files.Authkeys.Mode = mode
		out = append(out, c)
	}
	for _, name := range slices.Sorted(maps.Keys(authTexts)) {
		add(name, authTexts[name], 0o600)
	}
	for _, mode := range []fs.FileMode{0o644, 0o640, 0o622, 0o711, 0o400, 0o604, 0o620, 0o700} {
		add("mode "+mode.String(), baseAuth, mode)
	}
	return out
}

// haresCases are whole haresources files.
var haresCases = map[string]string{
	"hares other node": "node2 x\n", "hares empty": "\n\n# c\n", "hares bad node": "node9 a\n", "hares continued": "node1 a \\\n  b c\n", "hares continued unread": "node1 a \\\nnode9 b\n",
	"hares case": "NODE1 a\n", "hares node only": "node1\n", "hares indented": "  node1 a\n", "hares crlf": "node1 a\r\n", "[forgiven] hares byte-order mark": "\xef\xbb\xbfnode1 a\n",
	"[forgiven] hares blank behind backslash": "node1 a \\ \n b\n", "hares hash": "#node9 a\nnode1 a#b\n", "[forgiven] hares comment behind backslash": "node1 a \\ # c\n b\n", "hares comment continued": "# foo \\\nnode9\n",
	"[forgiven] hares long line": "node1 " + strings.Repeat("x", 6000) + "\n", "hares two bad": "node8 a\nnode9 b\n", "[forgiven] hares hash in node": "node1# a\n", "hares duplicate key": "node1 10.0.0.1\nnode2 10.0.0.1\n", "hares no newline": "node9",
	"hares crlf empty": "\r\n\r\n", "hares tab": "node1\ta\n", "[forgiven] hares seed": "node1 drbdisk ::user\nFilesystem ::/dev\n", "hares continued without backslash": "node1 a\n  b c\n", "hares continued at end": "node1 a \\",
	"[forgiven] hares continued crlf": "node1 a \\\r\nnode9 b\n", "hares fqdn": "node1.example.com a\n",
}
