package tools

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"classicha/heartbeatd/message"
)

// HaClustermsg is the shell function ha_clustermsg as a command: it reads lines
// name=value from standard input and gives them to the daemon as one message,
// to be sent to the cluster. Blanks and tabs before a name are skipped, as a
// here-document may leave them; >>> and <<< around the lines are not needed.
// Unlike the function it says what is wrong with a message instead of sending it.
func HaClustermsg(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	const prog = "ha_clustermsg"
	if len(args) > 0 {
		fmt.Fprintf(stdout, "usage: %s <<!\nt=TYPE\nNAME=VALUE\n!\n", prog)
		return 1
	}
	m := message.New()
	lines := bufio.NewScanner(io.LimitReader(stdin, maxFIFOMessage+1))
	for lines.Scan() {
		line := strings.TrimLeft(lines.Text(), " \t")
		if line == "" || line == ">>>" || line == "<<<" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" {
			return fail(stderr, prog, fmt.Errorf("%q is not name=value", line))
		}
		m.Add(name, value)
	}
	if err := lines.Err(); err != nil {
		return fail(stderr, prog, err)
	}
	if m.Get("t") == "" {
		return fail(stderr, prog, fmt.Errorf("the message has no type: a line t=TYPE is needed"))
	}
	frame := m.AppendText(nil, nil, false)
	if _, _, err := message.Parse(frame, nil); err != nil {
		return fail(stderr, prog, err)
	}
	if err := clusterMessage(m); err != nil {
		return fail(stderr, prog, err)
	}
	return 0
}
