package config_test

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"classicha/drbdd/config"
)

// xmlOption is one option as drbdsetup-84 xml-help describes it.
type xmlOption struct {
	Name    string   `xml:"name,attr"`
	Type    string   `xml:"type,attr"`
	Min     string   `xml:"min"`
	Max     string   `xml:"max"`
	Default string   `xml:"default"`
	Prefix  string   `xml:"unit_prefix"`
	Unit    string   `xml:"unit"`
	Words   []string `xml:"handler"`
}

func helpOptions(t *testing.T, command string) []xmlOption {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors/drbdsetup-84-help.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Entries []struct {
			Argv   []string `json:"argv"`
			Stdout string   `json:"stdout"`
		} `json:"entries"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for _, e := range file.Entries {
		if slices.Equal(e.Argv, []string{"drbdsetup-84", "xml-help", command}) {
			var c struct {
				Options []xmlOption `xml:"option"`
			}
			if err := xml.Unmarshal([]byte(e.Stdout), &c); err != nil {
				t.Fatal(err)
			}
			return c.Options
		}
	}
	t.Fatalf("no xml-help %s", command)
	return nil
}

// TestTableIsThatOfDrbdsetup: ranges, defaults, units and words are those of the
// real drbdsetup.
func TestTableIsThatOfDrbdsetup(t *testing.T) {
	commandLine := []string{"tentative", "discard-my-data", "alternate-address", "alternate-peer-address"}
	seen := map[*config.OptionDef]bool{}
	for command, section := range map[string]config.Section{"attach": config.SectionDisk, "connect": config.SectionNet, "new-resource": config.SectionOptions} {
		for _, o := range helpOptions(t, command) {
			if slices.Contains(commandLine, o.Name) {
				continue
			}
			d := config.Lookup(section, o.Name)
			if d == nil {
				t.Errorf("%s: %s { %s } is not in the table", command, section, o.Name)
				continue
			}
			seen[d] = true
			want := config.OptionDef{Section: section, Name: o.Name}
			switch o.Type {
			case "numeric":
				want.Type = config.Number
				want.Min, _ = strconv.ParseUint(o.Min, 10, 64)
				want.Max, _ = strconv.ParseUint(o.Max, 10, 64)
			case "boolean":
				want.Type = config.Bool
			case "handler":
				want.Type = config.Enum
			case "string":
				want.Type = config.String
			}
			if o.Name == "resync-after" { // a name in the file, a minor for drbdsetup
				if d.Type != config.String {
					t.Errorf("resync-after is a %s", d.Type)
				}
				continue
			}
			if d.Type != want.Type || d.Min != want.Min || d.Max != want.Max || !slices.Equal(d.Words, o.Words) {
				t.Errorf("%s { %s }: table %s %d..%d %q, drbdsetup %s %s..%s %q", section, o.Name, d.Type, d.Min, d.Max, d.Words, o.Type, o.Min, o.Max, o.Words)
			}
			if o.Default != "" && d.Default != o.Default {
				t.Errorf("%s { %s }: default %q, drbdsetup %q", section, o.Name, d.Default, o.Default)
			}
			if prefix := map[string]config.Unit{"s": config.Sector, "k": config.KiB, "1": config.Plain, "": config.Plain}[o.Prefix]; d.Unit != prefix {
				t.Errorf("%s { %s }: unit %d, drbdsetup %q", section, o.Name, d.Unit, o.Prefix)
			}
			if o.Unit != "" && d.Quantity != "" && d.Quantity != o.Unit && d.Quantity+"/second" != o.Unit {
				t.Errorf("%s { %s }: counts %q, drbdsetup %q", section, o.Name, d.Quantity, o.Unit)
			}
		}
	}
	for _, d := range config.Options() {
		own := d.Section != config.SectionDisk && d.Section != config.SectionNet && d.Section != config.SectionOptions || d.Name == "use-bmbv"
		if !own && !seen[d] {
			t.Errorf("%s { %s } is unknown to drbdsetup", d.Section, d.Name)
		}
	}
}

// TestTableIsComplete: the planner and the manual pages rely on every field.
func TestTableIsComplete(t *testing.T) {
	for _, d := range config.Options() {
		if d.Meaning == "" || d.Since == "" || d.Unit == 0 || d.Section == config.SectionNone {
			t.Errorf("a row with holes: %+v", d)
		}
		if d.Type == config.Enum && !slices.Contains(d.Words, d.Default) {
			t.Errorf("%s: the default %q is not one of %q", d.Name, d.Default, d.Words)
		}
		if n, err := config.ParseNumber(d.Default, d.Unit); d.Type == config.Number && d.Default != "" && (err != nil || n < d.Min || n > d.Max) {
			t.Errorf("%s: the default %q is out of %d..%d", d.Name, d.Default, d.Min, d.Max)
		}
		if config.Lookup(d.Section, d.Name) != d {
			t.Errorf("%s { %s } is there twice", d.Section, d.Name)
		}
	}
	for _, o := range config.OldWords() {
		if o.Meaning == "" || o.Since == "" || o.Until == "" || config.LookupOld(o.Section, o.Name).Meaning != o.Meaning {
			t.Errorf("a row with holes, or twice: %+v", o)
		}
		if o.ToName != "" && config.Lookup(o.To, o.ToName) == nil {
			t.Errorf("%s became %s { %s }, which is not in the table", o.Name, o.To, o.ToName)
		}
	}
}

// TestOptionsOfTheRealTool: each option in each section, with no value, a huge
// one, a word, a keyword and two values, does what the real drbdadm was seen to
// do.
func TestOptionsOfTheRealTool(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors/options.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Sections map[string]map[string]map[string][2]any `json:"sections"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	n := 0
	for section, options := range file.Sections {
		for option, values := range options {
			for value, want := range values {
				n++
				text := "resource r0 { " + section + " { " + strings.TrimSpace(option+" "+value) + "; } }\n"
				conf, found := config.Parse("F", []byte(text), config.Env{Hostname: "x", DumpOnly: true})
				stderr, exit := found.Original()
				said := stderr
				if exit == 0 {
					_, sections, _ := strings.Cut(conf.Dump("x", config.DumpPlain), "resource r0 {\n")
					said = strings.TrimSpace(strings.TrimSuffix(strings.Join(strings.Fields(sections), " "), "}"))
				}
				if w := want[1].(string); exit != int(want[0].(float64)) || said != w {
					t.Errorf("%swant exit %v %q, got %d %q", text, want[0], w, exit, said)
				}
			}
		}
	}
	if n < 500 {
		t.Errorf("only %d cases", n)
	}
}
