package pair

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

// block is a fenced block of a page of docs that a test goes through. There are three kinds:
//
//	```sh serv-a             commands that must succeed, on a machine or on both
//	```sh serv-a after WHAT  the same, after something that the test brings about
//	```log serv-a            lines that heartbeatd or drbdd of a machine logs after the last WHAT
//	```log serv-a or serv-b  the same, of either
//	```prints                lines that the commands before printed, in this order
//
// <...> in a line stands for what varies.
type block struct {
	line  int
	kind  string
	nodes []string
	after string
	lines []string
}

// readGuide returns these blocks of a page.
func readGuide(t *testing.T, name string) (out []block) {
	t.Helper()
	repo, err := rig.Repo()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(repo, "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	var open *block
	for i, line := range strings.Split(string(data), "\n") {
		switch info, fence := strings.CutPrefix(line, "```"); {
		case fence && open == nil:
			open = &block{line: i + 1}
			info, open.after, _ = strings.Cut(info, " after ")
			if f := strings.Fields(info); len(f) > 0 {
				open.kind, open.nodes = f[0], f[1:]
			}
		case fence:
			switch open.kind {
			case "sh", "log", "prints":
				out = append(out, *open)
			}
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		}
	}
	if open != nil || len(out) == 0 {
		t.Fatalf("%s: %d blocks; one is not closed: %v", name, len(out), open != nil)
	}
	return out
}

var varies = regexp.MustCompile(`<[^<>]*>`)

// pattern is a line of a page as a regular expression.
func pattern(line string) *regexp.Regexp {
	var b strings.Builder
	rest := strings.TrimSpace(line)
	for {
		at := varies.FindStringIndex(rest)
		if at == nil {
			break
		}
		b.WriteString(regexp.QuoteMeta(rest[:at[0]]) + `.+`)
		rest = rest[at[1]:]
	}
	return regexp.MustCompile(b.String() + regexp.QuoteMeta(rest))
}

// guide does what a page says.
type guide struct {
	*rig.Rig
	page  string
	after map[string]func() // what a test brings about
}

// logs is what heartbeatd and drbdd of a machine logged.
func logs(n *rig.Node) string {
	if n.Node == nil {
		return ""
	}
	var b strings.Builder
	for _, l := range n.Log() {
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}

// mark remembers where the logs end.
type mark struct{ hb, drbd int }

func (g *guide) node(b block, name string) *rig.Node {
	g.Helper()
	switch name {
	case g.A.Name():
		return g.A
	case g.B.Name():
		return g.B
	}
	g.Fatalf("%s:%d: there is no machine %q", g.page, b.line, name)
	return nil
}

// run goes through the page.
func (g *guide) run(blocks []block) {
	g.Helper()
	marks := map[string]mark{}
	printed := ""
	for _, b := range blocks {
		if b.after != "" {
			do := g.after[b.after]
			if do == nil {
				g.Fatalf("%s:%d: what is to be done for %q?", g.page, b.line, b.after)
			}
			for _, n := range []*rig.Node{g.A, g.B} {
				marks[n.Name()] = mark{len(logs(n)), len(n.DaemonLog())}
			}
			g.Step("%s:%d: %s", g.page, b.line, b.after)
			do()
		}
		switch b.kind {
		case "sh":
			printed = g.commands(b)
		case "prints":
			g.prints(b, printed)
		case "log":
			since := func(name string) string {
				n, m := g.node(b, name), marks[name]
				hb, drbd := logs(n), n.DaemonLog()
				return hb[min(m.hb, len(hb)):] + drbd[min(m.drbd, len(drbd)):]
			}
			if len(b.nodes) == 3 && b.nodes[1] == "or" {
				g.logged(b, func() string { return since(b.nodes[0]) + since(b.nodes[2]) })
				continue
			}
			for _, name := range b.nodes {
				g.logged(b, func() string { return since(name) })
			}
		}
	}
}

// commands does a block on its machines at the same time, as their administrators would.
func (g *guide) commands(b block) (printed string) {
	g.Helper()
	text := strings.Join(b.lines, "\n")
	began := time.Now()
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := false
	for _, name := range b.nodes {
		n := g.node(b, name)
		wg.Go(func() {
			r := n.RunFor(limit, "sh", "-e", "-c", text)
			mu.Lock()
			defer mu.Unlock()
			printed += r.Out
			if r.Code != 0 {
				failed = true
				g.Errorf("%s:%d on %s: exit code %d\n%s\nit printed:\n%s", g.page, b.line, name, r.Code, text, r.Out)
			}
		})
	}
	wg.Wait()
	if failed {
		g.Fatalf("%s:%d: the page ends here", g.page, b.line)
	}
	g.Step("%s:%d on %s: %.1f s\n%s", g.page, b.line, strings.Join(b.nodes, ", "), time.Since(began).Seconds(), printed)
	return printed
}

// prints checks lines of a block against what was printed.
func (g *guide) prints(b block, printed string) {
	g.Helper()
	rest := strings.Split(printed, "\n")
	for _, line := range b.lines {
		re := pattern(line)
		i := 0
		for i < len(rest) && !re.MatchString(rest[i]) {
			i++
		}
		if i == len(rest) {
			g.Errorf("%s:%d: %q was not printed, at least not there:\n%s", g.page, b.line, line, printed)
			return
		}
		rest = rest[i+1:]
	}
}

// logged waits until the lines of a block are in a log.
func (g *guide) logged(b block, log func() string) {
	g.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for _, line := range b.lines {
		for !pattern(line).MatchString(log()) {
			if time.Now().After(deadline) {
				g.Errorf("%s:%d: %s did not log %q, but\n%s", g.page, b.line, strings.Join(b.nodes, " "), line, log())
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}
