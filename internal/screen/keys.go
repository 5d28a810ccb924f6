package screen

import "unicode/utf8"

// Key is a key that was pressed: a character, or one of the following.
type Key rune

// Keys without a character.
const (
	KeyUp Key = -1 - iota
	KeyDown
	KeyPageUp
	KeyPageDown
	KeyHome
	KeyEnd
	KeyEsc
	keyOther // a sequence that we do not know
)

// Characters with control.
const (
	CtrlC Key = 3
	CtrlL Key = 12
)

var sequences = map[string]Key{
	"[A": KeyUp, "[B": KeyDown, "OA": KeyUp, "OB": KeyDown,
	"[5~": KeyPageUp, "[6~": KeyPageDown,
	"[H": KeyHome, "[F": KeyEnd, "OH": KeyHome, "OF": KeyEnd,
	"[1~": KeyHome, "[4~": KeyEnd, "[7~": KeyHome, "[8~": KeyEnd,
}

// parseKeys takes what one read returned; a terminal sends a sequence in one
// piece, so an escape character at the end is the key itself.
func parseKeys(b []byte) []Key {
	var out []Key
	for len(b) > 0 {
		if b[0] != 0x1b {
			r, n := utf8.DecodeRune(b)
			out = append(out, Key(r))
			b = b[n:]
			continue
		}
		n := sequenceLength(b)
		switch k, ok := sequences[string(b[1:n])]; {
		case n == 1:
			out = append(out, KeyEsc)
		case ok:
			out = append(out, k)
		default:
			out = append(out, keyOther)
		}
		b = b[n:]
	}
	return out
}

// sequenceLength is the length of the escape sequence that b begins with.
func sequenceLength(b []byte) int {
	if len(b) < 2 {
		return 1
	}
	switch b[1] {
	case 'O':
		return min(3, len(b))
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= 0x40 && b[i] <= 0x7e {
				return i + 1
			}
		}
		return len(b)
	}
	return 2 // Alt and a character
}
