package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"classicha/heartbeatd/message"
)

// MissingAuthkeys is the finding for an authkeys that cannot be read.
func MissingAuthkeys(name string, err error) Findings {
	remedy := "copy it from the other node, or write \"auth 1\" and \"1 sha1 SECRET\" and make it mode 600"
	if errors.Is(err, fs.ErrPermission) {
		remedy = "run this as root"
	}
	return Findings{{
		Level: Fail, Refuse: true, Stage: StageAuth, Pos: Pos{File: plainName(name)},
		Text:     fmt.Sprintf("cannot be read: %v", err),
		Remedy:   remedy,
		Original: []string{"ERROR: Cannot open keyfile [" + origName(name) + "].  Stop."},
	}}
}

// authParser is the state while authkeys is read.
type authParser struct {
	file, orig string
	found      Findings
	keys       message.Keys
	lineOf     map[int]int // key number -> line
	auth       int         // number of the latest auth line, -1 none
	authPos    Pos
	current    bool // the key of the auth line was read after it
}

// ParseAuthkeys reads authkeys (heartbeat-config 4). mode is that of the file:
// a key that others can read refuses the start. The keys are nil if refused.
func ParseAuthkeys(name string, data []byte, mode fs.FileMode) (*message.Keys, Findings) {
	p := &authParser{
		file: plainName(name), orig: origName(name), auth: -1, lineOf: map[int]int{},
		keys: message.Keys{ByNum: map[int]message.Key{}},
	}
	if mode.Perm()&0o044 != 0 {
		p.fail(Pos{File: p.file}, fmt.Sprintf("has mode %03o: its secret can be read by others", mode.Perm()), "chmod 600 "+p.file,
			"ERROR: Bad permissions on keyfile ["+p.orig+"], 600 recommended.")
		return nil, p.found
	}
	lines, bom := splitLines(data, 0)
	if bom {
		p.add(Finding{Level: Warn, Pos: Pos{File: p.file, Line: 1}, Text: "starts with a byte-order mark, which was ignored",
			Remedy: "save it without one: the original refuses the first line"})
	}
	for _, l := range lines {
		p.readLine(l)
	}
	switch {
	case p.auth < 0:
		p.fail(Pos{File: p.file}, "there is no auth line, so that no key is chosen for signing", "add \"auth 1\" as the first line",
			"ERROR: Missing auth directive in keyfile ["+p.orig+"]")
	case !p.current:
		text, remedy := fmt.Sprintf("auth %d names a key that does not exist", p.auth), fmt.Sprintf("add a line \"%d sha1 SECRET\" below it", p.auth)
		if at, ok := p.lineOf[p.auth]; ok {
			text = fmt.Sprintf("auth %d stands below the key that it names (line %d)", p.auth, at)
			remedy = "move the auth line to the top"
		}
		p.fail(p.authPos, text, remedy, fmt.Sprintf("ERROR: Auth Key [%d] not found in keyfile [%s]", p.auth, p.orig))
	case p.auth != p.keys.Current:
		p.add(Finding{Level: Warn, Pos: p.authPos, Text: fmt.Sprintf("auth %d is ignored: no key %d follows it, so that key %d signs", p.auth, p.auth, p.keys.Current),
			Remedy: "leave one auth line, at the top"})
	}
	if key, ok := p.keys.ByNum[p.keys.Current]; ok && p.current && key.Method == message.CRC {
		p.add(Finding{Level: Warn, Pos: Pos{File: p.file, Line: p.lineOf[p.keys.Current]},
			Text:   "crc is no authentication, it only finds damaged packets: anybody on the network can take part in the cluster",
			Remedy: "use sha1 with a secret, unless the links are private"})
	}
	if p.found.Refused() {
		return nil, p.found
	}
	return &p.keys, p.found
}

func (p *authParser) add(f Finding) {
	f.Stage = StageAuth
	p.found = append(p.found, f)
}

func (p *authParser) fail(pos Pos, text, remedy string, original ...string) {
	p.add(Finding{Level: Fail, Refuse: true, Pos: pos, Text: text, Remedy: remedy, Original: original})
}

// space is what C's scanf takes for white space.
const space = " \t\r\v\f"

func (p *authParser) readLine(l sourceLine) {
	args := words(l.text, space, 1)
	if len(args) == 0 || args[0].text[0] == '#' {
		return
	}
	pos := Pos{File: p.file, Line: l.num, Col: args[0].col}
	quoted := l.text + l.end // as the original quotes it
	if l.cr {
		quoted = l.text + "\r" + l.end
	}
	if args[0].text[0] == 'a' {
		// The blank between the two may be missing: the original's scanf does not need it.
		word, ok := strings.CutPrefix(args[0].text, "auth")
		if ok && word == "" && len(args) > 1 {
			word = args[1].text
		}
		n, isNum := scanInt(word)
		if !ok || !isNum {
			p.fail(pos, fmt.Sprintf("%q is not \"auth\" with the number of a key", strings.TrimSpace(l.text)), "write auth 1",
				"ERROR: Invalid auth line ["+quoted+"] in "+p.orig)
			return
		}
		p.auth, p.authPos = n, pos
		return
	}
	// scanf reads the number as far as it goes: "1sha1 x" is number 1.
	digits := scanDigits(args[0].text)
	if rest := args[0].text[digits:]; digits > 0 && rest != "" {
		args = append([]token{{args[0].text[:digits], args[0].col}, {rest, args[0].col + digits}}, args[1:]...)
	}
	if digits == 0 || len(args) < 2 {
		remedy := "write a number, a method (sha1, md5, crc) and a secret, as in \"1 sha1 SECRET\""
		if strings.EqualFold(args[0].text, "auth") {
			remedy = "write auth in lower case"
		}
		p.fail(pos, "this line is neither a key nor an auth line", remedy, "ERROR: Auth line ["+quoted+"] is invalid.")
		return
	}
	p.keyLine(args, pos)
}

// keyLine reads NUMBER METHOD [KEY].
func (p *authParser) keyLine(args []token, pos Pos) {
	num, ok := scanInt(args[0].text)
	if !ok || num < 0 || num > message.MaxKeyNum {
		p.fail(pos, fmt.Sprintf("key number %s is not one of 0 to %d", args[0].text, message.MaxKeyNum), "renumber the key, here and in the auth line",
			"ERROR: Invalid authnum ["+args[0].text+"] in "+p.orig)
		return
	}
	word := args[1]
	method, err := message.ParseMethod(word.text)
	if err != nil {
		remedy := "use sha1, md5 or crc"
		if near := nearest(word.text, []string{"sha1", "md5", "crc"}); near != "" {
			remedy = "write " + near
		}
		p.fail(Pos{p.file, pos.Line, word.col}, fmt.Sprintf("%q is not an authentication method (keys that are not used are checked as well)", word.text), remedy,
			"ERROR: Invalid authtype ["+word.text+"]")
		return
	}
	var secret []byte
	switch {
	case method == message.CRC && len(args) > 2:
		p.fail(Pos{p.file, pos.Line, args[2].col}, "method crc has no secret", "remove the word behind crc, or use sha1",
			"info: Auth method [crc] doesn't use a key")
		return
	case method != message.CRC && len(args) < 3:
		p.fail(pos, fmt.Sprintf("method %s needs a secret", word.text), fmt.Sprintf("write %d %s SECRET", num, word.text),
			"ERROR: Auth method ["+word.text+"] requires a key")
		return
	case method != message.CRC:
		secret = []byte(args[2].text)
		if len(args) > 3 {
			p.add(Finding{Level: Warn, Pos: Pos{p.file, pos.Line, args[3].col}, Text: "a secret is one word; what follows it was ignored",
				Remedy: "write the secret without blanks, the same on all nodes"})
		}
	}
	if at, again := p.lineOf[num]; again {
		p.add(Finding{Level: Warn, Pos: pos, Text: fmt.Sprintf("key %d stands in line %d already; the later line counts", num, at), Remedy: "remove one of them"})
	}
	p.lineOf[num] = pos.Line
	p.keys.ByNum[num] = message.Key{Method: method, Secret: secret}
	if num == p.auth {
		p.current, p.keys.Current = true, num
	}
}

// scanDigits is the length of the integer at the beginning of s, sign included.
func scanDigits(s string) int {
	i := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		i = 1
	}
	start := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == start {
		return 0
	}
	return i
}

// scanInt reads the integer at the beginning of s.
func scanInt(s string) (int, bool) {
	n, _ := atoi(s)
	return n, scanDigits(s) > 0
}
