package config

import (
	"fmt"
	"strconv"
	"strings"
)

// volume reads "volume N { ... }".
func (p *parser) volume(list *[]*Volume, h *Host) {
	number := p.integer()
	n, _ := ParseNumber(number.text, Plain)
	p.expect('{')
	v := &Volume{Pos: p.here(), Number: int(min(n, 1<<31-1)), Minor: -1}
	*list = append(*list, v)
	if v.Number > 65535 {
		p.warn(number.pos, fmt.Sprintf("volume %s cannot be configured", number.text), "use numbers from 0 to 65535")
	}
	words := []string{"disk", "device", "meta-disk", "flexible-meta-disk"}
	if h != nil && h.Kind == Stacked {
		words = []string{"device"}
	}
	for {
		t := p.next()
		if t.is('}') {
			break
		}
		name := p.keyword(t, wantVolume, words...)
		if name == "" {
			p.fatal(wantVolume, t, suggest(t.text, words))
		}
		p.volumeStatement(t, name, v, h)
	}
}

// implicitVolume is volume 0 of statements that stand outside of "volume N".
func (p *parser) implicitVolume(list *[]*Volume, at Pos) *Volume {
	if v := findVolume(*list, 0); v != nil {
		if !v.Implicit {
			p.bad(at, "mixing explicit and implicit volumes is not allowed", "put the statement into volume 0 { }")
		}
		return v
	}
	v := &Volume{Pos: at, Implicit: true, Minor: -1}
	*list = append(*list, v)
	return v
}

// volumeStatement reads one statement that describes a volume; h is nil at
// resource level.
func (p *parser) volumeStatement(t token, name string, v *Volume, h *Host) {
	switch name {
	case "device":
		p.device(t, v, h)
	case "disk":
		p.disk(v)
	case "meta-disk":
		p.metaDisk(v)
	case "flexible-meta-disk":
		v.MetaDisk, v.MetaIndex = p.str().text, MetaFlexible
		if v.MetaDisk == MetaInternal {
			v.MetaIndex = MetaInternal
		}
		p.expect(';')
	}
}

func (p *parser) disk(v *Volume) {
	t := p.diskToken()
	switch {
	case t.is('{'):
		p.sectionAt = p.here()
		p.options(SectionDisk, func(Section) *[]Option { return &v.DiskOptions })
	case t.isString():
		v.Disk = t.text
		p.expect(';')
	default:
		p.fatal(wantDiskValue, t, `write the device, for example disk /dev/sda1;`)
	}
}

// diskToken is the device or the brace behind disk.
func (p *parser) diskToken() token {
	t := p.next()
	if t.kind == tokBroken {
		p.lexFailed(unterminated(t))
	}
	return t
}

// metaDisk reads "internal", "DEV" (flexible) or "DEV [N]".
func (p *parser) metaDisk(v *Volume) {
	dev := p.str()
	v.MetaDisk = dev.text
	if dev.text == MetaInternal {
		v.MetaIndex = MetaInternal
		if t := p.next(); !t.is(';') {
			p.fatal(wantPunct(';'), t, "internal metadata has no slots: write meta-disk internal;")
		}
		return
	}
	v.MetaIndex = MetaFlexible
	t := p.next()
	switch {
	case t.is('['):
		v.MetaIndex = p.integer().text
		p.expect(']')
		p.expect(';')
	case !t.is(';'):
		p.fatal(wanted{"[ | ;", false}, t, "write meta-disk DEVICE; or meta-disk DEVICE [N];")
	}
}

// device reads "NAME [minor N];" or "minor N;" (drbd-config 3).
func (p *parser) device(t token, v *Volume, h *Host) {
	name, minor, ok := p.deviceTokens(t)
	if name != "" {
		v.Device = name
	}
	if ok {
		v.Minor = minor
		if minor >= 1<<20 {
			p.warn(t.pos, fmt.Sprintf("minor %d cannot be configured", minor), "use minors from 0 to 1048575")
		}
	} else {
		v.Minor = -1
	}
	at := t.pos
	if !v.Implicit {
		at = v.Pos
	}
	if h != nil && (name != "" || ok) {
		p.uniqueDevice(h, v, at)
	}
}

// deviceTokens reads the words behind device. ok says that there is a minor.
func (p *parser) deviceTokens(t token) (name string, minor int, ok bool) {
	first := p.next()
	if first.word("minor") {
		n := p.minor()
		p.expect(';')
		return "", n, true
	}
	if !first.isString() {
		// The original passes over the token and says nothing yet (seen).
		p.add(Finding{Level: Error, Pos: t.pos, Text: fmt.Sprintf("device %s is no device", first.text), Remedy: "write device /dev/drbdN; or device minor N;", Ours: true})
		if first.is('}') || first.kind == tokEOF {
			panic(stop{})
		}
		return "", 0, false
	}
	name = first.text
	if !strings.HasPrefix(name, "/dev/") {
		name = "/dev/" + name
	}
	drbd := strings.HasPrefix(name, "/dev/drbd")
	if !drbd {
		p.bad(t.pos, "device name must start with /dev/drbd\n\t(/dev/ is optional, but drbd is required)", "")
	}
	digits := strings.TrimPrefix(name, "/dev/drbd")
	byName, numbered := 0, drbd && digits != "" && span(digits, isDigit) == len(digits)
	if numbered {
		n, err := strconv.ParseInt(digits, 10, 32)
		byName, numbered = int(n), err == nil
	}
	next := p.next()
	switch {
	case next.is(';'):
		if !numbered {
			p.bad(t.pos, "no minor given nor device name contains a minor number", fmt.Sprintf("write device %s minor N;", name))
		}
		return name, byName, numbered
	case next.word("minor"):
		minor = p.minor()
		p.expect(';')
		if numbered && minor != byName {
			p.bad(t.pos, fmt.Sprintf("explicit minor number must match with device name\n\tTry \"device /dev/drbd%d minor %d;\",\n\tor leave off either device name or explicit minor.\n"+
				"\tArbitrary device names must start with /dev/drbd_\n\tmind the '_'! (/dev/ is optional, but drbd_ is required)", minor, minor), "")
		} else if !numbered && !strings.HasPrefix(name, "/dev/drbd_") {
			p.bad(t.pos, "arbitrary device name must start with /dev/drbd_\n\tmind the '_'! (/dev/ is optional, but drbd_ is required)", "")
		}
		return name, minor, true
	}
	p.fatal(wantMinor, next, fmt.Sprintf("write device %s; or device %s minor N;", name, name))
	return "", 0, false
}

func (p *parser) minor() int {
	n, _ := ParseNumber(p.integer().text, Plain)
	return int(min(n, 1<<31-1))
}

// uniqueDevice records minor and name of a device for each host that has it.
func (p *parser) uniqueDevice(h *Host, v *Volume, at Pos) {
	for _, n := range h.Names {
		if v.Minor >= 0 {
			p.unique(at, "device-minor", fmt.Sprintf("device-minor:%s:%d", n, v.Minor))
		}
		if v.Device != "" {
			p.unique(at, "device", "device:"+n+":"+v.Device)
		}
	}
}
