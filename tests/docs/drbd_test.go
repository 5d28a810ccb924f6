package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"classicha/drbdd/config"
	"classicha/drbdd/daemon"
)

// builtDRBD is drbdd, built once for all tests, with a link for each of its names.
var builtDRBD struct {
	sync.Once
	dir string
	err error
}

func drbdProgram(t *testing.T, name string) string {
	t.Helper()
	builtDRBD.Do(func() {
		if builtDRBD.dir, builtDRBD.err = os.MkdirTemp("", "docs-test-"); builtDRBD.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", builtDRBD.dir, "../../drbdd").CombinedOutput()
		if err != nil {
			builtDRBD.err = fmt.Errorf("%w: %s", err, out)
			return
		}
		for _, n := range []string{"drbdadm", "drbdsetup", "drbdmeta", "drbd-overview"} {
			if err := os.Symlink("drbdd", filepath.Join(builtDRBD.dir, n)); err != nil {
				builtDRBD.err = err
			}
		}
	})
	if builtDRBD.err != nil {
		t.Fatal(builtDRBD.err)
	}
	return filepath.Join(builtDRBD.dir, name)
}

// say runs a command that only prints something.
func say(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(drbdProgram(t, name), args...)
	cmd.Env = append(os.Environ(), "HA_EMERGENCY=log", "DRBDD_SOCKET="+t.TempDir()+"/none")
	out, _ := cmd.CombinedOutput() // wrong usage ends with an exit code of its own
	return string(out)
}

// literals are the string literals that stand behind a key (name: "up"), in a slot of
// calls of a function (minor("primary")), or are keys of a map, in a file below drbdd.
func literals(t *testing.T, file string, keep func(n ast.Node) ast.Expr) (out []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("../../drbdd", file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := keep(n).(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, _ := strconv.Unquote(lit.Value)
			out = append(out, s)
		}
		return true
	})
	return out
}

// behindName is the value of name: "..." in a literal.
func behindName(n ast.Node) ast.Expr {
	if kv, ok := n.(*ast.KeyValueExpr); ok {
		if id, ok := kv.Key.(*ast.Ident); ok && (id.Name == "name" || id.Name == "Name") {
			return kv.Value
		}
	}
	return nil
}

// firstOf is the first argument of the calls of some functions.
func firstOf(functions ...string) func(ast.Node) ast.Expr {
	return func(n ast.Node) ast.Expr {
		if c, ok := n.(*ast.CallExpr); ok && len(c.Args) > 0 {
			if id, ok := c.Fun.(*ast.Ident); ok && slices.Contains(functions, id.Name) {
				return c.Args[0]
			}
		}
		return nil
	}
}

// tags are the words of the tags of a page in some sections.
func tags(p *manPage, sections ...string) (words []string) {
	for _, e := range p.entries {
		if slices.Contains(sections, e.section) {
			words = append(words, strings.FieldsFunc(e.tag, func(r rune) bool { return strings.ContainsRune(" ,=|[]", r) })...)
		}
	}
	return words
}

// TestEveryNameOfDrbddHasAPage: of main.go's table, and in SYNOPSIS.
func TestEveryNameOfDrbddHasAPage(t *testing.T) {
	names := literals(t, "main.go", func(n ast.Node) ast.Expr {
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			return kv.Key
		}
		return nil
	})
	if len(names) < 7 {
		t.Fatalf("names of main.go: %q", names)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`(?m)^DRBD_COMMANDS *= *(.*)$`).FindSubmatch(makefile)
	if links == nil {
		t.Fatal("Makefile has no DRBD_COMMANDS")
	}
	linked := strings.Fields(string(links[1]))
	for _, name := range append(names, "drbdd") {
		if name == "keeper" { // no command: the daemon starts it
			if !mentions(page(t, "drbdd.8"), name) {
				t.Error("drbdd.8 does not mention the keeper")
			}
			continue
		}
		if name != "drbdd" && !slices.Contains(linked, name) {
			t.Errorf("make does not link %s", name)
		}
		file := filepath.Join(manDir, name+".8")
		if to := linkOf(t, file); to != "" {
			file = filepath.Join(manDir, filepath.Base(to))
		}
		if p := readPage(t, file); !strings.Contains(p.text["NAME"], name) {
			t.Errorf("%s: NAME does not mention %s", p.file, name)
		}
	}
	for _, name := range linked {
		if !slices.Contains(names, name) {
			t.Errorf("make links %s, which drbdd does not dispatch on", name)
		}
	}
}

// confSections of drbd.conf.5 by the section of the file.
var confSections = map[config.Section]string{
	config.SectionNet: "SECTION NET", config.SectionDisk: "SECTION DISK", config.SectionOptions: "SECTION OPTIONS", config.SectionStartup: "SECTION STARTUP",
	config.SectionHandlers: "SECTION HANDLERS", config.SectionGlobal: "SECTION GLOBAL", config.SectionProxy: "SECTION PROXY",
}

// entryOf is the one entry of a page for a word in a section.
func entryOf(t *testing.T, p *manPage, section, word string) manEntry {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(p.find(word)), func(e manEntry) bool { return e.section != section })
	if len(found) != 1 {
		t.Errorf("%s: %d entries for %s in %s, want one", p.file, len(found), word, section)
		return manEntry{}
	}
	return found[0]
}

// TestOptionsOfDrbdConf: each has an entry with the range and the default that the
// table has and an example that is accepted, and nothing else is called an option.
func TestOptionsOfDrbdConf(t *testing.T) {
	p := page(t, "drbd.conf.5")
	env := config.Env{Hostname: "serv-a"}
	const hosts = "on serv-a { device /dev/drbd0; disk /dev/x; meta-disk internal; address 10.0.0.1:7788; %s }\n" +
		"on serv-b { device /dev/drbd0; disk /dev/x; meta-disk internal; address 10.0.0.2:7788; %s }\n"
	counted := map[string]int{}
	for _, o := range config.Options() {
		section := confSections[o.Section]
		counted[section]++
		e := entryOf(t, p, section, o.Name)
		if e.tag == "" {
			continue
		}
		text := e.text
		if o.Type == config.Number {
			if want := fmt.Sprintf("From %d to %d", o.Min, o.Max); !strings.Contains(text, want) {
				t.Errorf("%s: %q does not say %q", o.Name, text, want)
			}
		}
		if o.Default != "" && !regexp.MustCompile(`(?i)default\s+`+regexp.QuoteMeta(o.Default)+`[\s.]`).MatchString(text) {
			t.Errorf("%s: %q does not say that %s is the default", o.Name, text, o.Default)
		}
		for _, w := range o.Words {
			if !strings.Contains(e.tag+" "+text, w) {
				t.Errorf("%s: the word %s is missing", o.Name, w)
			}
		}
		if !strings.Contains(text, "Since "+o.Since+".") {
			t.Errorf("%s: %q does not say that it is there since %s", o.Name, text, o.Since)
		}
		example := strings.ReplaceAll(e.example, `\(dq`, `"`)
		if !strings.HasPrefix(example, o.Name) {
			t.Errorf("%s: example %q", o.Name, example)
			continue
		}
		file := "global { usage-count no; }\n"
		in := fmt.Sprintf("%s { %s }\n", o.Section, example)
		switch o.Section {
		case config.SectionGlobal:
			file, in = "global { "+example+" }\n", ""
		case config.SectionProxy:
			in = "" // of a host
			const inside = "proxy on serv-a { inside 127.0.0.1:7790; outside 10.0.0.1:7791; options { %s } }"
			file += fmt.Sprintf("resource r0 {\nproxy { %s }\n"+hosts+"}\n", example, "", "")
		}
		if o.Section != config.SectionProxy {
			file += fmt.Sprintf("resource r0 {\n%s"+hosts+"}\nresource user { device /dev/drbd9; disk /dev/y; meta-disk internal; on serv-a { address 10.0.0.1:9; } on serv-b { address 10.0.0.2:9; } }\n", in, "", "")
		}
		if o.Name == "resync-after" {
			file = strings.ReplaceAll(file, "after r0", "after user")
		}
		if _, found := config.Parse("drbd.conf", []byte(file), env); len(found.AtLeast(config.Warn)) > 0 {
			t.Errorf("%s: %q: %s", o.Name, example, found.Lines())
		}
	}
	for _, o := range config.OldWords() {
		counted["OLDER WORDS"]++
		found := 0
		for _, e := range p.entries {
			if e.section == "OLDER WORDS" && e.tag == o.Name && strings.HasPrefix(e.text, fmt.Sprintf("In %s, %s to %s.", o.Section, o.Since, o.Until)) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s of %s, %s to %s: %d entries, want one", o.Name, o.Section, o.Since, o.Until, found)
		}
	}
	for section, want := range counted {
		n := 0
		for _, e := range p.entries {
			if e.section == section {
				n++
			}
		}
		if n != want {
			t.Errorf("%s has %d entries, the parser knows %d", section, n, want)
		}
	}
}

// TestExampleOfDrbdConf: the file in the page is free of warnings.
func TestExampleOfDrbdConf(t *testing.T) {
	lines := page(t, "drbd.conf.5").code["EXAMPLE"]
	for _, host := range []string{"serv-a", "serv-b"} {
		c, found := config.Parse("drbd.conf", []byte(strings.Join(lines, "\n")+"\n"), config.Env{Hostname: host})
		if len(found) > 0 || c == nil || len(c.Resources) != 1 || c.Resources[0].Ignored {
			t.Errorf("on %s: %s", host, found.Lines())
		}
	}
}

// TestWordsOfDrbddCf: every word has one entry with its default and an example that is
// accepted, and nothing else is a word.
func TestWordsOfDrbddCf(t *testing.T) {
	p := page(t, "drbdd.cf.5")
	for _, name := range daemon.SettingNames() {
		e := entryOf(t, p, "WORDS", name)
		set := daemon.DefaultSettings()
		if err := daemon.ParseSettings("drbdd.cf", []byte(e.example+"\n"), &set); err != nil || !strings.HasPrefix(e.example, name+" ") {
			t.Errorf("%s: example %q: %v", name, e.example, err)
		}
		deflt := regexp.MustCompile(`Default (\S+)\.`).FindStringSubmatch(e.text)
		if deflt == nil {
			if !strings.Contains(e.text, "Without it") {
				t.Errorf("%s: neither a default nor what is so without it", name)
			}
			continue
		}
		set = daemon.DefaultSettings()
		if err := set.Set(name, deflt[1]); err != nil || set != daemon.DefaultSettings() {
			t.Errorf("%s: %s is not the default: %v", name, deflt[1], err)
		}
	}
	if n := len(p.entries); n != len(daemon.SettingNames()) {
		t.Errorf("drbdd.cf.5 has %d entries, there are %d words", n, len(daemon.SettingNames()))
	}
	set := daemon.DefaultSettings()
	if err := daemon.ParseSettings("drbdd.cf", []byte(strings.Join(p.code["EXAMPLE"], "\n")), &set); err != nil {
		t.Error(err)
	}
}
