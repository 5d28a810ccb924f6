package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
)

// TestDirectives: every directive has one entry with the syntax and the default that
// the parser has, and nothing else is called a directive.
func TestDirectives(t *testing.T) {
	for _, c := range []struct {
		page  string
		table []config.Directive
		other []string // sections whose entries are no directives
	}{
		{"ha.cf.5", config.Directives(), []string{"FENCING"}},
		{"haext.cf.5", config.ExtDirectives(), nil},
	} {
		p := page(t, c.page)
		for _, d := range c.table {
			found := p.find(d.Name)
			if len(found) != 1 {
				t.Errorf("%s: %d entries for %s, want one", c.page, len(found), d.Name)
				continue
			}
			e := found[0]
			if want := d.Name + " " + d.Syntax; e.tag != want {
				t.Errorf("%s: tag %q, the parser's is %q", c.page, e.tag, want)
			}
			if _, after, _ := strings.Cut(e.text, "Default"); d.Default != "" && !strings.Contains(after, d.Default) {
				t.Errorf("%s: %s: the default %s is not mentioned", c.page, d.Name, d.Default)
			}
			if whole := strings.Contains(e.text, "(whole line)"); whole != d.Whole && c.page == "ha.cf.5" {
				t.Errorf("%s: %s: (whole line) is mentioned: %v, the parser takes the whole line: %v", c.page, d.Name, whole, d.Whole)
			}
			if d.Once && c.page == "ha.cf.5" && !strings.Contains(e.text, "once") {
				t.Errorf("%s: %s may be given once, which is not said", c.page, d.Name)
			}
			if e.example == "" && !strings.Contains(d.Doc, "refused") {
				t.Errorf("%s: %s has no example", c.page, d.Name)
			}
		}
		for _, e := range p.entries {
			name, _, _ := strings.Cut(e.tag, " ")
			known := slices.ContainsFunc(c.table, func(d config.Directive) bool { return d.Name == name })
			if !known && !slices.Contains(c.other, e.section) {
				t.Errorf("%s: there is no directive %q", c.page, name)
			}
		}
	}
}

// manEnv knows nothing about the machine, so that every interface and user exists.
var manEnv = config.Env{Hostname: "serv-a"}

const manBase = "logfacility local0\nnode serv-a serv-b\nbcast eth0\nauto_failback off\nlogfacility local0\n"

// TestExamplesOfDirectives: what the pages show can be written.
func TestExamplesOfDirectives(t *testing.T) {
	for _, e := range page(t, "ha.cf.5").entries {
		if e.example == "" {
			continue
		}
		base := manBase
		if strings.HasPrefix(e.example, "nice_failback") {
			base = strings.Replace(base, "auto_failback off\n", "", 1)
		}
		if _, found := config.ParseHA("ha.cf", []byte(base+e.example+"\n"), manEnv); found.Refused() {
			t.Errorf("%s is refused: %+v", e.example, found)
		}
	}
	for _, e := range page(t, "haext.cf.5").entries {
		if _, found := config.ParseExt("haext.cf", []byte(e.example+"\n")); len(found) > 0 {
			t.Errorf("%s: %+v", e.example, found)
		}
	}
}

// TestWholeExamples: the files in the pages are free of warnings.
func TestWholeExamples(t *testing.T) {
	bad := func(found config.Findings) bool { return found.Worst() >= config.Warn }
	lines := func(file, section string) []byte {
		t.Helper()
		code := page(t, file).code[section]
		if len(code) == 0 {
			t.Fatalf("%s has no example in %s", file, section)
		}
		return []byte(strings.Join(code, "\n") + "\n")
	}
	if _, found := config.ParseHA("ha.cf", lines("ha.cf.5", "A WHOLE FILE"), manEnv); bad(found) {
		t.Errorf("ha.cf: %+v", found)
	}
	if h, found := config.ParseHaresources("haresources", lines("haresources.5", "EXAMPLES"), []string{"serv-a", "serv-b"}, manEnv); bad(found) || len(h.Groups) != 3 {
		t.Errorf("haresources: %+v %+v", h, found)
	}
	if _, found := config.ParseAuthkeys("authkeys", lines("authkeys.5", "EXAMPLE"), 0o600); bad(found) {
		t.Errorf("authkeys: %+v", found)
	}
	if _, found := config.ParseExt("haext.cf", lines("haext.cf.5", "EXAMPLE")); bad(found) {
		t.Errorf("haext.cf: %+v", found)
	}
}

// TestPagesRender asks man about mistakes in the markup.
func TestPagesRender(t *testing.T) {
	man, err := exec.LookPath("man")
	if err != nil {
		t.Skip("man is not installed (package man-db): the markup is not checked")
	}
	for _, p := range pages(t) {
		cmd := exec.Command(man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", filepath.Join(manDir, p.file))
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80")
		var out, complaints bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &complaints
		if err := cmd.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v\n%s", p.file, err, complaints.String())
		}
		if out.Len() < 1000 {
			t.Errorf("%s: man prints %d bytes only", p.file, out.Len())
		}
	}
}

// elsewhere are pages of other packages that ours refer to.
var elsewhere = []string{"ip(8)", "syslog(3)"}

var pageName = regexp.MustCompile(`^([A-Za-z_.]+) ?\(([1-9])\)`)

// TestReferences: a page that is referred to exists, here or as a link.
func TestReferences(t *testing.T) {
	for _, p := range pages(t) {
		for _, line := range p.lines {
			if !strings.HasPrefix(line, ".BR ") {
				continue
			}
			_, args := splitMacro(line)
			m := pageName.FindStringSubmatch(plain(strings.Join(args, "")))
			if m == nil || slices.Contains(elsewhere, m[1]+"("+m[2]+")") {
				continue
			}
			if _, err := os.Stat(filepath.Join(manDir, m[1]+"."+m[2])); err != nil {
				t.Errorf("%s refers to %s(%s), which does not exist", p.file, m[1], m[2])
			}
		}
	}
}

// TestJSONMembers: every member of the JSON that hb_mon prints stands in its page.
func TestJSONMembers(t *testing.T) {
	var text strings.Builder
	for _, e := range page(t, "hb_mon.8").entries {
		if e.section == "JSON" {
			text.WriteString(" " + e.tag + " " + e.text)
		}
	}
	words := strings.FieldsFunc(text.String(), func(r rune) bool { return strings.ContainsRune(" ,;().", r) })
	for _, typ := range []reflect.Type{
		reflect.TypeFor[cluster.View](), reflect.TypeFor[cluster.NodeView](), reflect.TypeFor[cluster.LinkView](), reflect.TypeFor[cluster.GroupView](),
	} {
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" {
				name = typ.Field(i).Name
			}
			if !slices.Contains(words, name) {
				t.Errorf("hb_mon.8: member %s of %s is not mentioned", name, typ.Name())
			}
		}
	}
}
