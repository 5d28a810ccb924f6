package hlog

import (
	"encoding/json"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var at = time.Date(2026, 11, 21, 0, 25, 43, 120e6, time.UTC)

func rec(level Level, text string) *record {
	return &record{at: at, level: level, entity: "heartbeat", pid: 48, text: text}
}

func script(tag, text string) *record {
	return &record{at: at, level: ScriptLevel(text), entity: "heartbeat", pid: 48, tag: tag, text: text}
}

// The table of heartbeat-behaviour 1.1, cell by cell.
func TestFormsOfTheOriginal(t *testing.T) {
	syslogFmt := Config{Host: "node1", SyslogMsgFmt: true, Facility: 16 << 3}
	classic := Config{Host: "node1", Facility: 16 << 3}
	harc := ScriptTag("harc", "", 52)
	early := rec(Info, "TEXT")
	early.at = time.Date(2026, 3, 5, 4, 7, 9, 0, time.UTC)
	withKV := rec(Debug, "sent")
	withKV.kv = []string{"to", "node2", "bytes", "410"}
	infoKV := rec(Info, "sent")
	infoKV.kv = withKV.kv

	for _, c := range []struct {
		name string
		f    formatter
		r    *record
		want string
	}{
		{"logfile, syslogmsgfmt true", logFileStyle(syslogFmt), rec(Info, "TEXT"), "Nov 21 00:25:43 node1 heartbeat: [48]: info: TEXT\n"},
		{"day padded with a blank", logFileStyle(syslogFmt), early, "Mar  5 04:07:09 node1 heartbeat: [48]: info: TEXT\n"},
		{"logfile, syslogmsgfmt false", logFileStyle(classic), rec(Info, "TEXT"), "heartbeat[48]: 2026/11/21_00:25:43 info: TEXT\n"},
		{"debugfile, debug line", debugFileStyle(syslogFmt), rec(Debug, "TEXT"), "Nov 21 00:25:43 node1 heartbeat: [48]: debug: TEXT\n"},
		{"script in logfile", logFileStyle(syslogFmt), script(harc, "info: TEXT"), "2026/11/21_00:25:43  harc(default)[52]:    info: TEXT\n"},
		{"script in logfile, classic", logFileStyle(classic), script(harc, "info: TEXT"), "2026/11/21_00:25:43  harc(default)[52]:    info: TEXT\n"},
		{"script in debugfile", debugFileStyle(syslogFmt), script(harc, "info: TEXT"), "harc(default)[52]:\t2026/11/21_00:25:43 info: TEXT\n"},
		{"script on a terminal", stderrStyle(syslogFmt), script(harc, "info: TEXT"), "harc(default)[52]: info: TEXT\n"},
		{"daemon on stderr", stderrStyle(syslogFmt), rec(Error, "TEXT"), "Nov 21 00:25:43 node1 heartbeat: [48]: ERROR: TEXT\n"},
		{"syslog", syslogStyle(syslogFmt), rec(Info, "TEXT"), "<134>Nov 21 00:25:43 heartbeat: [48]: info: TEXT"},
		{"syslog warning", syslogStyle(syslogFmt), rec(Warn, "TEXT"), "<132>Nov 21 00:25:43 heartbeat: [48]: WARN: TEXT"},
		{"syslog debug", syslogStyle(syslogFmt), rec(Debug, "TEXT"), "<135>Nov 21 00:25:43 heartbeat: [48]: debug: TEXT"},
		{"syslog script, info: is notice", syslogStyle(syslogFmt), script(ScriptTag("harc", "", 51), "info: TEXT"), "<133>Nov 21 00:25:43 harc(default)[51]: info: TEXT"},
		{"syslog script ERROR", syslogStyle(syslogFmt), script(harc, "ERROR: bad"), "<131>Nov 21 00:25:43 harc(default)[52]: ERROR: bad"},
		{"syslog script INFO", syslogStyle(syslogFmt), script(ScriptTag("IPaddr2", "IPaddr2_192.168.77.51", 1621), "INFO:  Success"), "<134>Nov 21 00:25:43 IPaddr2(IPaddr2_192.168.77.51)[1621]: INFO:  Success"},
		{"plugin", logFileStyle(syslogFmt), rec(Info, "glib: ping heartbeat started."), "Nov 21 00:25:43 node1 heartbeat: [48]: info: glib: ping heartbeat started.\n"},
		{"control characters cannot forge lines", logFileStyle(classic), rec(Error, "Auth line [hello\n] is\tinvalid\r\x1b[2J\x7f"), "heartbeat[48]: 2026/11/21_00:25:43 ERROR: Auth line [hello\\n] is\tinvalid\\r\\x1b[2J\\x7f\n"},
		{"pairs on debug lines", logFileStyle(classic), withKV, "heartbeat[48]: 2026/11/21_00:25:43 debug: sent to=node2 bytes=410\n"},
		{"no pairs on others", logFileStyle(classic), infoKV, "heartbeat[48]: 2026/11/21_00:25:43 info: sent\n"},
		{"json", jsonStyle(syslogFmt), infoKV, `{"time":"2026-11-21T00:25:43.12Z","level":"info","host":"node1","entity":"heartbeat","pid":48,"text":"sent","to":"node2","bytes":"410"}` + "\n"},
		{"json script", jsonStyle(syslogFmt), script(harc, `<"a">`), `{"time":"2026-11-21T00:25:43.12Z","level":"notice","host":"node1","script":"harc(default)[52]","text":"<\"a\">"}` + "\n"},
	} {
		got := string(c.f(nil, c.r))
		if got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestJSONStaysValidForAnyBytes(t *testing.T) {
	r := rec(Crit, "a\xff\x00\n\"\\")
	line := jsonStyle(Config{})(nil, r)
	var v map[string]any
	if err := json.Unmarshal(line, &v); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if v["level"] != "CRIT" {
		t.Errorf("level = %v, want CRIT", v["level"])
	}
}

func TestLevelWords(t *testing.T) {
	want := []string{"EMERG", "ALERT", "CRIT", "ERROR", "WARN", "notice", "info", "debug"}
	for i, w := range want {
		l := Level(i)
		if l.String() != w || l.severity() != i {
			t.Errorf("level %d: word %q severity %d, want %q %d", i, l, l.severity(), w, i)
		}
		if got, ok := ParseLevel(w); !ok || got != l {
			t.Errorf("ParseLevel(%q) = %v %v, want %v", w, got, ok, l)
		}
	}
	if l, ok := ParseLevel("Warning"); !ok || l != Warn {
		t.Errorf("ParseLevel(Warning) = %v %v", l, ok)
	}
	if _, ok := ParseLevel("loud"); ok {
		t.Error("ParseLevel(loud) was accepted")
	}
}

func TestFacilities(t *testing.T) {
	for name, want := range map[string]Facility{"kern": 0, "daemon": 24, "local0": 128, "LOCAL7": 184, "authpriv": 80, "none": NoFacility} {
		if got, ok := ParseFacility(name); !ok || got != want {
			t.Errorf("ParseFacility(%q) = %v %v, want %v", name, int(got), ok, int(want))
		}
	}
	if _, ok := ParseFacility("bogus"); ok {
		t.Error("bogus was accepted")
	}
	if Facility(128).String() != "local0" || NoFacility.String() != "none" || Facility(32).String() != "auth" {
		t.Error("names do not match numbers")
	}
}
