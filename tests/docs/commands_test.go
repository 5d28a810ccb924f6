package docs

import (
	"bytes"
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
)

const mainFile = "../../heartbeatd/main.go"

// commandNames are the names that heartbeatd dispatches on: the keys of its table.
func commandNames(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), mainFile, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"heartbeatd", "heartbeat"}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "commands" || len(spec.Values) != 1 {
			return true
		}
		if table, ok := spec.Values[0].(*ast.CompositeLit); ok {
			for _, e := range table.Elts {
				if key, ok := e.(*ast.KeyValueExpr).Key.(*ast.BasicLit); ok {
					name, _ := strconv.Unquote(key.Value)
					names = append(names, name)
				}
			}
		}
		return true
	})
	if len(names) < 10 {
		t.Fatalf("%s: its table of commands was not found: %q", mainFile, names)
	}
	return names
}

// TestEveryCommandHasAPage: a page of its name, which has it in NAME and SYNOPSIS.
func TestEveryCommandHasAPage(t *testing.T) {
	for _, name := range commandNames(t) {
		found, _ := filepath.Glob(filepath.Join(manDir, name+".[18]"))
		if len(found) != 1 {
			t.Errorf("%s has %d manual pages, want one", name, len(found))
			continue
		}
		file := found[0]
		if to := linkOf(t, file); to != "" {
			file = filepath.Join(manDir, filepath.Base(to))
		}
		p := readPage(t, file)
		for _, section := range []string{"NAME", "SYNOPSIS"} {
			// heartbeat and hb_check are other names, and stand in NAME or further down.
			if section == "SYNOPSIS" && (name == "heartbeat" || name == "hb_check") {
				continue
			}
			if !strings.Contains(p.text[section], name) && !(name == "hb_check" && mentions(p, name)) {
				t.Errorf("%s: %s does not mention %s", p.file, section, name)
			}
		}
	}
}

func mentions(p *manPage, word string) bool {
	return slices.ContainsFunc(p.lines, func(l string) bool { return strings.Contains(l, word) })
}

// TestLinkedPages: a page of one .so line leads to one that exists.
func TestLinkedPages(t *testing.T) {
	files, _ := filepath.Glob(manDir + "/*.[1-9]")
	for _, f := range files {
		to := linkOf(t, f)
		if to == "" {
			continue
		}
		section := to[len(to)-1:]
		if dir, base := filepath.Split(to); dir != "man"+section+"/" || !strings.HasSuffix(f, "."+section) {
			t.Errorf("%s: .so %s is not below man%s/", f, to, section)
		} else if _, err := os.Stat(filepath.Join(manDir, base)); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// built is heartbeatd, built once for all tests.
var built struct {
	sync.Once
	dir string
	err error
}

func program(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "docs-test-"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", built.dir, "../../heartbeatd").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "heartbeatd")
}

// ask runs a command with paths that lead nowhere, so that nothing can be started.
func ask(t *testing.T, bin string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), "HA_EMERGENCY=log", "HA_CONFDIR="+dir, "HA_VARLIB="+dir, "HA_VARRUN="+dir, "HA_PIDFILE="+dir+"/pid",
		"HA_FIFO="+dir+"/fifo", "HA_REGISTER="+dir+"/register")
	out, _ := cmd.CombinedOutput() // wrong usage ends with an exit code of its own
	return string(out)
}

// option is what a tag of an entry says: "-i SECONDS, --interval=SECONDS".
var option = regexp.MustCompile(`(?:^|, )(--?[A-Za-z0-9][a-z]*)([ =][A-Z]+)?`)

// TestOptionsExist: the program knows every option that a page documents. An option
// that it does not know follows behind, so that it never gets beyond its command line.
func TestOptionsExist(t *testing.T) {
	bin := program(t)
	commands := map[string][]string{ // page -> commands that share its options
		"heartbeatd.8": {"heartbeat"}, "hb_mon.8": {"hb_mon"}, "send_arp.8": {"send_arp", "send_ua", "findif", "hb_whohas", "hb_wake"},
		"hb_tools.8": {"hb_check", "hb_addnode", "hb_delnode", "hb_setweight", "hb_setsite"},
	}
	for file, names := range commands {
		documented := 0
		for _, e := range page(t, file).entries {
			if e.section != "OPTIONS" {
				continue
			}
			for _, m := range option.FindAllStringSubmatch(e.tag, -1) {
				documented++
				for _, name := range names {
					if len(names) > 1 && !strings.Contains(e.text, name+" ") && !strings.Contains(e.text, name+",") && !strings.Contains(e.text, name+":") {
						continue // of another command of the page
					}
					if out := tryOption(t, bin, name, m[1], m[2]); out != "" {
						t.Errorf("%s: %s does not know %s: %s", file, name, m[1], out)
					}
				}
			}
		}
		if documented < 2 {
			t.Errorf("%s: %d options found in OPTIONS", file, documented)
		}
	}
	if out := tryOption(t, bin, "hb_mon", "-y", ""); out == "" {
		t.Error("hb_mon -y should have been refused: this test proves nothing")
	}
}

// tryOption returns what the program complains about, if it is this option.
func tryOption(t *testing.T, bin, name, opt, arg string) string {
	t.Helper()
	args := []string{name, opt}
	switch {
	case strings.HasPrefix(arg, "="):
		args[1] += "=1"
	case arg != "":
		args = append(args, "1")
	}
	if opt == "--check" || opt == "--help" && name != "heartbeat" && name != "hb_mon" {
		out := ask(t, bin, args...)
		if !strings.Contains(strings.ToLower(out), "configuration in") && !strings.HasPrefix(out, "usage:") {
			return out
		}
		return ""
	}
	if name == "hb_check" {
		if out := ask(t, bin, args...); strings.Contains(out, "usage:") {
			return out
		}
		return ""
	}
	out := ask(t, bin, append(args, "-Z")...)
	for _, complaint := range []string{"invalid option -- '" + strings.TrimLeft(opt, "-") + "'", "unrecognized option '" + opt, "requires an argument", "doesn't allow"} {
		if strings.Contains(out, complaint) {
			return out
		}
	}
	return ""
}

// TestOptionsAreDocumented: what a command's own usage names stands in its page.
func TestOptionsAreDocumented(t *testing.T) {
	bin := program(t)
	check := func(file string, opts []string) {
		t.Helper()
		p := page(t, file)
		for _, o := range opts {
			re := regexp.MustCompile(`(^|[ ,])` + regexp.QuoteMeta(o) + `([ ,=]|$)`)
			if !slices.ContainsFunc(p.entries, func(e manEntry) bool { return re.MatchString(e.tag) }) {
				t.Errorf("%s: %s is not documented", file, o)
			}
		}
	}
	letters := regexp.MustCompile(`\[-([A-Za-z]+)\]`).FindStringSubmatch(ask(t, bin, "heartbeat", "-Z"))
	if letters == nil {
		t.Fatal("the usage of heartbeat has no list of options")
	}
	opts := []string{"-C", "--check"}
	for _, c := range letters[1] {
		opts = append(opts, fmt.Sprintf("-%c", c))
	}
	check("heartbeatd.8", opts)
	opts = nil
	for _, m := range regexp.MustCompile(`(?m)^ +(-\w)?,? *(--[a-z]+)`).FindAllStringSubmatch(ask(t, bin, "hb_mon", "-h"), -1) {
		opts = append(opts, m[2])
		if m[1] != "" {
			opts = append(opts, m[1])
		}
	}
	if len(opts) < 10 {
		t.Fatalf("options in the usage of hb_mon: %q", opts)
	}
	check("hb_mon.8", opts)
}

// TestClStatusSubCommands: the page has those of the usage, and no other.
func TestClStatusSubCommands(t *testing.T) {
	usage := ask(t, program(t), "cl_status")
	_, usage, _ = strings.Cut(usage, "Sub-commands:\n")
	var want, got []string
	for line := range strings.Lines(usage) {
		if line[0] != '\t' {
			want = append(want, strings.Fields(line)[0])
		}
	}
	for _, e := range page(t, "cl_status.1").entries {
		if name := strings.Fields(e.tag)[0]; e.section == "SUB-COMMANDS" && name[0] != '-' {
			got = append(got, name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 10 || !slices.Equal(want, got) {
		t.Errorf("sub-commands\nof the program: %q\nof the page:    %q", want, got)
	}
}

// TestNamesInMakefile: what is installed as a command is one.
func TestNamesInMakefile(t *testing.T) {
	data, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(data, []byte("\\\n"), nil)
	m := regexp.MustCompile(`(?m)^COMMANDS *= *(.*)$`).FindSubmatch(data)
	if m == nil {
		t.Fatal("Makefile has no COMMANDS")
	}
	known := commandNames(t)
	for _, name := range strings.Fields(string(m[1])) {
		if !slices.Contains(known, name) {
			t.Errorf("make links %s, which heartbeatd does not dispatch on", name)
		}
	}
}
