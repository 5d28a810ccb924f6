package config

import (
	"bytes"
	"strings"
)

// maxLine is the length at which the original splits a line of ha.cf: it reads
// into a buffer of 5120 bytes.
const maxLine = 5119

// token is one word with its place in the line (column in bytes, from 1).
type token struct {
	text string
	col  int
}

// sourceLine is one physical line without its end.
type sourceLine struct {
	num  int
	text string
	cr   bool   // it ended in CR LF
	end  string // "\n", empty at the end of a file without a final newline
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// splitLines cuts data into lines; a byte-order mark at the start is reported
// and left out. limit > 0 splits longer lines as the original does.
func splitLines(data []byte, limit int) (lines []sourceLine, bom bool) {
	data, bom = bytes.CutPrefix(data, byteOrderMark)
	for num := 1; len(data) > 0; num++ {
		line, rest, ended := bytes.Cut(data, []byte{'\n'})
		data = rest
		end := ""
		if ended {
			end = "\n"
		}
		text, cr := bytes.CutSuffix(line, []byte{'\r'})
		// The original's line ends at a NUL byte, as C strings do.
		if i := bytes.IndexByte(text, 0); i >= 0 {
			text = text[:i]
		}
		for limit > 0 && len(text) > limit {
			lines = append(lines, sourceLine{num: num, text: string(text[:limit]), cr: cr})
			text = text[limit:]
		}
		lines = append(lines, sourceLine{num: num, text: string(text), cr: cr, end: end})
	}
	return lines, bom
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// words cuts s at the bytes of sep; offset is the column of its first byte.
func words(s, sep string, offset int) []token {
	var out []token
	for i := 0; i < len(s); {
		if strings.IndexByte(sep, s[i]) >= 0 {
			i++
			continue
		}
		j := i
		for j < len(s) && strings.IndexByte(sep, s[j]) < 0 {
			j++
		}
		out = append(out, token{text: s[i:j], col: offset + i})
		i = j
	}
	return out
}

// directiveLine takes one line of ha.cf or haext.cf apart: the comment is
// dropped, the name is the first word, rest is everything behind it without
// blanks at the ends (heartbeat-config 2). ok is false for an empty line.
func directiveLine(text string) (name, rest token, ok bool) {
	if i := strings.IndexByte(text, '#'); i >= 0 {
		text = text[:i]
	}
	if i := strings.IndexByte(text, '\r'); i >= 0 {
		text = text[:i]
	}
	start := 0
	for start < len(text) && isBlank(text[start]) {
		start++
	}
	if start == len(text) {
		return name, rest, false
	}
	end := start
	for end < len(text) && !isBlank(text[end]) {
		end++
	}
	name = token{text: text[start:end], col: start + 1}
	for end < len(text) && isBlank(text[end]) {
		end++
	}
	return name, token{text: strings.TrimRight(text[end:], " \t"), col: end + 1}, true
}
