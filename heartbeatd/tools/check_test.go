package tools

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"classicha/heartbeatd/config"
	"classicha/internal/screen"
)

func checkDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if name == "authkeys" {
			mode = 0o600
		}
		if strings.HasPrefix(name, "resource.d/") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestCheckExitCodes: 0 good, 1 warnings, 2 failures; nothing on standard error.
func TestCheckExitCodes(t *testing.T) {
	good := map[string]string{
		"nodeinfo": "alpha\n",
		"ha.cf":    "logfacility local0\nbcast lo\nserial /dev/null\nnode alpha beta\nauto_failback on\nstonith_host * null beta\n",
		"authkeys": "auth 1\n1 sha1 x\n", "haresources": "alpha Mine::1\n", "resource.d/Mine": "#!/bin/sh\n",
	}
	for _, c := range []struct {
		name, file, text string
		code             int
		want             []string
	}{
		{"good", "", "", 0, []string{"OK    ha.cf ", "OK    haresources  1 group (alpha Mine::1); 1 resource", "Everything is in order"}},
		{"warning", "authkeys", "auth 1\n1 crc\n", 1, []string{"WARN  authkeys:2   crc is no authentication", "-> use sha1 with a secret", "0 failures, 1 warning\n"}},
		{"script missing", "haresources", "alpha Mien::1\n", 2, []string{"FAIL  haresources:1:7  there is no resource script \"Mien\"", "-> did you mean \"Mine\"?", "1 failure, 0 warnings: heartbeatd would start, but not everything would work"}},
		{"refused", "ha.cf", "bogus\n", 2, []string{"FAIL  ha.cf:1:1 ", "heartbeatd would not start"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{}
			for k, v := range good {
				files[k] = v
			}
			if c.file != "" {
				files[c.file] = c.text
			}
			var stdout, stderr bytes.Buffer
			code := Check(checkDir(t, files), &stdout, &stderr)
			if code != c.code || stderr.Len() > 0 {
				t.Errorf("exit %d, want %d; standard error %q\n%s", code, c.code, stderr.String(), stdout.String())
			}
			for _, w := range c.want {
				if !strings.Contains(stdout.String(), w) {
					t.Errorf("want %q in\n%s", w, stdout.String())
				}
			}
			if strings.Contains(stdout.String(), "\x1b") {
				t.Error("escape sequences in a file")
			}
		})
	}
}

// TestCheckEmptyDirectory: three missing files, each with what to do.
func TestCheckEmptyDirectory(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := Check(t.TempDir(), &stdout, &stderr); code != 2 || strings.Count(stdout.String(), "FAIL") != 3 {
		t.Errorf("exit %d\n%s", code, stdout.String())
	}
}

// TestCheckReportLayout: aligned, folded, hostile text made harmless.
func TestCheckReportLayout(t *testing.T) {
	found := config.Findings{
		{Level: config.Warn, Pos: config.Pos{File: "/e/haresources", Line: 12, Col: 3}, Text: "first words of a text that is long \x1b[2J", Remedy: "do this and then do that"},
		{Level: config.OK, Pos: config.Pos{File: "/e/ha.cf"}, Text: "fine"},
		{Level: config.Info, Pos: config.Pos{File: "/e/ha.cf"}, Text: "not shown", Original: []string{"info: x"}},
	}
	got := screen.Encode(checkReport("/e", "a", found, 50), 0, false)
	want := `Configuration in /e, as a would read it

OK    ha.cf             fine
WARN  haresources:12:3  first words of a text that
                        is long ?[2J
                        -> do this and then do
                           that

0 failures, 1 warning
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestDefaultsAsRealDaemon compares directive, default and layout with
// heartbeat -D and -D -W; the descriptions are our own.
func TestDefaultsAsRealDaemon(t *testing.T) {
	const real = "/usr/libexec/heartbeat/heartbeat"
	if _, err := os.Stat(real); err != nil {
		t.Skip("needs the package heartbeat")
	}
	column := regexp.MustCompile(`^(\|\|.*?\|\|.*?\|\||\S+ +\S+ +)`)
	for _, opts := range [][]string{{"-D"}, {"-D", "-W"}} {
		out, err := exec.Command(real, opts...).Output()
		if err != nil {
			t.Fatal(err)
		}
		var ours bytes.Buffer
		HBDefaults(len(opts) == 2, &ours)
		cut := func(text string) []string {
			var lines []string
			for _, l := range strings.Split(text, "\n") {
				if opts[len(opts)-1] == "-W" && !strings.HasPrefix(l, "||") {
					l = "" // prose
				}
				lines = append(lines, column.FindString(l))
			}
			return lines
		}
		if a, b := cut(string(out)), cut(ours.String()); !slices.Equal(a, b) {
			t.Errorf("%v\nreal %q\nours %q", opts, a, b)
		}
	}
}
