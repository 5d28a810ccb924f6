package config

import (
	"fmt"
	"strconv"
	"strings"
)

// oldWord recognises a word of 0.7 that no later tool takes, and says what it
// means today. Its value is still to be read.
func (p *parser) oldWord(s Section, t token, w wanted) *OldWord {
	if t.kind != tokWord {
		return nil
	}
	old := LookupOld(s, strings.ToLower(t.text))
	if old == nil || old.Accepted {
		return nil
	}
	p.oldEra = true
	p.slip(w, t, fmt.Sprintf("%s of DRBD %s: %s", old.Name, old.Since, old.Meaning), "the tools of 8.x refuse the file")
	return old
}

// oldOption reads an option of 0.7 in an option section.
func (p *parser) oldOption(s Section, t token, w wanted, into func(Section) *[]Option) bool {
	old := p.oldWord(s, t, w)
	if old == nil {
		return false
	}
	v := p.optionToken()
	p.expect(';')
	switch old.Name {
	case "group":
		n, err := strconv.Atoi(v.text)
		if err != nil || n < 0 || n > 1000 {
			p.bad(t.pos, rangeText("group", v.text, uint64(max(n, 0)), 0, 1000, Plain), "write group from 0 to 1000")
			return true
		}
		p.cur.group = n
	case "on-disconnect":
		p.onDisconnect(t, v.text)
	}
	return true
}

func (p *parser) onDisconnect(t token, value string) {
	switch value {
	case "reconnect", "stand_alone", "freeze_io":
		p.cur.OnDisconnect = value
	default:
		p.bad(t.pos, fmt.Sprintf("one of 'reconnect|stand_alone|freeze_io' expected, not '%s'.", value), "leave it out: reconnect is what happens")
	}
}

// incon reads "incon-degr-cmd STRING;", which became a handler.
func (p *parser) incon(t token) {
	v := p.optionToken()
	p.expect(';')
	d := Lookup(SectionHandlers, "pri-on-incon-degr")
	p.incons = append(p.incons, inconCmd{Option{Def: d, Name: d.Name, Value: v.text, Pos: t.pos}})
}

// inconCmd is an incon-degr-cmd that waits for the end of its resource: the
// handler of today goes before (drbd-config 7).
type inconCmd struct {
	opt Option
}

// settleOld gives the words of 0.7 their place when a resource is complete.
func (p *parser) settleOld(r *Resource) {
	for _, ic := range p.incons {
		if _, set := Last(r.Handlers, ic.opt.Name); set {
			p.warn(ic.opt.Pos, "incon-degr-cmd has no effect beside the handler pri-on-incon-degr", "leave it out")
			continue
		}
		r.Handlers = append(r.Handlers, ic.opt)
	}
	p.incons = nil
}

// settleGroups turns the groups of 0.7 into resync-after: the first of a group
// waits for the last of the group before; a resource without group is in group
// 0, as in 0.7 (drbd-config 6).
func (p *parser) settleGroups() {
	used := false
	for _, r := range p.cfg.Resources {
		used = used || r.group >= 0
	}
	if !used {
		return
	}
	for _, r := range p.cfg.Resources {
		if _, set := Last(r.Disk, "resync-after"); set {
			continue
		}
		before := lastBefore(p.cfg.Resources, max(r.group, 0))
		if before == nil {
			continue
		}
		d := Lookup(SectionDisk, "resync-after")
		r.Disk = append(r.Disk, Option{Def: d, Name: d.Name, Value: before.Name, Pos: r.Pos})
	}
}

// lastBefore is the last resource of the next smaller group.
func lastBefore(rs []*Resource, group int) *Resource {
	var best *Resource
	for _, r := range rs {
		if g := max(r.group, 0); g < group && (best == nil || g >= max(best.group, 0)) {
			best = r
		}
	}
	return best
}
