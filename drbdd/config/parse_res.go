package config

import "fmt"

// resourceWords are the statements of a resource (drbd-config 3).
var resourceWords = []string{"protocol", "on", "floating", "stacked-on-top-of", "ignore-on", "_this_host", "_remote_host",
	"disk", "net", "syncer", "startup", "handlers", "options", "proxy", "device", "meta-disk", "flexible-meta-disk", "volume"}

// sectionKeys are what the original calls the sections that may be there once.
var sectionKeys = map[string]struct {
	section Section
	what    string
	key     string
}{
	"disk":     {SectionDisk, "disk section", "disk"},
	"net":      {SectionNet, "net section", "net"},
	"syncer":   {SectionSyncer, "syncer section", "syncer"},
	"startup":  {SectionStartup, "startup section", "startup"},
	"handlers": {SectionHandlers, "handlers section", "handlers"},
	"options":  {SectionOptions, "resource options section", "res_options"},
	"proxy":    {SectionProxy, "proxy section", "proxy"},
}

// resourceBody reads the statements of a resource or of common, up to the brace
// or the end of the file.
func (p *parser) resourceBody(r *Resource) {
	outer := p.cur
	p.cur = r
	for {
		t := p.next()
		if t.is('}') || t.kind == tokEOF {
			if t.kind == tokEOF && !p.inShow {
				p.warn(t.pos, fmt.Sprintf("the file ends within resource %s", r.Name), "write a } at the end")
			}
			break
		}
		p.resourceStatement(r, t)
	}
	p.settleNine(r)
	p.settleOld(r)
	p.compareHosts(r)
	p.cur = outer
}

func (p *parser) resourceStatement(r *Resource, t token) {
	switch name := p.keyword(t, wantResource, resourceWords...); name {
	case "protocol":
		p.protocol(r, t)
	case "on":
		p.on(r)
	case "floating":
		p.floating(r, t)
	case "stacked-on-top-of":
		p.stacked(r, t)
	case "_this_host":
		p.showHost(r, ThisHost, name)
	case "_remote_host":
		p.showHost(r, RemoteHost, name)
	case "ignore-on":
		p.ignoreOn(r, t)
	case "disk":
		p.diskAtResource(r, t)
	case "net", "syncer", "startup", "handlers", "options", "proxy":
		p.section(r, t, name)
	case "device", "meta-disk", "flexible-meta-disk":
		if name == "device" {
			p.unique(t.pos, "device statement", r.Name+":device")
		}
		p.volumeStatement(t, name, p.implicitVolume(&r.Volumes, t.pos), nil)
	case "volume":
		p.volume(&r.Volumes, nil)
	default:
		p.resourceOther(r, t)
	}
}

// resourceOther reads what drbdadm 8.4 does not know in a resource.
func (p *parser) resourceOther(r *Resource, t token) {
	if t.word("skip") { // 0.7 allows it here too
		p.slip(wantResource, t, "skip within a resource", "since 8.0 it may only stand outside of resources")
		p.skip(t)
		return
	}
	if old := p.oldWord(SectionResource, t, wantResource); old != nil { // incon-degr-cmd
		p.incon(t)
		return
	}
	if p.nineResource(r, t) {
		return
	}
	remedy := elsewhere(SectionResource, t.text)
	if remedy == "" {
		remedy = suggest(t.text, resourceWords)
	}
	p.fatal(wantResource, t, remedy)
}

// protocol reads the statement of 0.7 to 8.3; it is an option of net today.
func (p *parser) protocol(r *Resource, t token) {
	p.unique(t.pos, "protocol statement", r.Name+": protocol")
	v := p.str()
	p.expect(';')
	d := Lookup(SectionNet, "protocol")
	r.Net = append(r.Net, Option{Def: d, Name: d.Name, Value: p.protocolWord(t.pos, v), Pos: t.pos})
	p.note(t.pos, "protocol outside of net { } is the form before 8.4", "")
}

// section reads an option section at resource level.
func (p *parser) section(r *Resource, t token, name string) {
	k := sectionKeys[name]
	p.unique(t.pos, k.what, r.Name+":"+k.key)
	p.expect('{')
	p.sectionAt = p.here()
	switch k.section {
	case SectionStartup:
		p.startup(r)
	case SectionProxy:
		p.proxyOptions(&r.Proxy, &r.ProxyPlugins)
	default:
		p.options(k.section, r.section)
	}
}

// startup reads the section of that name, which has two statements of its own.
func (p *parser) startup(r *Resource) {
	for {
		t := p.next()
		if t.is('}') {
			return
		}
		switch p.keyword(t, wantOption, "become-primary-on", "stacked-timeouts") {
		case "become-primary-on":
			r.BecomePrimaryOn = p.hosts() // the last statement counts (seen)
		case "stacked-timeouts":
			r.StackedTimeouts = true
			p.expect(';')
		default:
			p.option(SectionStartup, t, wantOption, r.section)
		}
	}
}

// hosts reads host names up to the semicolon.
func (p *parser) hosts() []string {
	first := p.next()
	if !first.is(';') {
		first = p.plain(wantHosts, first)
	}
	if !first.isString() {
		w := wantHosts
		if first.is(';') {
			w = wantString
		}
		p.fatal(w, first, "write host names with blanks between them, and a semicolon")
	}
	names := []string{first.text}
	for {
		t := p.plain(wantHosts, p.next())
		if t.is(';') {
			return names
		}
		if !t.isString() {
			p.fatal(wantHosts, t, "write host names with blanks between them, and a semicolon")
		}
		names = append(names, t.text)
	}
}

// ignoreOn reads a statement that drbd-utils 9.22 accepts and forgets (seen).
func (p *parser) ignoreOn(r *Resource, t token) {
	at := p.here()
	p.add(Finding{Level: Warn, Pos: t.pos, Original: fmt.Sprintf("%s: in resource %s, WARN: The 'ignore-on' keyword is deprecated.\n", at, r.Name),
		Remedy: "leave it out: a host that no section names ignores the resource"})
	p.str()
	p.expect(';')
}

// diskAtResource reads "disk { options }" or "disk DEVICE;".
func (p *parser) diskAtResource(r *Resource, t token) {
	v := p.diskToken()
	switch {
	case v.is('{'):
		p.unread(v)
		p.section(r, t, "disk")
	case v.isString():
		p.implicitVolume(&r.Volumes, t.pos).Disk = v.text
		p.expect(';')
	default:
		p.fatal(wantDiskValue, v, "")
	}
}
