package drbdadm

import "strings"

// quoteWord makes a word that a shell reads back as it was. The original puts a
// backslash before every byte that is not a letter, a digit or one of these
// (seen), beyond ASCII too.
func quoteWord(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_-./:=@%+", c) >= 0) {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// quoteLine is a command line for -d and -v.
func quoteLine(argv []string) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		words[i] = quoteWord(a)
	}
	return strings.Join(words, " ")
}

// quoteName makes a name that drbd.conf takes: in double quotes if it needs them.
func quoteName(s string) string {
	plain := strings.IndexFunc(s, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("/._-", c))
	}) < 0
	if plain && s != "" && len(s) <= 80 {
		return s
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(s) + `"`
}
