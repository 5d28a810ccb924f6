package config

import (
	"fmt"
	"slices"
	"strings"
)

// Haresources is the file haresources: the groups in the order in which they
// are started.
type Haresources struct {
	File   string
	Groups []Group
}

// Group is one logical line: a node and what it normally runs.
type Group struct {
	Home      string // node in lower case
	Key       string // the second word; names the group on the wire and to the scripts
	Resources []Resource
	Pos       Pos
}

// Line is the group as the original prints it: its words separated by blanks.
func (g Group) Line() string {
	words := []string{g.Home}
	for _, r := range g.Resources {
		words = append(words, r.Raw)
	}
	return strings.Join(words, " ")
}

// MissingHaresources is the finding for a haresources that cannot be read.
func MissingHaresources(name string, err error) Findings {
	o := origName(name)
	return Findings{{
		Level: Fail, Refuse: true, Stage: StageResources, Pos: Pos{File: plainName(name)},
		Text:   fmt.Sprintf("cannot be read: %v", err),
		Remedy: "copy it from the other node; an empty file will do for a start",
		Original: []string{
			"ERROR: Cannot open resources file [" + o + "]",
			"info: An annotated sample " + o + " file is provided in the documentation.",
			"info: Please copy it to " + o + ", read it, customize it, and try again.",
		},
	}}
}

// groupWord is a word of haresources with its place.
type groupWord struct {
	text string
	pos  Pos
}

type haresParser struct {
	file, orig string
	nodes      []string
	env        *Env
	found      Findings
	logical    [][]groupWord // words of each group, node first
	missing    map[string]bool
}

// ParseHaresources reads haresources as ResourceManager does, with the daemon's
// check that every line begins with a node (heartbeat-config 5). nodes are
// those of ha.cf, in lower case.
//
// Forgiven with a warning: lines that go on without a backslash (they begin
// with something that is clearly a resource), a blank before "::", script names
// in other letter case, IPv6 addresses, CR LF and a byte-order mark. A script
// that does not exist is a failure but does not refuse the start, as in the
// original: the other groups can still be served.
func ParseHaresources(name string, data []byte, nodes []string, env Env) (*Haresources, Findings) {
	p := &haresParser{file: plainName(name), orig: origName(name), nodes: nodes, env: &env, missing: map[string]bool{}}
	p.lines(data)
	h := &Haresources{File: p.file}
	for _, line := range p.logical {
		if g, ok := p.group(line); ok {
			h.Groups = append(h.Groups, g)
		}
	}
	p.checkKeys(h)
	if len(nodes) > 2 && len(h.Groups) > 0 {
		p.add(Finding{Level: Warn, Pos: Pos{File: p.file},
			Text:   fmt.Sprintf("%d nodes share these groups: the original was made for two, and lets every survivor take the groups of a dead node", len(nodes)),
			Remedy: "let all nodes run this program (one survivor takes a group), or use two nodes"})
	}
	return h, p.found
}

func (p *haresParser) add(f Finding) {
	f.Stage = StageResources
	p.found = append(p.found, f)
}

func (p *haresParser) warn(pos Pos, text, remedy string) {
	p.add(Finding{Level: Warn, Pos: pos, Text: text, Remedy: remedy})
}

func (p *haresParser) isNode(word string) bool {
	return slices.Contains(p.nodes, strings.ToLower(word))
}

// lines joins physical lines to logical ones.
func (p *haresParser) lines(data []byte) {
	lines, bom := splitLines(data, 0)
	if bom {
		p.warn(Pos{File: p.file, Line: 1}, "starts with a byte-order mark, which was ignored", "save it without one: the original refuses the first line")
	}
	crSeen := false
	open, refused := false, false // open: the line before ended in a backslash
	for _, l := range lines {
		if l.cr && !crSeen {
			crSeen = true
			p.warn(Pos{File: p.file, Line: l.num}, "lines end in CR LF, which was read as LF", "convert the file: the original hands the CR to the scripts")
		}
		text, _, comment := strings.Cut(l.text, "#")
		trimmed := strings.TrimRight(text, " \t\r")
		body, continues := strings.CutSuffix(trimmed, "\\")
		pos := Pos{File: p.file, Line: l.num}
		if continues && (trimmed != strings.TrimRight(text, "\r") || comment) {
			p.warn(Pos{p.file, l.num, len(body) + 1}, "a backslash with something behind it was taken for a continued line",
				"let the line end in the backslash: the original does not see it here")
		}
		ws := words(body, " \t\r", 1)
		wasOpen := open
		open = continues && (open || len(ws) > 0)
		if len(ws) == 0 {
			continue
		}
		var line []groupWord
		for _, w := range ws {
			pos.Col = w.col
			line = append(line, groupWord{w.text, pos})
		}
		switch {
		case wasOpen && len(p.logical) > 0 && !refused:
			p.extend(line)
		case wasOpen && refused:
		case p.isNode(line[0].text):
			p.logical = append(p.logical, line)
			refused = false
		case len(p.logical) > 0 && !refused && p.looksLikeResource(line):
			p.warn(line[0].pos, fmt.Sprintf("%q is not a node; the line was taken for the continuation of line %d", line[0].text, p.last()[0].pos.Line),
				"end the line above in a backslash: the original refuses to start")
			p.extend(line)
		default:
			refused = true
			p.badNode(line[0])
		}
	}
}

func (p *haresParser) last() []groupWord { return p.logical[len(p.logical)-1] }

func (p *haresParser) extend(line []groupWord) {
	p.logical[len(p.logical)-1] = append(p.last(), line...)
}

// looksLikeResource decides whether a line that begins with no node can only go
// on with the line above. A misspelt node name must not end up as a resource.
func (p *haresParser) looksLikeResource(line []groupWord) bool {
	first := line[0].text
	if strings.Contains(first, "::") || isIPv4Word(first) || len(line) > 1 && strings.HasPrefix(line[1].text, "::") {
		return true
	}
	name, _ := p.scriptName(first)
	return name != ""
}

func (p *haresParser) badNode(w groupWord) {
	var original []string
	if !p.found.Refused() { // the original stops at the first
		original = []string{"ERROR: Bad nodename in " + p.orig + " [" + w.text + "]"}
	}
	remedy := "the line must begin with one of: " + strings.Join(p.nodes, " ")
	lower := strings.ToLower(w.text)
	short, _, _ := strings.Cut(lower, ".")
	for _, n := range p.nodes {
		if nShort, _, _ := strings.Cut(n, "."); nShort == short || nearest(lower, []string{n}) != "" {
			remedy = "write " + n + " as in ha.cf"
			break
		}
	}
	p.add(Finding{Level: Fail, Refuse: true, Pos: w.pos, Text: fmt.Sprintf("%q is neither a node of ha.cf nor a resource that could continue the line above", w.text),
		Remedy: remedy, Original: original})
}

// group turns the words of a logical line into a group.
func (p *haresParser) group(line []groupWord) (Group, bool) {
	g := Group{Home: strings.ToLower(line[0].text), Pos: line[0].pos}
	var joined []groupWord
	glued := false
	note := func() {
		if last := len(joined) - 1; glued && last >= 0 {
			p.warn(joined[last].pos, fmt.Sprintf("a blank before \"::\"; taken for %s", joined[last].text), "remove the blanks: the original would look for a script without a name")
		}
		glued = false
	}
	for _, w := range line[1:] {
		if strings.HasPrefix(w.text, "::") && len(joined) > 0 {
			joined[len(joined)-1].text += w.text
			glued = true
			continue
		}
		note()
		joined = append(joined, w)
	}
	note()
	// A backslash that is still at the end would join the next group when printed.
	for n := len(joined); n > 0 && strings.HasSuffix(joined[n-1].text, "\\"); n = len(joined) {
		if joined[n-1].text = strings.TrimRight(joined[n-1].text, "\\"); joined[n-1].text == "" {
			joined = joined[:n-1]
		}
	}
	for _, w := range joined {
		if r, ok := p.resource(w); ok {
			g.Resources = append(g.Resources, r)
		}
	}
	if len(g.Resources) == 0 {
		p.warn(g.Pos, fmt.Sprintf("the line of %s has no resource and was ignored", g.Home), "add resources or remove the line")
		return g, false
	}
	g.Key = g.Resources[0].Raw
	return g, true
}

// resource reads one word.
func (p *haresParser) resource(w groupWord) (Resource, bool) {
	r := Resource{Raw: w.text, Pos: w.pos}
	if strings.ContainsAny(w.text, "\"'") {
		p.warn(w.pos, fmt.Sprintf("%s: quotes have no meaning here and are part of the word", w.text), "write the argument without quotes and blanks")
	}
	switch head, _, _ := strings.Cut(w.text, "::"); {
	case isIPv4Word(w.text):
		_, r.Args, _ = splitResource("IPaddr::" + w.text)
		r.Script = "IPaddr"
	case isIPv6Word(w.text):
		p.warn(w.pos, fmt.Sprintf("%s was taken for IPv6addr::%s", w.text, w.text), "write IPv6addr::"+w.text+": the original has a short form for IPv4 only")
		r.Script, r.Args = "IPv6addr", []string{w.text}
	case head == "":
		p.add(Finding{Level: Fail, Pos: w.pos, Text: fmt.Sprintf("%q has no script before the \"::\"", w.text), Remedy: "write SCRIPT::ARGUMENT"})
		return r, false
	default:
		var sixes []string
		r.Script, r.Args, sixes = splitResource(w.text)
		for _, six := range sixes {
			p.warn(w.pos, fmt.Sprintf("%s: %s was taken for one IPv6 address", r.Script, six), "the original would cut it at its \"::\"; there is no way to write it for both")
		}
	}
	p.findScript(&r)
	return r, true
}

// scriptName finds the script that a word names: as written, or in other
// letter case. known is false if nothing is known about scripts.
func (p *haresParser) scriptName(name string) (found string, known bool) {
	if p.env.Script == nil {
		return "", false
	}
	if _, ok := p.env.Script(name); ok {
		return name, true
	}
	for _, s := range p.env.scripts() {
		if strings.EqualFold(s, name) {
			return s, true
		}
	}
	return "", true
}

// knownScripts are names from the world of Heartbeat, for suggestions where
// the machine has nothing near.
var knownScripts = []string{"drbddisk", "drbdupper", "Filesystem", "IPaddr", "IPaddr2", "IPv6addr", "IPsrcaddr", "MailTo", "LVM", "Raid1", "apache",
	"SendArp", "portblock", "Delay", "db2", "WAS", "Xinetd", "ldirectord"}

// findScript corrects the letter case of a script's name and complains about
// one that does not exist (each name once).
func (p *haresParser) findScript(r *Resource) {
	name, known := p.scriptName(r.Script)
	switch {
	case !known || name == r.Script:
	case name != "":
		p.warn(r.Pos, fmt.Sprintf("there is no script %q; %q was taken for it", r.Script, name), "write "+name)
		r.Script = name
	case !p.missing[r.Script]:
		p.missing[r.Script] = true
		text := fmt.Sprintf("there is no resource script %q: starting the group would fail", r.Script)
		remedy := "put it into " + HADir + "/" + ResourceDirName + " or /etc/init.d, make it executable, or correct the name"
		if near := nearest(r.Script, p.env.scripts()); near != "" {
			remedy = fmt.Sprintf("did you mean %q? It exists", near)
		} else if near := nearest(r.Script, knownScripts); near != "" && near != r.Script {
			remedy = fmt.Sprintf("did you mean %q? It is not installed here either", near)
		}
		path := p.file[:strings.LastIndexByte(p.file, '/')+1] + ResourceDirName + "/" + r.Script
		if p.env.stat(path, NoFile).Kind == Regular {
			text, remedy = fmt.Sprintf("the resource script %s is not executable: starting the group would fail", path), "chmod 755 "+path
		}
		p.add(Finding{Level: Fail, Pos: r.Pos, Text: text, Remedy: remedy})
	}
}
