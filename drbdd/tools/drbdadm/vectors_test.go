package drbdadm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVectors: the recorded calls of specs/vectors/drbd/config.json that are no
// plain dump. The programs were at their places of Debian then.
func TestVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/vector-runs.json")
	if err != nil {
		t.Fatal(err)
	}
	var runs []struct {
		Name, File, Host string
		Args             []string
		RC               int
		Out, Err         string
	}
	if err := json.Unmarshal(data, &runs); err != nil {
		t.Fatal(err)
	}
	local := map[string]bool{"10.0.0.1": true, "192.168.1.1": true, "192.168.23.1": true, "130.66.201.1": true, "fd00::1": true}
	for _, r := range runs {
		conf, err := os.ReadFile(filepath.Join("testdata/vectors", r.File))
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t, string(conf))
		b.env.Config.Hostname = r.Host
		b.env.NotSetuid = func(programs ...string) []string {
			return []string{"/lib/drbd/drbdsetup-84", "/usr/sbin/drbdmeta"}
		}
		if r.Args[0] == "sh-udev" { // the minor had been configured
			if err := os.MkdirAll(b.env.StateDir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(b.conf, filepath.Join(b.env.StateDir, "drbd-"+r.Args[1]+".conf")); err != nil {
				t.Fatal(err)
			}
		}
		b.env.Config.LocalAddr = func(a string) bool { return local[a] && r.Name != "ip-not-here" }
		clean := func(s string) string {
			s = strings.ReplaceAll(strings.ReplaceAll(s, "/lib/drbd/", ""), b.conf, "/etc/drbd.conf")
			return (&world{dir: "\x00"}).clean(s)
		}
		code := Main("drbdadm-84", r.Args, nil, &b.out, &b.err, b.env)
		wantOut, wantErr := clean(r.Out), clean(r.Err)
		said := withoutAdvice(strings.ReplaceAll(clean(b.err.String()), "/etc/drbd.conf", "DIR/drbd.conf"), strings.ReplaceAll(wantErr, "/etc/drbd.conf", "DIR/drbd.conf"))
		said = strings.ReplaceAll(said, "DIR/drbd.conf", "/etc/drbd.conf")
		if clean(b.out.String()) != wantOut || said != wantErr || code != r.RC {
			t.Errorf("%s: drbdadm %s\n%s", r.Name, strings.Join(r.Args, " "), firstDifference(outcome{Out: wantOut, Err: wantErr, Exit: r.RC}, outcome{Out: clean(b.out.String()), Err: said, Exit: code}))
		}
	}
	if len(runs) < 60 {
		t.Errorf("only %d runs", len(runs))
	}
}
