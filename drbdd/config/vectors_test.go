package config_test

import (
	"encoding/json"
	"errors"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"classicha/drbdd/config"
)

// vectorRun is one call of a real program.
type vectorRun struct {
	Tool   string   `json:"tool"`
	Args   []string `json:"args"`
	RC     int      `json:"rc"`
	Stdout string   `json:"stdout"`
	Stderr string   `json:"stderr"`
}

type vectorCase struct {
	Name     string            `json:"name"`
	File     string            `json:"file"`
	Hostname string            `json:"hostname"`
	Extra    map[string]string `json:"extra_files"`
	Runs     []vectorRun       `json:"runs"`
}

func (c vectorCase) run(tool string, args ...string) (vectorRun, bool) {
	for _, r := range c.Runs {
		if r.Tool == tool && slices.Equal(r.Args, args) {
			return r, true
		}
	}
	return vectorRun{}, false
}

func vectors(t testing.TB) []vectorCase {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []vectorCase `json:"cases"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

func (c vectorCase) text(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors/" + c.File)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// env is the machine of the vectors: their files are in /etc.
func (c vectorCase) env() config.Env {
	addrs := []string{"10.0.0.1", "192.168.1.1", "192.168.23.1", "130.66.201.1", "fd00::1"}
	if c.Name == "ip-not-here" {
		addrs = nil
	}
	e := mapEnv(c.Extra)
	e.Hostname, e.DumpOnly = c.Hostname, true
	e.LocalAddr = func(a string) bool { return slices.Contains(addrs, a) || strings.HasPrefix(a, "127.") }
	e.SetuidPrograms = []string{"/lib/drbd/drbdsetup-84", "/usr/sbin/drbdmeta"}
	return e
}

// mapEnv serves includes from a map of names relative to the main file.
func mapEnv(files map[string]string) config.Env {
	return config.Env{
		Glob: func(_, pattern string) []string {
			var out []string
			for name := range files {
				if ok, _ := path.Match(pattern, name); ok {
					out = append(out, name)
				}
			}
			slices.Sort(out)
			return out
		},
		ReadFile: func(_, name string) ([]byte, error) {
			if s, ok := files[name]; ok {
				return []byte(s), nil
			}
			return nil, errors.New("no such file")
		},
	}
}

// TestVectors compares dump with the real drbdadm-84, valid and invalid files
// (drbd-config 8 and 10).
func TestVectors(t *testing.T) {
	n := 0
	for _, c := range vectors(t) {
		want, ok := c.run("drbdadm-84", "dump")
		if !ok {
			continue
		}
		n++
		t.Run(c.Name, func(t *testing.T) {
			env := c.env()
			conf, found := config.Parse("/etc/drbd.conf", c.text(t), env)
			if !found.Refused() {
				found = append(found, conf.CheckAddresses(env)...)
			}
			stderr, exit := found.Original()
			if stderr != want.Stderr || exit != want.RC {
				t.Errorf("the real drbdadm says\n%s(exit %d), we\n%s(exit %d)", want.Stderr, want.RC, stderr, exit)
			}
			if want.RC == 0 {
				if got := conf.Dump(c.Hostname, config.DumpPlain); got != want.Stdout {
					t.Errorf("dump:\n%s\nwant:\n%s", got, want.Stdout)
				}
				if found.Refused() {
					t.Errorf("drbdadm accepts it, we do not: %s", found.Lines())
				}
			}
			for _, f := range found {
				if s := f.Sentence(); f.Pos.Line == 0 || !strings.HasPrefix(s, f.Pos.String()+": ") || strings.HasSuffix(s, ": ") {
					t.Errorf("a finding without place or text: %+v", f)
				}
			}
		})
	}
	if n < 105 {
		t.Errorf("only %d cases", n)
	}
}
