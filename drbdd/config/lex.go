package config

import (
	"fmt"
	"strings"
)

// kind is the kind of a token (drbd-config 2).
type kind uint8

const (
	tokEOF    kind = iota
	tokWord        // [a-zA-Z0-9/._-]+, a keyword or not
	tokString      // in double quotes; text is without them
	tokInt         // up to 8 digits with an optional M, K, G or s
	tokIPv4        // four groups of digits
	tokIPv6        // two colons at least
	tokPunct       // any other character
	tokBroken      // a string without its closing quotes; text is all of it
)

type token struct {
	kind kind
	text string
	pos  Pos
}

// keyword reports whether the original treats the token as a keyword: such a
// word is no value unless it is quoted.
func (t token) keyword() bool {
	if t.kind != tokWord {
		return false
	}
	_, ok := keywordNumbers[t.text]
	return ok
}

// isString reports whether the original calls the token TK_STRING.
func (t token) isString() bool {
	return t.kind == tokString || t.kind == tokWord && !t.keyword()
}

func (t token) is(punct byte) bool {
	return t.kind == tokPunct && t.text[0] == punct
}

func (t token) word(s string) bool { return t.kind == tokWord && t.text == s }

// number is the original's number of the token, which stands in some of its
// messages. They are those of drbd-utils 9.22; other versions count otherwise
// (drbd-config 8).
func (t token) number() int {
	switch t.kind {
	case tokEOF:
		return 0
	case tokIPv4:
		return 280
	case tokInt:
		return 281
	case tokIPv6:
		return 316
	case tokBroken:
		return 310
	case tokPunct:
		if strings.ContainsAny(t.text, ":;[]{}") {
			return int(t.text[0])
		}
		return 283
	case tokWord:
		if n, ok := keywordNumbers[t.text]; ok {
			return n
		}
	}
	return 282
}

// Limits of the lexer (drbd-config 2).
const (
	maxWord   = 128
	maxString = 255
	maxDigits = 8
)

// lexError is a token that the original gives up at.
type lexError struct {
	pos    Pos
	what   string // the original's words
	raw    string // the text of the token
	remedy string
}

// unterminated is what the original says about a tokBroken where it wants a
// string; elsewhere it is one more unexpected token.
func unterminated(t token) *lexError {
	return &lexError{t.pos, "Unterminated double quoted string\n  we don't allow embedded newlines\n ", t.text, "close the quotes on the same line"}
}

func (e *lexError) original() string {
	return fmt.Sprintf("%s: %s >>>%s...<<<\n", e.pos, e.what, cut(e.raw))
}

// cut is how much of a token the original shows: 20 bytes, and none behind a
// NUL.
func cut(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return s[:min(len(s), 20)]
}

type lexer struct {
	file string
	src  string
	at   int // next byte
	line int
	bol  int // offset of the line's first byte
	err  *lexError
}

func newLexer(file string, src []byte) *lexer {
	return &lexer{file: file, src: string(src), line: 1}
}

func (l *lexer) pos() Pos { return Pos{l.file, l.line, l.at - l.bol + 1} }

// next is the next token. After an error it is always tokEOF.
func (l *lexer) next() token {
	l.skipSpace()
	t := token{pos: l.pos()}
	if l.err != nil || l.at >= len(l.src) {
		return t
	}
	rest := l.src[l.at:]
	c := rest[0]
	if c == '"' {
		return l.quoted(t, rest)
	}
	n := span(rest, isWordByte)
	if n6 := spanIPv6(rest); n6 > n {
		t.kind, n = tokIPv6, n6
	} else if n == 0 {
		t.kind, n = tokPunct, 1
	} else {
		t.kind = classify(rest[:n])
	}
	if n > maxWord && t.kind == tokWord {
		l.err = &lexError{t.pos, "Token too long", rest[:n], fmt.Sprintf("a word has at most %d characters, a text in quotes %d", maxWord, maxString)}
		return token{pos: t.pos}
	}
	t.text = rest[:n]
	l.at += n
	return t
}

func (l *lexer) skipSpace() {
	for l.at < len(l.src) {
		switch l.src[l.at] {
		case '\n':
			l.line++
			l.bol = l.at + 1
		case ' ', '\t', '\r':
		case '#':
			for l.at < len(l.src) && l.src[l.at] != '\n' {
				l.at++
			}
			continue
		default:
			return
		}
		l.at++
	}
}

// quoted reads a string in double quotes: \x is x, no raw newline.
func (l *lexer) quoted(t token, rest string) token {
	var b strings.Builder
	i := 1
	for i < len(rest) && rest[i] != '"' && rest[i] != '\n' {
		if rest[i] == '\\' && i+1 < len(rest) && rest[i+1] != '\n' {
			i++
		}
		b.WriteByte(rest[i])
		i++
	}
	if i >= len(rest) { // without a newline the original's rule does not match
		t.kind, t.text = tokPunct, rest[:1]
		l.at++
		return t
	}
	if rest[i] != '"' {
		t.kind, t.text = tokBroken, rest[:i+1]
		l.at += i
		return t
	}
	if i-1 > maxString {
		l.err = &lexError{t.pos, "Double quoted string too long", rest[:i], fmt.Sprintf("a text in quotes has at most %d characters: put a longer command into a script", maxString)}
		return token{pos: t.pos}
	}
	l.at += i + 1
	t.kind, t.text = tokString, b.String()
	return t
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '/' || c == '.' || c == '_' || c == '-'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func span(s string, ok func(byte) bool) int {
	n := 0
	for n < len(s) && ok(s[n]) {
		n++
	}
	return n
}

// classify tells words that are numbers or addresses from the others.
func classify(s string) kind {
	digits := span(s, isDigit)
	if digits > 0 && digits <= maxDigits {
		switch s[digits:] {
		case "", "M", "K", "G", "s":
			return tokInt
		}
	}
	if parts := strings.Split(s, "."); len(parts) == 4 {
		for _, p := range parts {
			if p == "" || len(p) > 3 || span(p, isDigit) != len(p) {
				return tokWord
			}
		}
		return tokIPv4
	}
	return tokWord
}
