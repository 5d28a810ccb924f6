package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func guides(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(docsDir + "/*.md")
	if err != nil || len(files) < 5 {
		t.Fatalf("guides: %q %v", files, err)
	}
	out := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = string(data)
	}
	return out
}

// TestLinks: a link of a guide leads to a file.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for name, text := range guides(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(docsDir, m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestPathsInTheSources: the files and packages that guides name exist.
func TestPathsInTheSources(t *testing.T) {
	file := regexp.MustCompile("`([a-zA-Z0-9_/.]+(?:\\.go|\\.md|/))`")
	for name, text := range guides(t) {
		if name != "differences.md" && name != "architecture.md" {
			continue
		}
		found := 0
		for _, m := range file.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(m[1], "/") {
				continue
			}
			found++
			_, err := os.Stat(filepath.Join("../..", m[1]))
			if err != nil {
				_, err = os.Stat(filepath.Join("../../heartbeatd", m[1]))
			}
			if err != nil {
				_, err = os.Stat(filepath.Join("../../drbdd", m[1]))
			}
			if err != nil {
				t.Errorf("%s: there is no %s", name, m[1])
			}
		}
		if found < 10 {
			t.Errorf("%s: %d paths found", name, found)
		}
	}
}

// sources is the text of all programs and scripts, one string a file.
func sources(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, dir := range []string{"heartbeatd", "drbdd", "internal", "resource.d", "etc"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
				return err
			}
			data, err := os.ReadFile(path)
			// A line may be put together from several literals.
			text := strings.ReplaceAll(string(data), `\"`, `"`)
			out = append(out, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestLogLinesExist: the lines of the troubleshooting guide can be logged. What stands
// between the placeholders must be found in one file of the sources.
func TestLogLinesExist(t *testing.T) {
	src := sources(t)
	placeholder := regexp.MustCompile(`<[^>]*>`)
	code := regexp.MustCompile("`([^`]+)`")
	rows := 0
	for _, line := range strings.Split(guides(t)["troubleshooting.md"], "\n") {
		first, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(line, "| ") || !strings.Contains(first, "`") {
			continue
		}
		rows++
		for _, m := range code.FindAllStringSubmatch(first, -1) {
			var parts []string
			for _, p := range placeholder.Split(m[1], -1) {
				if p = strings.TrimSpace(p); len(p) > 3 {
					parts = append(parts, p)
				}
			}
			if len(parts) == 0 {
				t.Errorf("nothing to look for in %q", m[1])
			}
			if !inOne(src, parts) {
				t.Errorf("no program logs %q", m[1])
			}
		}
	}
	if rows < 30 {
		t.Errorf("%d log lines found in the guide", rows)
	}
}

// inOne tells whether one text has all parts.
func inOne(texts, parts []string) bool {
	for _, text := range texts {
		all := true
		for _, p := range parts {
			all = all && strings.Contains(text, p)
		}
		if all {
			return true
		}
	}
	return false
}
