package config_test

import (
	"strings"
	"testing"

	"classicha/drbdd/config"
)

const twoHosts = `
  on alpha { device /dev/drbd0; disk /dev/sda1; address 10.0.0.1:7788; meta-disk internal; }
  on bravo { device /dev/drbd0; disk /dev/sdb1; address 10.0.0.2:7788; meta-disk internal; }
`

// inResource is a configuration of one resource r0 with two hosts; the first
// line of body is line 2.
func inResource(body string) string { return "resource r0 {\n" + body + twoHosts + "}\n" }

func parse(text string) (*config.Config, config.Findings) {
	return config.Parse("/etc/drbd.conf", []byte(text), config.Env{Hostname: "alpha"})
}

// accepted parses a text that must not be refused.
func accepted(t testing.TB, text string) (*config.Config, config.Findings) {
	t.Helper()
	conf, found := parse(text)
	if found.Refused() {
		t.Fatalf("refused:\n%s\n%s", found.Lines(), text)
	}
	return conf, found
}

func mentions(fs config.Findings, l config.Level, text string) bool {
	for _, f := range fs {
		if f.Level == l && strings.Contains(f.Sentence(), text) {
			return true
		}
	}
	return false
}

// TestOldWords: every word of older versions is read in its section, goes to
// today's place and says what became of it (drbd-config 4.3, 6, 7).
func TestOldWords(t *testing.T) {
	for _, o := range config.OldWords() {
		value := map[config.Type]string{config.Number: "1", config.Enum: "reconnect", config.Hosts: "bravo"}[o.Type]
		d := config.Lookup(o.To, o.ToName)
		if d != nil {
			value = "x"
			switch {
			case o.Invert:
				value = ""
			case d.Name == "resync-after":
				value = "r0"
			case d.Type == config.Number:
				value = "300"
			case d.Type == config.Bool:
				value = "no"
			case d.Type == config.Enum:
				value = d.Words[0]
			case d.Name == "cpu-mask":
				value = "f"
			}
		}
		if d != nil && d.Name == "c-plan-ahead" || d != nil && d.Name == "c-delay-target" {
			value = "7"
		}
		statement := o.Name + " " + value + ";"
		body := statement
		switch o.Section {
		case config.SectionGlobal, config.SectionHost:
			continue // see below
		case config.SectionResource:
			if o.Name == "syncer" {
				body = "syncer { }"
			}
		default:
			body = o.Section.String() + " { " + statement + " }"
		}
		conf, found := accepted(t, inResource(body))
		if d != nil {
			got, ok := config.Last(conf.Resources[0].Section(o.To), o.ToName)
			want := value
			if o.Invert {
				want = "no"
			}
			if !ok || got.Value != want || got.Pos.Line != 2 {
				t.Errorf("%s: %s { %s } is %+v, want %q", body, o.To, o.ToName, got, want)
			}
		}
		if o.Name != "syncer" && len(found) == 0 {
			t.Errorf("%s: nothing is said about it", body)
		}
		if _, exit := found.Original(); (exit == 0) != o.Accepted {
			t.Errorf("%s: accepted by 8.4 is %v, exit code of the original %d", body, o.Accepted, exit)
		}
	}
}

// TestEarlySeven: the forms of 0.7 that are no options of a section.
func TestEarlySeven(t *testing.T) {
	conf, found := accepted(t, "global { disable-io-hints; minor-count 2; }\n"+`resource r0 {
  skip old stuff { protocol X; }
  protocol "c";
  disk { on-io-error panic; size 2000; }
  net { sndbuf-size 131070; on-disconnect stand_alone; }
  syncer { group 1; rate 10m; }
  on alpha { device /dev/drbd0; disk /dev/sda1; address 10.0.0.1; port 7788; meta-disk /dev/md; meta-index 3; }
  on bravo { device /dev/drbd0; disk /dev/sda1; address 10.0.0.2:7788; meta-disk /dev/md [3]; }
}
resource r1 { protocol A; syncer { group 0; }
  on alpha { device /dev/drbd1; disk /dev/sda2; address 10.0.0.1:7789; meta-disk internal; }
  on bravo { device /dev/drbd1; disk /dev/sda2; address 10.0.0.2:7789; meta-disk internal; }
}
`)
	r := conf.Resource("r0")
	if v := r.Me.Volumes[0]; r.Me.Address.Setup() != "ipv4:10.0.0.1:7788" || v.MetaIndex != "3" {
		t.Errorf("port and meta-index as statements: %s, slot %s", r.Me.Address.Setup(), v.MetaIndex)
	}
	if r.OnDisconnect != "stand_alone" || conf.Protocol(r) != "C" {
		t.Errorf("on-disconnect %q protocol %q", r.OnDisconnect, conf.Protocol(r))
	}
	if got := last(t, r.Disk, "resync-after"); got != "r1" {
		t.Errorf("group 1 waits for the last of group 0: resync-after %q", got)
	}
	if _, set := config.Last(conf.Resource("r1").Disk, "resync-after"); set {
		t.Error("the first group waits for nobody")
	}
	for _, w := range []string{":1: disable-io-hints", ":3: skip within", ":6: on-disconnect", ":7: group", ":8: the address has its port", ":8: meta-index", "size 2000 is taken for sectors"} {
		if !mentions(found, config.Warn, w) {
			t.Errorf("no warning %q in %q", w, sentences(found))
		}
	}
}

// TestInconDegrCmd: the handler of today goes before (drbd-config 7).
func TestInconDegrCmd(t *testing.T) {
	conf, found := accepted(t, inResource("incon-degr-cmd old; handlers { pri-on-incon-degr new; }"))
	if got := last(t, conf.Resources[0].Handlers, "pri-on-incon-degr"); got != "new" || !mentions(found, config.Warn, "no effect beside the handler") {
		t.Errorf("handler %q, %q", got, sentences(found))
	}
}

// TestCase: keywords may have capitals, with a warning (drbd-config 7), values
// and names may not.
func TestCase(t *testing.T) {
	conf, found := accepted(t, `Resource r0 { Protocol C; Net { Timeout 50; Allow-Two-Primaries YES; }
  On alpha { Device /dev/drbd0; Disk /dev/sda1; ADDRESS IPv4 10.0.0.1:7788; Meta-Disk internal; }
  on Alpha { device /dev/drbd0; disk /dev/sda1; meta-disk internal; address 10.0.0.2:7788; }
}`)
	r := conf.Resources[0]
	if r.Me.Name() != "alpha" || r.Peer.Name() != "Alpha" || last(t, r.Net, "timeout") != "50" || last(t, r.Net, "allow-two-primaries") != "yes" {
		t.Errorf("%+v", r)
	}
	if n := len(found.AtLeast(config.Warn)); n != 12 {
		t.Errorf("want one warning for each of 12 capitals, got %q", sentences(found.AtLeast(config.Warn)))
	}
}

// TestOldRefused: what of 0.7 is wrong is still wrong.
func TestOldRefused(t *testing.T) {
	for body, want := range map[string]string{
		"net { on-disconnect maybe; }":  "one of 'reconnect|stand_alone|freeze_io' expected, not 'maybe'.",
		"syncer { group 1001; }":        "group 1001 => 1001 out of range [0..1000].",
		"syncer { rate 5000000; }":      "out of range",
		"incon-degr-cmd;":               "expected",
		"disk { on-io-error panic no }": "';' expected",
	} {
		if _, found := parse(inResource(body)); !found.Refused() || !strings.Contains(found.Lines(), want) || found.ExitCode() != config.ExitInvalid {
			t.Errorf("%s: want an error %q, got %q", body, want, found.Lines())
		}
	}
}
