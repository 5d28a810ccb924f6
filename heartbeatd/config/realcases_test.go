package config_test

import (
	_ "embed"
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
//
//go:embed testdata/real-cases.txt
var haLines string

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
