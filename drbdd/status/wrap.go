package status

import (
	"io"
	"strings"
)

// defaultWidth is the width of a terminal that does not tell its own.
const defaultWidth = 80

// wrapper writes words into lines of a width. A word that does not fit begins a
// new line at its indentation; one that is too long stands alone.
type wrapper struct {
	w     io.Writer
	width int
	col   int
}

// word writes text, which begins with a blank unless it is glued to the one
// before. start and stop are codes of a terminal around the last part of text,
// value; they take no room.
func (w *wrapper) word(indent int, text, start, value, stop string) {
	n := len(text) + len(value)
	if w.col > 0 && w.col+n > w.width {
		w.newline()
	}
	if w.col == 0 {
		trimmed := strings.TrimLeft(text, " ")
		n -= len(text) - len(trimmed)
		text = strings.Repeat(" ", indent) + trimmed
		n += indent
	}
	io.WriteString(w.w, text+start+value+stop)
	w.col += n
}

// field writes " name:value".
func (w *wrapper) field(indent int, name, value string) {
	w.word(indent, " "+name+":"+value, "", "", "")
}

// colored is field with a color for the value.
func (w *wrapper) colored(indent int, name, value, color string) {
	stop := ""
	if color != "" {
		stop = colorStop
	}
	w.word(indent, " "+name+":", color, value, stop)
}

func (w *wrapper) newline() {
	io.WriteString(w.w, "\n")
	w.col = 0
}
