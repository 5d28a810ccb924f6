package tools

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/config/sysenv"
	"classicha/internal/screen"
)

// Check reads the configuration in dir and prints everything that can be said
// about it: OK, WARN or FAIL, the place, what is wrong and what to write
// instead. Nothing is started or changed; as root, the network is asked for a second
// whether another machine has an address of haresources. The result is the exit code: 0 all
// good, 1 warnings, 2 failures.
func Check(dir string, stdout, stderr io.Writer) int {
	env := sysenv.Env(dir)
	if os.Geteuid() == 0 {
		env.Answering = sysenv.Answering // asks the network
	}
	found := config.Check(sysenv.Files(dir), env)
	out, _ := stdout.(*os.File)
	colour := screen.IsTerminal(out) && os.Getenv("NO_COLOR") == ""
	width := 0
	if screen.IsTerminal(out) {
		width, _ = screen.SizeOf(out)
	}
	text := screen.Encode(checkReport(dir, env.Hostname, found, width), 0, colour)
	if _, err := io.WriteString(stdout, text); err != nil {
		fmt.Fprintf(stderr, "heartbeatd: printing the findings: %v\n", err)
		return 2
	}
	return found.ExitCode()
}

// checkFiles is the order of the files in the report.
var checkFiles = []string{config.HACfName, config.AuthkeysName, config.ExtName, config.HaresourcesName}

// levelStyle is the colour of a level.
var levelStyle = map[config.Level]screen.Style{
	config.OK: screen.Green, config.Warn: screen.Yellow | screen.Bold, config.Fail: screen.Red | screen.Bold,
}

// checkReport lays the findings out: one line each with level, place and text,
// the remedy below the text. Long texts are folded at width columns (0: never).
func checkReport(dir, node string, found config.Findings, width int) []screen.Line {
	lines := []screen.Line{screen.Text(fmt.Sprintf("Configuration in %s, as %s would read it", dir, node), screen.Plain), nil}
	shown := slices.DeleteFunc(slices.Clone(found), func(f config.Finding) bool {
		// What the original logs at every start is no finding for people.
		return f.Level == config.Info && len(f.Original) > 0
	})
	name := func(f config.Finding) string { return f.Pos.File[strings.LastIndexByte(f.Pos.File, '/')+1:] }
	slices.SortStableFunc(shown, func(a, b config.Finding) int {
		first := func(f config.Finding) int { // the summary of a file leads
			if f.Level == config.OK {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(slices.Index(checkFiles, name(a)), slices.Index(checkFiles, name(b))),
			cmp.Compare(first(a), first(b)), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	place := func(f config.Finding) string {
		pos := f.Pos
		pos.File = name(f)
		return pos.String()
	}
	textCol := 0
	for _, f := range shown {
		textCol = max(textCol, len("FAIL  ")+len(place(f))+2)
	}
	counts := map[config.Level]int{}
	for _, f := range shown {
		counts[f.Level]++
		head := screen.Text(f.Level.String(), levelStyle[f.Level]).Pad(len("FAIL  ")).Add(place(f), screen.Plain)
		for i, part := range fold(f.Text, width-textCol) {
			if i > 0 {
				head = nil
			}
			lines = append(lines, pad(head, textCol).Add(part, screen.Plain))
		}
		if f.Remedy == "" {
			continue
		}
		for i, part := range fold(f.Remedy, width-textCol-3) {
			mark := "-> "
			if i > 0 {
				mark = "   "
			}
			lines = append(lines, pad(nil, textCol).Add(mark+part, screen.Dim))
		}
	}
	sum := fmt.Sprintf("%s, %s", plural(counts[config.Fail], "failure"), plural(counts[config.Warn], "warning"))
	switch {
	case found.Refused():
		sum += ": heartbeatd would not start"
	case counts[config.Fail] > 0:
		sum += ": heartbeatd would start, but not everything would work"
	case counts[config.Warn] == 0:
		sum = "Everything is in order"
	}
	style := levelStyle[max(config.OK, found.Worst())]
	return append(lines, nil, screen.Text(sum, style))
}

// pad is Line.Pad for empty lines too.
func pad(l screen.Line, col int) screen.Line {
	if len(l) == 0 {
		return screen.Line{{Text: strings.Repeat(" ", col)}}
	}
	return l.Pad(col)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// fold cuts text at blanks into parts of at most width columns; a width below 20
// does not fold.
func fold(text string, width int) []string {
	if width < 20 {
		return []string{text}
	}
	var out []string
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && len(line)+1+len(w) > width {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return append(out, line)
}
