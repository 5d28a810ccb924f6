package config

import (
	"fmt"
	"strconv"
	"strings"
)

// DumpMode says with which option dump was called.
type DumpMode uint8

// Modes of dump. Dry and Verbose show the options of common in every resource
// where they count; Verbose also shows the section global if it says nothing
// but defaults (seen).
const (
	DumpPlain   DumpMode = iota
	DumpDry              // -d
	DumpVerbose          // -v
)

// Dump is what "drbdadm dump" of 8.4 prints for a configuration that it accepts
// (drbd-config 10): sections in a fixed order, older words in today's form. The
// host name is that of this machine.
func (c *Config) Dump(hostname string, mode DumpMode) string {
	d := &dumper{hostname: hostname, mode: mode, conf: c, common: c.Common}
	d.printf("# %s\n", c.File)
	d.global(&c.Global)
	if c.Common != nil {
		d.printf("common {\n")
		d.sections(c.Common, false)
		d.printf("}\n\n")
	}
	for _, r := range c.Resources {
		d.resource(r)
	}
	return d.b.String()
}

// DumpResource is the part of Dump for one resource, as "drbdadm dump RES" prints
// it.
func (c *Config) DumpResource(r *Resource, hostname string, mode DumpMode) string {
	d := &dumper{hostname: hostname, mode: mode, conf: c, common: c.Common}
	d.resource(r)
	return d.b.String()
}

type dumper struct {
	b        strings.Builder
	depth    int
	hostname string
	mode     DumpMode
	conf     *Config
	common   *Resource
}

// printf writes one or more lines, the first indented by four blanks a level.
func (d *dumper) printf(format string, args ...any) {
	fmt.Fprintf(&d.b, "%*s", 4*d.depth, "")
	fmt.Fprintf(&d.b, format, args...)
}

func (d *dumper) merged() bool { return d.mode != DumpPlain }

func (d *dumper) open(format string, args ...any) {
	d.printf(format+" {\n", args...)
	d.depth++
}

func (d *dumper) close() {
	d.depth--
	d.printf("}\n")
}

// Widths of the fields for names.
const (
	nameField  = 24 // less four a level
	addrField  = 16 // address, inside, outside, external meta-disk
	valueField = 3  // values are right-justified
)

func (d *dumper) field() int { return max(nameField-4*d.depth, 0) }

// quote puts a value into quotes if the original does: characters other than
// letters, digits and / . _ -, more than 80 of them, or none.
func quote(s string) string {
	if s != "" && len(s) <= 80 && span(s, isWordByte) == len(s) {
		return s
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(s) + `"`
}

// global prints the section unless it says nothing but defaults. The time
// limits do not count for that, and two of them are always printed: an oddity
// of drbd-utils 9.22 (drbd-config 4.7).
func (d *dumper) global(g *Global) {
	if !d.showGlobal(g) {
		return
	}
	d.open("global")
	if g.DisableIPVerification {
		d.printf("disable-ip-verification;\n")
	}
	if g.MinorCount != 0 {
		d.printf("minor-count %d;\n", g.MinorCount)
	}
	if g.DialogRefresh != 1 {
		d.printf("dialog-refresh %d;\n", g.DialogRefresh)
	}
	if g.Usage != UsageAsk {
		d.printf("usage-count %s;\n", g.Usage)
	}
	if g.CmdTimeoutShort != 5 {
		d.printf("cmd-timeout-short %d;\n", g.CmdTimeoutShort)
	}
	if g.CmdTimeoutMedium != 121 {
		d.printf("cmd-timeout-medium %d;\n", g.CmdTimeoutMedium)
	}
	if g.CmdTimeoutLong != 600 {
		d.printf("cmd-timeout-long %d;\n", g.CmdTimeoutLong)
	}
	d.close()
	d.printf("\n")
}

func (d *dumper) showGlobal(g *Global) bool {
	return d.mode == DumpVerbose || g.DisableIPVerification || g.MinorCount != 0 || g.DialogRefresh != 1 || g.Usage != UsageAsk
}

func (d *dumper) resource(r *Resource) {
	ignored, stacked := "not ignored", "not stacked"
	if r.Ignored {
		ignored = "ignored"
	}
	if r.Stacked {
		stacked = "stacked"
	}
	d.printf("# resource %s on %s: %s, %s\n", quote(r.Name), d.hostname, ignored, stacked)
	d.printf("# defined at %s\n", r.Defined)
	d.open("resource %s", quote(r.Name))
	for _, h := range r.Hosts {
		d.host(r, h)
	}
	d.depth--
	d.sections(r, d.merged())
	d.printf("}\n\n")
}

// sections prints the option sections, in the fixed order of the original.
func (d *dumper) sections(r *Resource, merged bool) {
	opts := func(s Section) []Option { return d.sectionOptions(r, s, merged) }
	d.depth++
	d.options("options", opts(SectionOptions))
	d.options("net", opts(SectionNet))
	d.options("disk", opts(SectionDisk))
	d.startup(r, opts(SectionStartup))
	d.proxyOptions("proxy", opts(SectionProxy), r.ProxyPlugins)
	d.options("handlers", opts(SectionHandlers))
	d.depth--
}

func (d *dumper) sectionOptions(r *Resource, s Section, merged bool) []Option {
	if merged {
		return d.conf.Merged(r, s)
	}
	return r.Section(s)
}

func (d *dumper) options(name string, opts []Option) {
	if len(opts) == 0 {
		return
	}
	d.open("%s", name)
	d.optionLines(opts)
	d.close()
}

func (d *dumper) optionLines(opts []Option) {
	for _, o := range opts {
		d.printf("%-*s %*s;\n", d.field(), o.Name, valueField, quote(o.Value))
	}
}

// startupWords are the two statements of startup that are no plain options.
func (d *dumper) startupWords(r *Resource) (stacked bool, hosts []string) {
	stacked, hosts = r.StackedTimeouts, r.BecomePrimaryOn
	if d.merged() && d.common != nil {
		stacked = stacked || d.common.StackedTimeouts
		hosts = d.conf.BecomePrimaryOn(r)
	}
	return stacked, hosts
}

func (d *dumper) startup(r *Resource, opts []Option) {
	stacked, hosts := d.startupWords(r)
	if len(opts) == 0 && len(hosts) == 0 && !stacked {
		return
	}
	d.open("startup")
	d.optionLines(opts)
	if stacked {
		d.printf("stacked-timeouts;\n")
	}
	if len(hosts) > 0 {
		d.printf("%-*s %*s;\n", d.field(), "become-primary-on", valueField, strings.Join(hosts, " "))
	}
	d.close()
}

func (d *dumper) proxyOptions(name string, opts []Option, plugins []string) {
	if len(opts) == 0 && len(plugins) == 0 {
		return
	}
	d.open("%s", name)
	d.optionLines(opts)
	if len(plugins) > 0 {
		d.open("plugin")
		for _, l := range plugins {
			d.printf("%s;\n", l)
		}
		d.close()
	}
	d.close()
}

func (d *dumper) host(r *Resource, h *Host) {
	switch h.Kind {
	case Floating:
		d.open("floating %s", h.Address)
	case Stacked:
		d.open("stacked-on-top-of %s", quote(h.Lower))
		d.printf("# on %s \n", h.NameList())
	default:
		d.open("on %s", h.NameList())
	}
	d.options("options", h.Options)
	for _, v := range h.Volumes {
		d.volume(r, h, v)
	}
	if h.Kind != Floating && h.Address != nil {
		d.address("address", h.Address)
	}
	if h.AltAddress != nil {
		d.address("alternate-link-address", h.AltAddress)
	}
	if x := h.Proxy; x != nil {
		d.open("proxy on %s", strings.Join(x.Names, " "))
		d.address("inside", x.Inside)
		d.address("outside", x.Outside)
		if d.merged() {
			x = d.conf.ProxyOf(r, h)
		}
		d.proxyOptions("options", x.Options, x.Plugins)
		d.close()
	}
	d.close()
}

func (d *dumper) address(name string, a *Address) {
	if a != nil {
		d.printf("%-*s %s;\n", addrField, name, a)
	}
}

func (d *dumper) volumeOptions(r *Resource, v *Volume) []Option {
	if d.merged() {
		return mergedDisk(d.common, r.asRead(), v) // the original drops only later (seen)
	}
	return v.DiskOptions
}

func (d *dumper) volume(r *Resource, h *Host, v *Volume) {
	if !v.Implicit {
		d.open("volume %d", v.Number)
	}
	d.options("disk", d.volumeOptions(r, v))
	d.device(v)
	if h.Kind != Stacked {
		d.printf("%-*s %s;\n", d.field(), "disk", quote(v.Disk))
		switch v.MetaIndex {
		case MetaInternal, "":
			d.printf("%-*s %s;\n", d.field(), "meta-disk", quote(v.MetaDisk))
		case MetaFlexible:
			d.printf("%-*s %s;\n", addrField, "meta-disk", quote(v.MetaDisk))
		default:
			d.printf("%-*s %s [%s];\n", addrField, "meta-disk", quote(v.MetaDisk), v.MetaIndex)
		}
	}
	if !v.Implicit {
		d.close()
	}
}

func (d *dumper) device(v *Volume) {
	switch {
	case v.Device == "" && !d.merged():
		d.printf("%-*s minor %d;\n", d.field(), "device", v.Minor)
	default:
		d.printf("%-*s %s minor %d;\n", d.field(), "device", quote(v.DeviceName()), v.Minor)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
