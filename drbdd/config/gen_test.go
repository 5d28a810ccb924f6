package config_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"classicha/drbdd/config"
)

// confGen writes random configurations that look like real ones, mostly right.
// slips is the share of mistakes, 0..1.
type confGen struct {
	*rand.Rand
	slips float64
	minor int
	port  int
	odd   bool // with what dump leaves out
}

func (g *confGen) pick(words ...string) string { return words[g.IntN(len(words))] }

func (g *confGen) chance(p float64) bool { return g.Float64() < p }

func (g *confGen) slip() bool { return g.chance(g.slips) }

// file is one configuration.
func (g *confGen) file() string {
	var b strings.Builder
	if g.chance(0.9) {
		fmt.Fprintf(&b, "global {%s disable-ip-verification; %s}\n", g.pick("", " usage-count no;", " minor-count 5;\n", " cmd-timeout-short 7;"), g.pick("", "dialog-refresh 3;", "usage-count ask;"))
	} else {
		b.WriteString("global { disable-ip-verification; }\n")
	}
	if g.chance(0.4) {
		fmt.Fprintf(&b, "common {\n%s}\n", g.sections())
	}
	for i := range 1 + g.IntN(3) {
		b.WriteString(g.resource(fmt.Sprintf("r%d", i)))
		if g.chance(0.1) {
			b.WriteString(g.stacked(fmt.Sprintf("r%d", i)))
		}
		if g.chance(0.1) {
			b.WriteString("skip " + g.pick("", "text", "\"some text\"") + " { any { thing; } \"}\" # }\n }\n")
		}
	}
	text := b.String()
	for g.slip() {
		text = g.mutate(text)
	}
	return text
}

// mutate leaves out, doubles, swaps or replaces one token.
func (g *confGen) mutate(text string) string {
	fields := strings.SplitAfter(text, " ")
	i := g.IntN(len(fields))
	switch g.IntN(6) {
	case 0:
		fields[i] = ""
	case 1:
		fields[i] += fields[i]
	case 2:
		j := g.IntN(len(fields))
		fields[i], fields[j] = fields[j], fields[i]
	case 3:
		fields[i] = g.pick("{ ", "} ", "; ", "foo ", "disk ", "net ", "volume ", "5 ", "[ ", ": ", "1.2.3.4 ", "\"q s\" ", "on ", "yes ", "\n ", "= ")
	case 4:
		fields[i] = strings.Replace(fields[i], ";", "", 1)
	default:
		fields[i] = g.pick("address 1.1.1.1:70000; ", "net { } ", "volume 0 { } ", "ignore-on bravo; ", "_this_host { } ", "include \"nope*\"; ", "meta-disk internal [0]; ", "startup { become-primary-on zulu both; } ", "protocol D; ", "disk /dev/q; ", "device /dev/foo; ", "stacked-on-top-of nope { } ", "on alpha { } ")
	}
	return strings.Join(fields, "")
}

func (g *confGen) sections() string {
	var b strings.Builder
	if g.chance(0.3) {
		fmt.Fprintf(&b, "  protocol %s;\n", g.pick("A", "B", "C", "c"))
	}
	for _, s := range []config.Section{config.SectionNet, config.SectionDisk, config.SectionOptions, config.SectionStartup, config.SectionHandlers, config.SectionSyncer, config.SectionProxy} {
		if g.chance(0.25) {
			fmt.Fprintf(&b, "  %s {\n%s  }\n", s, g.options(s))
		}
	}
	return b.String()
}

func (g *confGen) options(s config.Section) string {
	var b strings.Builder
	for range g.IntN(4) {
		b.WriteString("    " + g.option(s) + "\n")
	}
	return b.String()
}

// option is one statement of a section, with a word of today or an older one.
func (g *confGen) option(s config.Section) string {
	var defs []*config.OptionDef
	for _, d := range config.Options() {
		if d.Section == s {
			defs = append(defs, d)
		}
	}
	if len(defs) == 0 || g.chance(0.2) {
		var olds []config.OldWord
		for _, o := range config.OldWords() {
			if o.Section == s && o.Accepted {
				olds = append(olds, o)
			}
		}
		if len(olds) > 0 {
			o := olds[g.IntN(len(olds))]
			if o.Invert {
				return o.Name + " ;"
			}
			return g.statement(o.Name, config.Lookup(o.To, o.ToName))
		}
	}
	d := defs[g.IntN(len(defs))]
	return g.statement(d.Name, d)
}

func (g *confGen) statement(name string, d *config.OptionDef) string {
	if g.chance(0.05) {
		name = strings.Replace(name, "-", "- ", int(g.slips*2))
	}
	return name + " " + g.value(d) + ";"
}

func (g *confGen) value(d *config.OptionDef) string {
	if g.slip() {
		return g.pick("abc ", "0 ", "99999999 ", "123456789 ", "-1 ", "5x ", "5k ", "7M ", "on ", "yes ", "\"\" ", "1 2 ")
	}
	switch d.Type {
	case config.Bool:
		return g.pick("", "yes ", "no ")
	case config.Flag:
		return ""
	case config.Hosts:
		return g.pick("alpha ", "alpha bravo ", "bravo ")
	case config.Enum:
		return g.pick(d.Words...) + " "
	case config.String:
		if d.Name == "resync-after" {
			return g.pick("r0 ", "r1 ", "r0/0 ", "nope ", "r2/5 ")
		}
		return g.pick("md5 ", "\"a b\" ", "\"q\\\"u\\\\o\" ", "3 ", "/bin/x.sh ", "\"\" ", "x,y "[:1]+" ", strings.Repeat("l", 81)+" ")
	}
	n := d.Min + g.Uint64N(d.Max-d.Min+1)
	if n > 99999999 {
		n = 1000
	}
	return fmt.Sprintf("%d ", n)
}

func (g *confGen) device() string {
	g.minor++
	return g.pick(fmt.Sprintf("device /dev/drbd%d ;", g.minor), fmt.Sprintf("device minor %d ;", g.minor), fmt.Sprintf("device /dev/drbd_n%d minor %d ;", g.minor, g.minor), fmt.Sprintf("device drbd%d ;", g.minor))
}

func (g *confGen) diskStatement() string {
	return g.pick("disk /dev/sda1 ;", "disk \"/dev/sd b\" ;", "disk /dev/vg/lv.0 ;")
}

func (g *confGen) meta() string {
	g.port++
	return g.pick("meta-disk internal ;", fmt.Sprintf("meta-disk /dev/md%d ;", g.port), fmt.Sprintf("meta-disk /dev/md [ %d ] ;", g.port), fmt.Sprintf("flexible-meta-disk /dev/mf%d ;", g.port))
}

func (g *confGen) address(host int) string {
	g.port++
	return g.pick(fmt.Sprintf("10.0.0.%d : %d ", host, 7000+g.port), fmt.Sprintf("ipv4 127.0.0.1:%d ", 7000+g.port), fmt.Sprintf("ipv6 [fd00::%d]:%d ", host, 7000+g.port), fmt.Sprintf("sci 10.1.0.%d:%d ", host, 7000+g.port))
}

// resource writes one resource: where its volumes stand is drawn too.
func (g *confGen) resource(name string) string {
	var b strings.Builder
	if g.chance(0.1) {
		name = "\"" + name + " x\""
	}
	fmt.Fprintf(&b, "resource %s {\n", name)
	early := g.chance(0.6)
	if early {
		b.WriteString(g.sections())
	}
	explicit := g.chance(0.4)
	count := 1
	if explicit {
		count += g.IntN(2)
	}
	atResource := g.chance(0.3)
	var device [2]string
	for i := range count {
		device[i] = g.device()
	}
	if atResource {
		for i := range count {
			b.WriteString(g.volume(explicit && g.odd, explicit, i, device[i]))
		}
	}
	hosts := 2
	if g.chance(0.1) {
		hosts = 1 + g.IntN(3)
	}
	floating, proxy := g.chance(0.15), g.chance(0.07)
	for h := range hosts {
		addr := g.address(h + 1)
		body := ""
		if !atResource {
			for i := range count {
				body += g.volume(explicit, explicit, i, device[i])
			}
		} else if explicit && g.chance(0.2) {
			body = "volume 0 { disk /dev/own ; }\n"
		}
		if g.chance(0.1) {
			body += "options { cpu-mask 7; }\n"
		}
		if proxy {
			g.port++
			body += fmt.Sprintf("proxy on %s { inside 127.0.0.1:%d; outside 10.9.0.%d:%d; %s}\n", []string{"alpha", "bravo x", "charlie"}[h], 9000+g.port, h+1, 9000+g.port,
				g.pick("", "options { memlimit 5M; plugin { zlib level 9; lz4; } }"))
		}
		if g.chance(0.1) {
			body += fmt.Sprintf("alternate-link-address %s;\n", g.address(h+1))
		}
		if floating {
			fmt.Fprintf(&b, " floating %s{ %s }\n", addr, body)
			continue
		}
		fmt.Fprintf(&b, " on %s { %saddress %s; }\n", []string{"alpha", "bravo", "charlie"}[h], body, addr)
	}
	if !early {
		b.WriteString(g.sections())
	}
	b.WriteString("}\n")
	return b.String()
}

// stacked writes a resource on top of another.
func (g *confGen) stacked(lower string) string {
	device := g.device()
	return fmt.Sprintf("resource top-%s {\n%s stacked-on-top-of %s { %s address %s; }\n on charlie { %s %s %s address %s; }\n}\n", lower, g.sections(), lower,
		device, g.address(1), device, g.diskStatement(), g.meta(), g.address(3))
}

// volume writes one volume, with disk options of its own if options is set.
func (g *confGen) volume(options, explicit bool, n int, device string) string {
	body := fmt.Sprintf("%s %s %s", device, g.diskStatement(), g.meta())
	if !explicit {
		return body + "\n"
	}
	if options && g.chance(0.3) {
		body += " disk { " + g.options(config.SectionDisk) + "}"
	}
	return fmt.Sprintf("volume %d { %s }\n", n, body)
}
