package metadata

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A DumpError tells where and why the text of a dump was refused. The text is that
// of drbdmeta.
type DumpError struct {
	Line int
	Text string // one or two lines
}

func (e *DumpError) Error() string { return e.Text }

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokWord
	tokNumber // decimal, up to 20 digits
	tokHex32
	tokHex64
	tokString
	tokChar // ; { } or anything else
	tokBad
)

type token struct {
	kind tokenKind
	line int
	text string
	num  uint64
}

// is tells whether the token is that keyword or that character.
func (t token) is(s string) bool { return (t.kind == tokWord || t.kind == tokChar) && t.text == s }

// maxToken bounds what is remembered of one token.
const maxToken = 80

// dumpLexer cuts a dump into tokens. Comments run from # to the end of the line.
type dumpLexer struct {
	r    *bufio.Reader
	line int
}

func wordByte(c byte) bool {
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (l *dumpLexer) next() (token, error) {
	for {
		c, err := l.r.ReadByte()
		if err == io.EOF {
			return token{kind: tokEOF, line: l.line}, nil
		}
		if err != nil {
			return token{}, err
		}
		switch {
		case c == '\n':
			l.line++
		case c == ' ' || c == '\t' || c == '\r':
		case c == '#':
			if err := l.skipLine(); err != nil {
				return token{}, err
			}
		case c == '"':
			return l.quoted()
		case wordByte(c):
			return l.word(c)
		default:
			return token{kind: tokChar, line: l.line, text: string(rune(c))}, nil
		}
	}
}

func (l *dumpLexer) skipLine() error {
	for {
		c, err := l.r.ReadByte()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if c == '\n' {
			l.line++
			return nil
		}
	}
}

// quoted reads a string after its opening quote; it ends at the line's end.
func (l *dumpLexer) quoted() (token, error) {
	t := token{kind: tokString, line: l.line}
	for {
		c, err := l.r.ReadByte()
		if err != nil && err != io.EOF {
			return t, err
		}
		if err == io.EOF || c == '\n' || len(t.text) > maxToken {
			t.kind = tokBad
			return t, nil
		}
		if c == '"' {
			return t, nil
		}
		t.text += string(rune(c))
	}
}

func (l *dumpLexer) word(c byte) (token, error) {
	b := []byte{c}
	for {
		c, err := l.r.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return token{}, err
		}
		if !wordByte(c) {
			l.r.UnreadByte()
			break
		}
		if len(b) < maxToken {
			b = append(b, c)
		}
	}
	return classify(string(b), l.line), nil
}

// classify tells what a word is: a number, a hex number, or a name.
func classify(s string, line int) token {
	t := token{kind: tokWord, line: line, text: s}
	var err error
	if digits, ok := strings.CutPrefix(s, "0x"); ok {
		if t.num, err = strconv.ParseUint(digits, 16, 64); err != nil {
			t.kind = tokBad
			return t
		}
		switch len(digits) {
		case 8:
			t.kind = tokHex32
		case 16:
			t.kind = tokHex64
		default:
			t.kind = tokBad
		}
		return t
	}
	if strings.Trim(s, "0123456789") == "" {
		t.kind = tokNumber
		if t.num, err = strconv.ParseUint(s, 10, 64); err != nil || len(s) > 20 {
			t.kind = tokBad
		}
	}
	return t
}

// keywords are the words of a dump.
var keywords = map[string]bool{
	"version": true, "uuid": true, "flags": true, "al-extents": true, "la-size-sect": true, "bm-byte-per-bit": true,
	"device-uuid": true, "la-peer-max-bio-size": true, "al-stripes": true, "al-stripe-size-4k": true, "bm": true, "times": true,
}

// unexpected is the error for a token where something else was expected.
func unexpected(t token, want string) error {
	first, not := "", ""
	switch {
	case t.kind == tokEOF:
		not = ", but end of file encountered"
	case t.kind == tokBad && strings.HasPrefix(t.text, "0x"):
		first = fmt.Sprintf("line %d: invalid hex number (only 8 or 16 hex digits accepted): %s ...\n", t.line, t.text)
	case t.kind == tokBad || t.kind == tokWord && !keywords[t.text]:
		first = fmt.Sprintf("line %d: unknown token: %s ...\n", t.line, t.text)
	case t.kind == tokNumber || t.kind == tokHex32 || t.kind == tokHex64:
		not = ", not some number"
	case t.kind == tokString:
		not = ", not some string"
	default:
		not = fmt.Sprintf(", not '%s'", t.text)
	}
	return &DumpError{Line: t.line, Text: fmt.Sprintf("%sParse error in line %d: %s expected%s", first, t.line, want, not)}
}
