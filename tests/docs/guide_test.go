package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const docsDir = "../../docs"

// block is a fenced block of a guide: "```sh node1 node2".
type block struct {
	line  int
	words []string // of the info string, sh in front
	text  string
}

// blocks returns the fenced blocks that are commands, in their order.
func blocks(t *testing.T, guide string) []block {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(docsDir, guide))
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	var open *block
	for i, line := range strings.Split(string(data), "\n") {
		switch info, fence := strings.CutPrefix(line, "```"); {
		case fence && open == nil:
			open = &block{line: i + 1, words: strings.Fields(info)}
		case fence:
			if len(open.words) > 0 && open.words[0] == "sh" {
				out = append(out, *open)
			}
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	if open != nil || len(out) == 0 {
		t.Fatalf("%s: %d blocks, one is not closed: %v", guide, len(out), open != nil)
	}
	return out
}

// about says whether a block's info string has all the words.
func (b block) about(words ...string) bool {
	return strings.Join(b.words[1:], " ") == strings.Join(words, " ")
}

// stretch cuts the blocks that follow each other with the same info string.
func stretch(all []block) (first, rest []block) {
	n := 0
	for n < len(all) && all[n].about(all[0].words[1:]...) {
		n++
	}
	return all[:n], all[n:]
}
