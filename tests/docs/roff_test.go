package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const manDir = "../../docs/man"

// manPage is a manual page as far as the tests look at it.
type manPage struct {
	file    string
	title   string // ha.cf(5)
	entries []manEntry
	text    map[string]string   // section -> running text
	code    map[string][]string // section -> lines between .EX and .EE
	lines   []string
}

// manEntry is one .TP: its tag without fonts, the text below it, and the line
// that stands after "Example:".
type manEntry struct {
	section, tag, text, example string
}

// pages reads all pages that are not only links (.so) to another one.
func pages(t *testing.T) []*manPage {
	t.Helper()
	files, err := filepath.Glob(manDir + "/*.[1-9]")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manual pages in %s: %v", manDir, err)
	}
	var out []*manPage
	for _, f := range files {
		if linkOf(t, f) == "" {
			out = append(out, readPage(t, f))
		}
	}
	return out
}

// linkOf is the page that a page of one .so line stands for, as man8/NAME.8.
func linkOf(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	to, ok := strings.CutPrefix(string(data), ".so ")
	if !ok {
		return ""
	}
	return strings.TrimSpace(to)
}

func page(t *testing.T, name string) *manPage {
	t.Helper()
	return readPage(t, filepath.Join(manDir, name))
}

func readPage(t *testing.T, file string) *manPage {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := &manPage{file: filepath.Base(file), text: map[string]string{}, code: map[string][]string{}}
	p.lines = strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	section := ""
	var entry *manEntry
	tagNext, exampleNext, inCode := false, false, false
	for _, line := range p.lines {
		macro, args := "", []string(nil)
		if strings.HasPrefix(line, ".") {
			macro, args = splitMacro(line)
		}
		text := rendered(macro, args, line)
		switch {
		case macro == "TH":
			p.title = strings.ToLower(args[0]) + "(" + args[1] + ")"
		case macro == "SH" || macro == "SS":
			if macro == "SH" {
				section = strings.Join(args, " ")
			}
			entry = nil
		case macro == "EX" || macro == "EE":
			inCode = macro == "EX"
		case inCode:
			p.code[section] = append(p.code[section], plain(line))
		case macro == "TP":
			p.entries = append(p.entries, manEntry{section: section})
			entry, tagNext = &p.entries[len(p.entries)-1], true
		case tagNext:
			entry.tag, tagNext = text, false
		case macro == "PP" || macro == "RS" || macro == "RE":
			entry = nil
		case exampleNext:
			entry.example, exampleNext = text, false
		case entry != nil && text == "Example:":
			exampleNext = true
		case entry != nil:
			entry.text += text + " "
		default:
			p.text[section] += text + " "
		}
	}
	return p
}

// splitMacro takes ".BI ucast \" INTERFACE\"" apart.
func splitMacro(line string) (name string, args []string) {
	name, rest, _ := strings.Cut(line[1:], " ")
	for rest = strings.TrimLeft(rest, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		var arg string
		if rest[0] == '"' {
			arg, rest, _ = strings.Cut(rest[1:], "\"")
		} else {
			arg, rest, _ = strings.Cut(rest, " ")
		}
		args = append(args, arg)
	}
	return name, args
}

// rendered is a line as one reads it, without fonts.
func rendered(macro string, args []string, line string) string {
	switch macro {
	case "":
		return plain(line)
	case "B", "I":
		return plain(strings.Join(args, " "))
	case "BR", "RB", "BI", "IB", "IR", "RI":
		return plain(strings.Join(args, ""))
	}
	return ""
}

var (
	fontEscape = regexp.MustCompile(`\\f(.|\[[^]]*\]|\(..)`)
	escapes    = strings.NewReplacer(`\-`, "-", `\(aq`, "'", `\e`, `\`, `\~`, " ", `\&`, "")
)

func plain(s string) string { return escapes.Replace(fontEscape.ReplaceAllString(s, "")) }

// find returns the entries whose tag begins with a name.
func (p *manPage) find(name string) (out []manEntry) {
	for _, e := range p.entries {
		if e.tag == name || strings.HasPrefix(e.tag, name+" ") {
			out = append(out, e)
		}
	}
	return out
}

func TestRoffReader(t *testing.T) {
	f := filepath.Join(t.TempDir(), "x.5")
	text := ".TH X 5\n.SH A B\n.TP\n.BI ucast \" IF ADDR\"\nwords\n.BR more \" (5)\"\n.br\nExample:\n.B ucast \\-x\n.PP\nrest\n.EX\nl\\-1\n.EE\n"
	if err := os.WriteFile(f, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p := readPage(t, f)
	want := manEntry{section: "A B", tag: "ucast IF ADDR", text: "words more (5)  ", example: "ucast -x"}
	if len(p.entries) != 1 || p.entries[0] != want || p.title != "x(5)" || p.code["A B"][0] != "l-1" || p.text["A B"] != "rest " {
		t.Errorf("got %+v", p)
	}
}
