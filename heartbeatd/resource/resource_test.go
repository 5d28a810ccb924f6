package resource

import (
	"slices"
	"testing"
)

// heartbeat-config 5: words of haresources.
func TestParseWord(t *testing.T) {
	for _, c := range []struct {
		word, script string
		args         []string
	}{
		{"LabRsc", "LabRsc", nil},
		{"LabRsc::a", "LabRsc", []string{"a"}},
		{"LabRsc::b::x::y", "LabRsc", []string{"b", "x", "y"}},
		{"Filesystem::/dev/drbd0::/user::ext3", "Filesystem", []string{"/dev/drbd0", "/user", "ext3"}},
		{"IPaddr2::130.66.201.3/24/eth0:0", "IPaddr2", []string{"130.66.201.3/24/eth0:0"}},
		{"192.168.1.1", "IPaddr", []string{"192.168.1.1"}},
		{"192.168.1.1/24/eth0", "IPaddr", []string{"192.168.1.1/24/eth0"}},
		{"LabRsc::::a::", "LabRsc", []string{"a"}}, // empty arguments vanish
		{"10.httpd", "10.httpd", nil},
		{"1x.2x.3x.4x", "IPaddr", []string{"1x.2x.3x.4x"}}, // the shell pattern is this loose
		{"1.2.3.", "1.2.3.", nil},
		{"", "", nil},
	} {
		r := ParseWord(c.word)
		if r.Word != c.word || r.Script != c.script || !slices.Equal(r.Args, c.args) {
			t.Errorf("ParseWord(%q) = %q %q %q, want script %q args %q", c.word, r.Word, r.Script, r.Args, c.script, c.args)
		}
	}
}

func FuzzParseWord(f *testing.F) {
	for _, s := range []string{"a::b", "1.2.3.4/24", "::", "x::::y", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := ParseWord(s)
		for _, a := range r.Args {
			if a == "" {
				t.Errorf("ParseWord(%q) has an empty argument", s)
			}
		}
		if r.Word != s {
			t.Errorf("word changed: %q", r.Word)
		}
		Address(r)
	})
}

func TestAddress(t *testing.T) {
	for _, c := range []struct{ word, addr, nic string }{
		{"130.66.201.3", "130.66.201.3", ""},
		{"IPaddr2::130.66.201.3/24/eth0:0", "130.66.201.3", "eth0"},
		{"IPaddr::10.0.0.1/24/10.0.0.255", "10.0.0.1", ""},
		{"IPaddr::10.0.0.1/24/eth1/10.0.0.255", "10.0.0.1", "eth1"},
		{"IPv6addr::2001:db8::1/64/eth0", "2001:db8::1", "eth0"},
		{"LabRsc::10.0.0.1", "", ""},
		{"IPaddr::nonsense", "", ""},
	} {
		a, nic, ok := Address(ParseWord(c.word))
		got := ""
		if ok {
			got = a.String()
		}
		if got != c.addr || nic != c.nic {
			t.Errorf("Address(%q) = %q %q, want %q %q", c.word, got, nic, c.addr, c.nic)
		}
	}
}
