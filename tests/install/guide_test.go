package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// commands are the blocks of docs/packages.md that begin with "```sh WHERE".
func commands(t *testing.T, where string) (out []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(repo, "docs/packages.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(data), "\n```sh "+where+"\n")[1:] {
		text, _, closed := strings.Cut(part, "\n```\n")
		if !closed {
			t.Fatalf("a block is not closed: %s", part)
		}
		out = append(out, text)
	}
	return out
}

// TestGuide does what docs/packages.md says; build has done the first block.
func TestGuide(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for _, name := range []string{"heartbeatd", "drbdd"} {
		s.copyIn(pack(t, name, "deb"))
	}
	blocks := commands(t, "machine")
	after := []struct{ there, gone string }{
		{"/usr/sbin/heartbeatd", "/etc/ha.d/ha.cf"}, {"/etc/ha.d/harc", "/usr/sbin/heartbeatd"}, {"/etc", "/etc/ha.d"},
	}
	if len(blocks) != len(after) {
		t.Fatalf("the guide has %d blocks for a machine, want %d", len(blocks), len(after))
	}
	for i, text := range blocks {
		t.Logf("%s\n%s", text, s.run("sh", "-e", "-c", "cd /root\n"+text))
		s.want(true, after[i].there)
		s.want(false, after[i].gone)
	}
}
