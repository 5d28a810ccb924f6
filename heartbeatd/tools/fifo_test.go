package tools

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fifoReader makes a FIFO that HA_FIFO names and a reader for it, as the
// daemon's. read returns what was written.
func fifoReader(t *testing.T) (read func() string) {
	t.Helper()
	for _, name := range []string{"HA_LOGFILE", "HA_DEBUGLOG", "HA_LOGFACILITY", "HA_DATEFMT", "HA_LOGTAG"} {
		t.Setenv(name, "")
	}
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HA_FIFO", path)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return func() string {
		b := make([]byte, 65536)
		n, err := unix.Read(fd, b)
		if err != nil && err != unix.EAGAIN {
			t.Fatal(err)
		}
		return string(b[:max(n, 0)])
	}
}

// heartbeat-behaviour 4, and the texts of the original scripts.
func TestFIFOCommands(t *testing.T) {
	read := fifoReader(t)
	const standbyUsage = "/usr/share/heartbeat/hb_standby [all|foreign|local|failback]\n"
	const takeoverUsage = "/usr/share/heartbeat/hb_takeover [all|foreign|local|failback]\n"
	commands := map[string]func([]string, *bytes.Buffer, *bytes.Buffer) int{
		"hb_standby":   func(a []string, o, e *bytes.Buffer) int { return HbStandby(a, o, e) },
		"hb_takeover":  func(a []string, o, e *bytes.Buffer) int { return HbTakeover(a, o, e) },
		"hb_addnode":   func(a []string, o, e *bytes.Buffer) int { return HbAddnode(a, o, e) },
		"hb_delnode":   func(a []string, o, e *bytes.Buffer) int { return HbDelnode(a, o, e) },
		"hb_setweight": func(a []string, o, e *bytes.Buffer) int { return HbSetweight(a, o, e) },
		"hb_setsite":   func(a []string, o, e *bytes.Buffer) int { return HbSetsite(a, o, e) },
	}
	for _, c := range []struct {
		line           string
		message        string // without >>> and <<<
		code           int
		stdout, stderr string // stderr without the date of the log line
	}{
		{"hb_standby", "t=ask_resources rsc_hold=all info=me", 0, "", "Going standby [all].\n"},
		{"hb_standby foreign", "t=ask_resources rsc_hold=foreign info=me", 0, "", "Going standby [foreign].\n"},
		{"hb_standby local", "t=ask_resources rsc_hold=local info=me", 0, "", "Going standby [local].\n"},
		{"hb_standby failback", "t=ask_resources rsc_hold=foreign info=me", 0, "", "Going standby [foreign].\n"},
		{"hb_standby bogus", "", 1, "/usr/share/heartbeat/hb_standby: wrong resources(bogus).\nusage:\n", standbyUsage},
		{"hb_standby all all", "", 1, "/usr/share/heartbeat/hb_standby: too many arguments\nusage:\n", standbyUsage},
		{"hb_standby --help", "", 1, "usage:\n", standbyUsage},
		{"hb_takeover", "t=hb_takeover rsc_hold=all", 0, "", ""},
		{"hb_takeover failback", "t=hb_takeover rsc_hold=failback", 0, "", ""},
		{"hb_takeover bogus", "", 1, "/usr/share/heartbeat/hb_takeover: wrong resources(bogus).\nusage:\n", takeoverUsage},
		{"hb_takeover --help", "", 1, "usage:\n", takeoverUsage},
		{"hb_addnode a b", "t=addnode nodelist=a|b", 0, "", ""},
		{"hb_addnode", "", 1, "usage: hb_addnode <node> <node> ...\n", ""},
		{"hb_delnode --help", "", 1, "usage: hb_delnode <node> <node> ...\n", ""},
		{"hb_delnode a", "t=delnode nodelist=a", 0, "", ""},
		{"hb_setweight a 50", "t=setweight node=a weight=50", 0, "", ""},
		{"hb_setweight a", "", 1, "usage: hb_setweight <node> <weight>\n", ""},
		{"hb_setsite a here", "t=setsite node=a site=here", 0, "", ""},
		{"hb_setsite", "", 1, "usage: hb_setsite <node> <site>\n", ""},
	} {
		words := strings.Fields(c.line)
		var stdout, stderr bytes.Buffer
		code := commands[words[0]](words[1:], &stdout, &stderr)
		gotErr := stderr.String()
		if i := strings.Index(gotErr, "Going"); i >= 0 {
			gotErr = gotErr[i:]
		}
		if code != c.code || stdout.String() != c.stdout || gotErr != c.stderr {
			t.Errorf("%s: %d %q %q, want %d %q %q", c.line, code, stdout.String(), gotErr, c.code, c.stdout, c.stderr)
		}
		want := ""
		if c.message != "" {
			want = ">>>\n" + strings.ReplaceAll(strings.ReplaceAll(c.message, " ", "\n"), "|", " ") + "\n<<<\n"
		}
		if got := read(); got != want {
			t.Errorf("%s: the FIFO got %q, want %q", c.line, got, want)
		}
	}
}

func TestClustermsg(t *testing.T) {
	read := fifoReader(t)
	for _, c := range []struct{ in, out, complaint string }{
		{"\tt=ask_resources\n\trsc_hold=all\n\n\tinfo=me\n", ">>>\nt=ask_resources\nrsc_hold=all\ninfo=me\n<<<\n", ""},
		{">>>\nt=x\nv=a=b c \n<<<\n", ">>>\nt=x\nv=a=b c \n<<<\n", ""},
		{"t=x\nrubbish\n", "", `"rubbish" is not name=value`},
		{"v=1\n", "", "no type"},
		{"", "", "no type"},
		{"t=x\nv=" + strings.Repeat("y", 510) + "\n", "", "field v has 512 bytes: at most 511"},
		{"t=x\n" + strings.Repeat("v=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n", 120), "", "bytes: at most 4096"},
		{"t=x\n(2)k=y\n", "", "malformed"},
	} {
		var stdout, stderr bytes.Buffer
		code := HaClustermsg(nil, strings.NewReader(c.in), &stdout, &stderr)
		if got := read(); got != c.out {
			t.Errorf("%.40q: the FIFO got %q, want %q", c.in, got, c.out)
		}
		if (code != 0) != (c.complaint != "") || !strings.Contains(stderr.String(), c.complaint) {
			t.Errorf("%.40q: %d %q, want %q", c.in, code, stderr.String(), c.complaint)
		}
	}
}

// Without a daemon the commands say so at once instead of waiting on the FIFO.
func TestNoDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	t.Setenv("HA_FIFO", path)
	for _, state := range []string{"no FIFO", "FIFO without reader"} {
		var stdout, stderr bytes.Buffer
		code := HbStandby(nil, &stdout, &stderr)
		want := "hb_standby: heartbeat is not running on this machine (nothing reads " + path + "): start it first\n"
		if code != 1 || stderr.String() != want {
			t.Errorf("%s: %d %q, want 1 %q", state, code, stderr.String(), want)
		}
		if state == "no FIFO" {
			if err := unix.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// heartbeat-behaviour 1.1: where a script's line goes.
func TestScriptLog(t *testing.T) {
	if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err == nil {
		t.Skip("standard input is a terminal: lines go there")
	}
	read := fifoReader(t)
	dir := t.TempDir()
	logFile, debugFile := filepath.Join(dir, "ha-log"), filepath.Join(dir, "ha-debug")
	t.Setenv("HA_LOGFILE", logFile)
	t.Setenv("HA_DEBUGLOG", debugFile)
	var stdout, stderr bytes.Buffer
	if code := HbStandby([]string{"local"}, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Errorf("%d %q", code, stderr.String())
	}
	read()
	stamp := `^[0-9]{4}/[0-9]{2}/[0-9]{2}_[0-9:]{8}`
	for path, want := range map[string]string{
		logFile:   stamp + `  hb_standby\(default\)\[[0-9]+\]:    Going standby \[local\]\.\n$`,
		debugFile: `^hb_standby\(default\)\[[0-9]+\]:\t` + stamp[1:] + ` Going standby \[local\]\.\n$`,
	} {
		got, err := os.ReadFile(path)
		if err != nil || !matches(want, string(got)) {
			t.Errorf("%s: %q %v, want %s", path, got, err, want)
		}
	}
}

func matches(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }
