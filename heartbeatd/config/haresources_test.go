package config_test

import (
	"slices"
	"strings"
	"testing"

	"classicha/heartbeatd/config"
)

func hares(t *testing.T, text string) (*config.Haresources, config.Findings) {
	t.Helper()
	return config.ParseHaresources("/etc/ha.d/haresources", []byte(text), []string{"serv-a", "serv-b"}, articleEnv())
}

// TestHaresourcesRules checks heartbeat-config 5, each rule by one file.
func TestHaresourcesRules(t *testing.T) {
	for _, c := range []struct {
		name, text string
		groups     []string
		findings   int
	}{
		{"comments, blanks, empty lines", "# x\n\n  serv-a\tLabRsc::a # b\n\t\n", []string{"serv-a key=LabRsc::a LabRsc(a)"}, 0},
		{"node in capitals", "SERV-B LabRsc::a\n", []string{"serv-b key=LabRsc::a LabRsc(a)"}, 0},
		{"hash inside a word", "serv-a LabRsc::a#b LabRsc::c\n", []string{"serv-a key=LabRsc::a LabRsc(a)"}, 0},
		{"backslash", "serv-a LabRsc::a \\\n   LabRsc::b \\\nLabRsc::c\nserv-b LabRsc::d\n",
			[]string{"serv-a key=LabRsc::a LabRsc(a) LabRsc(b) LabRsc(c)", "serv-b key=LabRsc::d LabRsc(d)"}, 0},
		{"backslash joins even a node name", "serv-a LabRsc::a \\\ncyrus\n", []string{"serv-a key=LabRsc::a LabRsc(a) cyrus()"}, 0},
		{"backslash at the end of the file", "serv-a LabRsc::a \\", []string{"serv-a key=LabRsc::a LabRsc(a)"}, 0},
		{"backslash and a comment", "serv-a LabRsc::a \\ # x\n LabRsc::b\n", []string{"serv-a key=LabRsc::a LabRsc(a) LabRsc(b)"}, 1},
		{"backslash with a blank behind", "serv-a LabRsc::a \\ \n LabRsc::b\n", []string{"serv-a key=LabRsc::a LabRsc(a) LabRsc(b)"}, 1},
		{"short form of addresses", "serv-a 10.0.0.1 10.0.0.2/24/eth0:1/10.0.0.255\n",
			[]string{"serv-a key=10.0.0.1 IPaddr(10.0.0.1) IPaddr(10.0.0.2/24/eth0:1/10.0.0.255)"}, 0},
		{"arguments", "serv-a LabRsc::a::eth0:0::b LabRsc LabRsc::::x::\n", []string{"serv-a key=LabRsc::a::eth0:0::b LabRsc(a,eth0:0,b) LabRsc() LabRsc(x)"}, 0},
		{"two lines of a node", "serv-a LabRsc::a\nserv-a LabRsc::b\n", []string{"serv-a key=LabRsc::a LabRsc(a)", "serv-a key=LabRsc::b LabRsc(b)"}, 0},
		{"blank before ::", "serv-a LabRsc ::a ::b cyrus\n", []string{"serv-a key=LabRsc::a::b LabRsc(a,b) cyrus()"}, 1},
		{"continued without backslash", "serv-a LabRsc::a\nFilesystem::/dev/x::/y\n  cyrus\n10.0.0.1\n",
			[]string{"serv-a key=LabRsc::a LabRsc(a) Filesystem(/dev/x,/y) cyrus() IPaddr(10.0.0.1)"}, 3},
		{"letter case", "serv-a labrsc::a CYRUS\n", []string{"serv-a key=labrsc::a LabRsc(a) cyrus()"}, 2},
		{"CR LF", "serv-a LabRsc::a \\\r\nLabRsc::b\r\nserv-b cyrus\r\n", []string{"serv-a key=LabRsc::a LabRsc(a) LabRsc(b)", "serv-b key=cyrus cyrus()"}, 1},
		{"byte-order mark", "\xef\xbb\xbfserv-a cyrus\n", []string{"serv-a key=cyrus cyrus()"}, 1},
		{"node without resource", "serv-a\n", nil, 1},
		{"quotes", "serv-a LabRsc::\"a b\"\n", nil, 3}, // b" is no script
		{"misspelt node", "serv-a cyrus\nserv-bb LabRsc\n", []string{"serv-a key=cyrus cyrus()"}, 1},
		{"first line begins with no node", "cyrus\n", nil, 1},
		{"IPv6 short form", "serv-a 2001:db8::5/64\n", []string{"serv-a key=2001:db8::5/64 IPv6addr(2001:db8::5/64)"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, found := hares(t, c.text)
			if got := groupLines(h); c.groups != nil && !slices.Equal(got, c.groups) {
				t.Errorf("groups:\ngot  %q\nwant %q", got, c.groups)
			}
			if len(found) != c.findings {
				t.Errorf("want %d findings, got %q", c.findings, sentences(found))
			}
		})
	}
}

// TestIPv6Arguments: an address keeps its "::" where it can only be an
// address; two short arguments stay two.
func TestIPv6Arguments(t *testing.T) {
	for _, c := range []struct {
		word  string
		args  string
		warns int
	}{
		{"IPv6addr::2001:db8::1/64", "2001:db8::1/64", 1},
		{"IPv6addr::2001:db8::1/64/eth0", "2001:db8::1/64/eth0", 1},
		{"IPv6addr::2001:db8:0:0:0:0:0:1/64", "2001:db8:0:0:0:0:0:1/64", 0},
		{"IPv6addr::fe80::1", "fe80::1", 1},
		{"IPv6addr::::1", "::1", 1},
		{"IPaddr2::fd00::5/64/eth0", "fd00::5/64/eth0", 1},
		{"IPaddr2::10.0.0.1/24/eth0:0", "10.0.0.1/24/eth0:0", 0},
		{"IPaddr::10.0.0.1", "10.0.0.1", 0},
		{"LabRsc::2001:db8::1::eth0::x", "2001:db8::1 eth0 x", 1},
		{"LabRsc::x::fd00::5/64::y", "x fd00::5/64 y", 1},
		{"LabRsc::a::b", "a b", 0},
		{"LabRsc::1::2::3", "1 2 3", 0},
		{"LabRsc::a::10.0.0.1/24", "a 10.0.0.1/24", 0},
		{"LabRsc::eth0:0::b", "eth0:0 b", 0},
		{"Filesystem::[2001:db8::1]:/export::/mnt::nfs", "[2001:db8::1]:/export /mnt nfs", 0},
		{"Filesystem::[x::/mnt", "[x /mnt", 0},
		{"Filesystem::-LABEL=data::/mnt::ext3::noatime,ro", "-LABEL=data /mnt ext3 noatime,ro", 0},
	} {
		h, found := hares(t, "serv-a cyrus "+c.word+"\n")
		r := h.Groups[0].Resources[1]
		if got := strings.Join(r.Args, " "); got != c.args || len(found) != c.warns || r.Raw != c.word {
			t.Errorf("%s: arguments %q, want %q; findings %q, want %d", c.word, got, c.args, sentences(found), c.warns)
		}
	}
}

// TestConfusingKeys: the original finds groups by regular expressions.
func TestConfusingKeys(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"different", "serv-a 10.0.0.1 cyrus\nserv-b 10.0.0.2 cyrus\n", nil},
		{"same key", "serv-a LabRsc::a\nserv-b LabRsc::a\n", []string{"1:8: the key LabRsc::a also stands in line 2"}},
		{"key is a later word elsewhere", "serv-a cyrus\nserv-b LabRsc::a cyrus\n", []string{"1:8: the key cyrus also stands in line 2"}},
		{"dot", "serv-a 10.0.0.1\nserv-b 10.010.1\n", []string{"1:8: the key 10.0.0.1 also matches 10.010.1 in line 2 (a dot matches anything)"}},
		{"pattern", "serv-a LabRsc::a*\n", []string{"1:8: the key LabRsc::a* has a '*', which the original takes for a pattern"}},
	} {
		_, found := hares(t, c.text)
		var got []string
		for _, f := range found {
			if f.Level == config.Warn {
				got = append(got, strings.TrimPrefix(f.Sentence(), "/etc/ha.d/haresources:"))
			}
		}
		ok := len(got) == len(c.want)
		for i := range c.want {
			ok = ok && strings.HasPrefix(got[i], c.want[i])
		}
		if !ok {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestThreeNodesWarn(t *testing.T) {
	_, found := config.ParseHaresources("h", []byte("a cyrus\n"), []string{"a", "b", "c"}, articleEnv())
	if len(found) != 1 || found[0].Level != config.Warn || !strings.Contains(found[0].Text, "3 nodes") {
		t.Errorf("heartbeat-wire 16: more than two nodes want a warning, got %q", sentences(found))
	}
}

// TestNearestScript: a missing script is named with the nearest that exists, else
// with the nearest that people usually mean.
func TestNearestScript(t *testing.T) {
	for script, want := range map[string]string{
		"drbdisk": `did you mean "drbddisk"? It exists`, "portblok": `did you mean "portblock"? It is not installed here either`,
		"oracle": "put it into /etc/ha.d/resource.d or /etc/init.d, make it executable, or correct the name",
	} {
		_, found := hares(t, "serv-a "+script+"\n")
		if len(found) != 1 || found[0].Level != config.Fail || found[0].Refuse || found[0].Remedy != want {
			t.Errorf("%s: got %q, want %q", script, sentences(found), want)
		}
	}
}

func TestNotExecutableScript(t *testing.T) {
	env := articleEnv()
	env.Stat = func(path string) config.FileInfo {
		if path == "/etc/ha.d/resource.d/Mine" {
			return config.FileInfo{Kind: config.Regular, Mode: 0o644}
		}
		return config.FileInfo{}
	}
	_, found := config.ParseHaresources("/etc/ha.d//haresources", []byte("serv-a Mine\n"), []string{"serv-a"}, env)
	if len(found) != 1 || found[0].Remedy != "chmod 755 /etc/ha.d/resource.d/Mine" || found[0].Refuse {
		t.Errorf("got %q", sentences(found))
	}
}
