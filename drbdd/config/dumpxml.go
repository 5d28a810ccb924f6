package config

import (
	"strings"
)

// DumpXML is what "drbdadm dump-xml" of 8.4 prints for a configuration that it
// accepts.
func (c *Config) DumpXML(mode DumpMode) string {
	x := &xmlDumper{dumper{mode: mode, conf: c, common: c.Common}}
	x.open("config", "file", c.File)
	x.global(&c.Global)
	if c.Common != nil {
		x.open("common")
		x.sections(c.Common, false)
		x.close("common")
	}
	for _, r := range c.Resources {
		x.resource(r)
	}
	x.close("config")
	return x.b.String()
}

// DumpResourceXML is the part of DumpXML for one resource, as "drbdadm dump-xml
// RES" prints it.
func (c *Config) DumpResourceXML(r *Resource, mode DumpMode) string {
	x := &xmlDumper{dumper{mode: mode, conf: c, common: c.Common}}
	x.resource(r)
	return x.b.String()
}

type xmlDumper struct{ dumper }

var xmlEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// tag is a tag with its attributes, name and value in turn.
func tag(name string, attrs ...string) string {
	var b strings.Builder
	b.WriteString("<" + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		b.WriteString(" " + attrs[i] + `="` + xmlEscape.Replace(attrs[i+1]) + `"`)
	}
	return b.String()
}

func (x *xmlDumper) open(name string, attrs ...string) {
	x.printf("%s>\n", tag(name, attrs...))
	x.depth++
}

func (x *xmlDumper) close(name string) {
	x.depth--
	x.printf("</%s>\n", name)
}

// text prints an element with text in it.
func (x *xmlDumper) text(content, name string, attrs ...string) {
	x.printf("%s>%s</%s>\n", tag(name, attrs...), xmlEscape.Replace(content), name)
}

// empty prints an element without content.
func (x *xmlDumper) empty(name string, attrs ...string) {
	x.printf("%s/>\n", tag(name, attrs...))
}

func (x *xmlDumper) global(g *Global) {
	if !x.showGlobal(g) {
		return
	}
	inside := xmlDumper{dumper{depth: x.depth + 1}}
	if g.DisableIPVerification {
		inside.empty("disable-ip-verification")
	}
	if g.MinorCount != 0 {
		inside.empty("minor-count", "count", itoa(g.MinorCount))
	}
	if g.DialogRefresh != 1 {
		inside.empty("dialog-refresh", "refresh", itoa(g.DialogRefresh))
	}
	x.open("global")
	x.b.WriteString(inside.b.String())
	x.close("global")
}

func (x *xmlDumper) resource(r *Resource) {
	x.open("resource", "name", r.Name, "conf-file-line", r.Defined.String())
	for _, h := range r.Hosts {
		x.host(r, h)
	}
	x.sections(r, x.merged())
	x.close("resource")
}

func (x *xmlDumper) sections(r *Resource, merged bool) {
	opts := func(s Section) []Option { return x.sectionOptions(r, s, merged) }
	x.section("options", opts(SectionOptions))
	x.section("net", opts(SectionNet))
	x.section("disk", opts(SectionDisk))
	stacked, hosts := x.startupWords(r)
	if startup := opts(SectionStartup); len(startup) > 0 || stacked || len(hosts) > 0 {
		x.open("section", "name", "startup")
		x.options(startup)
		if stacked {
			x.empty("option", "name", "stacked-timeouts")
		}
		if len(hosts) > 0 {
			x.empty("option", "name", "become-primary-on", "value", strings.Join(hosts, " "))
		}
		x.close("section")
	}
	x.proxySection("proxy", opts(SectionProxy), r.ProxyPlugins)
	x.section("handlers", opts(SectionHandlers))
}

func (x *xmlDumper) section(name string, opts []Option) {
	if len(opts) == 0 {
		return
	}
	x.open("section", "name", name)
	x.options(opts)
	x.close("section")
}

func (x *xmlDumper) options(opts []Option) {
	for _, o := range opts {
		x.empty("option", "name", o.Name, "value", o.Value)
	}
}

func (x *xmlDumper) proxySection(name string, opts []Option, plugins []string) {
	if len(opts) == 0 && len(plugins) == 0 {
		return
	}
	x.open("section", "name", name)
	x.options(opts)
	if len(plugins) > 0 {
		x.open("section", "name", "plugin")
		for _, l := range plugins {
			x.empty("option", "name", l)
		}
		x.close("section")
	}
	x.close("section")
}

func (x *xmlDumper) host(r *Resource, h *Host) {
	if h.Kind == Floating {
		x.open("host", "floating", "1")
	} else {
		x.open("host", "name", h.NameList())
	}
	x.section("options", h.Options)
	for _, v := range h.Volumes {
		x.volume(r, v)
	}
	x.address("address", h.Address)
	if p := h.Proxy; p != nil {
		if x.merged() {
			p = x.conf.ProxyOf(r, h)
		}
		x.open("proxy", "hostname", strings.Join(p.Names, " "))
		x.address("inside", p.Inside)
		x.address("outside", p.Outside)
		x.proxySection("options", p.Options, p.Plugins)
		x.close("proxy")
	}
	x.close("host")
}

func (x *xmlDumper) address(name string, a *Address) {
	if a != nil {
		x.text(a.IP, name, "family", a.Family, "port", a.Port)
	}
}

func (x *xmlDumper) volume(r *Resource, v *Volume) {
	x.open("volume", "vnr", itoa(v.Number))
	x.section("disk", x.volumeOptions(r, v))
	device := v.Device
	if x.merged() {
		device = v.DeviceName()
	}
	x.text(device, "device", "minor", itoa(v.Minor))
	x.text(v.Disk, "disk")
	switch v.MetaIndex {
	case MetaInternal, MetaFlexible:
		x.text(v.MetaDisk, "meta-disk")
	default:
		x.text(v.MetaDisk, "meta-disk", "index", v.MetaIndex)
	}
	x.close("volume")
}
