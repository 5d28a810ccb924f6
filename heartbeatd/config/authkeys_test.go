package config_test

import (
	"strings"
	"testing"

	"classicha/heartbeatd/config"
)

// TestAuthkeysMeaning: which key signs and what the secrets are; the
// real daemon's answer (debug line "Outbound signing method") for the same files.
func TestAuthkeysMeaning(t *testing.T) {
	for _, c := range []struct {
		text    string
		current int
		secret  string
		warns   int
	}{
		{"auth 1\n1 sha1 secret\n2 md5 other\n", 1, "secret", 0},
		{"auth 1\n1 sha1 two words\n", 1, "two", 1},
		{"auth 1\n1 sha1 a#b\n", 1, "a#b", 0},
		{"auth 2\n1 sha1 a\n2 sha1 b\nauth 1\n", 2, "b", 1},
		{"auth 1\n1 sha1 a\n2 sha1 x\nauth 2\n", 1, "a", 1},
		{"auth 1\n1 sha1 a\nauth 2\n2 sha1 b\n", 2, "b", 0},
		{"auth 1\n1 sha1 a\n1 md5 b\n", 1, "b", 1},
		{"auth1\r\n1sha1 a\r\n", 1, "a", 0},
		{"\xef\xbb\xbfauth 1\n1 sha1 a\n", 1, "a", 1},
	} {
		keys, found := config.ParseAuthkeys("/etc/ha.d//authkeys", []byte(c.text), 0o600)
		if keys == nil || keys.Current != c.current || string(keys.ByNum[keys.Current].Secret) != c.secret || len(found) != c.warns {
			t.Errorf("%q: %+v, findings %q; want key %d %q and %d warnings", c.text, keys, sentences(found), c.current, c.secret, c.warns)
		}
	}
}

func TestAuthkeysExplained(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1 sha1 s\nauth 1\n", "FAIL /etc/ha.d/authkeys:2:1: auth 1 stands below the key that it names (line 1); move the auth line to the top"},
		{"auth 1\n1 SHA1 s\n", `FAIL /etc/ha.d/authkeys:2:3: "SHA1" is not an authentication method (keys that are not used are checked as well); write sha1`},
		{"auth 1\n1 sha1\n", "FAIL /etc/ha.d/authkeys:2:1: method sha1 needs a secret; write 1 sha1 SECRET"},
		{"AUTH 1\n1 sha1 s\n", "FAIL /etc/ha.d/authkeys:1:1: this line is neither a key nor an auth line; write auth in lower case"},
	} {
		keys, found := config.ParseAuthkeys("/etc/ha.d//authkeys", []byte(c.text), 0o600)
		if keys != nil || len(found) == 0 || sentences(found)[0] != c.want {
			t.Errorf("%q: got %q, want %q", c.text, sentences(found), c.want)
		}
	}
	_, found := config.ParseAuthkeys("/etc/ha.d//authkeys", []byte("auth 1\n1 sha1 s\n"), 0o644)
	if len(found) != 1 || !strings.Contains(found[0].Sentence(), "mode 644") || found[0].Remedy != "chmod 600 /etc/ha.d/authkeys" {
		t.Errorf("mode: %q", sentences(found))
	}
}
