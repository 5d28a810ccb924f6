// Package screen draws text on a terminal: styled lines that a pure renderer
// makes, and a Terminal that shows them in place and reads keys. Plain output
// of the same lines has no escape sequences.
package screen

import (
	"strings"
	"unicode/utf8"
)

// Style is a set of attributes; colours follow the eight classic ones.
type Style uint8

// Attributes. At most one colour counts.
const (
	Plain   Style = 0
	Bold    Style = 1 << 0
	Dim     Style = 1 << 1
	Reverse Style = 1 << 2
	Red     Style = 1 << 3
	Green   Style = 2 << 3
	Yellow  Style = 3 << 3
	Cyan    Style = 4 << 3
	colours Style = 7 << 3
)

// sgr is the sequence that switches the style on.
func (s Style) sgr() string {
	var p []string
	if s&Bold != 0 {
		p = append(p, "1")
	}
	if s&Dim != 0 {
		p = append(p, "2")
	}
	if s&Reverse != 0 {
		p = append(p, "7")
	}
	switch s & colours {
	case Red:
		p = append(p, "31")
	case Green:
		p = append(p, "32")
	case Yellow:
		p = append(p, "33")
	case Cyan:
		p = append(p, "36")
	}
	return "\x1b[" + strings.Join(p, ";") + "m"
}

// Span is text in one style. The text must be clean (see Clean).
type Span struct {
	Text  string
	Style Style
}

// Line is one line of the screen.
type Line []Span

// Text makes a line of one span; its text is cleaned.
func Text(s string, st Style) Line { return Line{{Clean(s), st}} }

// Add appends cleaned text.
func (l Line) Add(s string, st Style) Line { return append(l, Span{Clean(s), st}) }

// Pad appends blanks up to column col; at least one blank if there is text
// already and col is passed.
func (l Line) Pad(col int) Line {
	n := col - l.Width()
	if n <= 0 {
		if len(l) == 0 {
			return l
		}
		n = 1
	}
	return append(l, Span{strings.Repeat(" ", n), Plain})
}

// Width is the number of columns.
func (l Line) Width() int {
	n := 0
	for _, s := range l {
		n += utf8.RuneCountInString(s.Text)
	}
	return n
}

// Encode returns the line with at most width columns (0: any), without the
// newline. A cut line ends in "~". Blanks at the end are dropped unless reversed.
func (l Line) Encode(width int, colour bool) string {
	l = l.clip(width)
	for len(l) > 0 {
		last := l[len(l)-1]
		if last.Style&Reverse != 0 && colour {
			break
		}
		t := strings.TrimRight(last.Text, " ")
		if t != "" {
			l = append(l[:len(l)-1:len(l)-1], Span{t, last.Style})
			break
		}
		l = l[:len(l)-1]
	}
	var b strings.Builder
	for _, s := range l {
		if !colour || s.Style == Plain || s.Text == "" {
			b.WriteString(s.Text)
			continue
		}
		b.WriteString(s.Style.sgr())
		b.WriteString(s.Text)
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

func (l Line) clip(width int) Line {
	if width <= 0 || l.Width() <= width {
		return l
	}
	var out Line
	left := width - 1 // for the mark
	for _, s := range l {
		n := utf8.RuneCountInString(s.Text)
		if n <= left {
			out = append(out, s)
			left -= n
			continue
		}
		return append(out, Span{Cut(s.Text, left) + "~", s.Style})
	}
	return out
}

// Cut returns the first n columns of s.
func Cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// Clean makes foreign text safe to show: control characters, which could move
// the cursor or set the title, and invalid UTF-8 become "?".
func Clean(s string) string {
	ok := true
	for _, r := range s {
		ok = ok && printable(r)
	}
	if ok {
		return s
	}
	return strings.Map(func(r rune) rune {
		if printable(r) {
			return r
		}
		return '?'
	}, s)
}

func printable(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0, r == utf8.RuneError:
		return false
	case r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
		return false // invisible, or turns the direction of writing
	}
	return true
}

// Encode joins lines for output that is not drawn in place.
func Encode(lines []Line, width int, colour bool) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.Encode(width, colour))
		b.WriteByte('\n')
	}
	return b.String()
}
