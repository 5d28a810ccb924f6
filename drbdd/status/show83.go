package status

import (
	"fmt"
	"io"

	"classicha/drbdd/config"
	"classicha/drbdd/control"
)

// option83 is one option of drbdsetup 8.3 and where its value is today.
type option83 struct {
	name     string
	section  config.Section
	now      string // today's name
	kind     kind83
	deflt    string // the default of 8.3, for numbers and enumerations
	quantity string
}

// kind83 is how 8.3 prints a value.
type kind83 uint8

const (
	value83  kind83 = iota // name value; with _is_default behind a default
	flag83                 // name alone, where the option is on
	no83                   // the same, where today's option is off: no-disk-flushes
	string83               // name "value", where there is one
)

// The sections of 8.3's show. What has the default of 8.3 is marked with
// _is_default; what has a default of today that differs is printed as it is.
var sections83 = []struct {
	name    string
	options []option83
}{
	{"disk", []option83{
		{"size", config.SectionDisk, "size", value83, "0", "bytes"},
		{"on-io-error", config.SectionDisk, "on-io-error", value83, "pass_on", ""},
		{"fencing", config.SectionDisk, "fencing", value83, "dont-care", ""},
		{"no-disk-barrier", config.SectionDisk, "disk-barrier", no83, "", ""},
		{"no-disk-flushes", config.SectionDisk, "disk-flushes", no83, "", ""},
		{"no-disk-drain", config.SectionDisk, "disk-drain", no83, "", ""},
		{"no-md-flushes", config.SectionDisk, "md-flushes", no83, "", ""},
		{"max-bio-bvecs", config.SectionDisk, "max-bio-bvecs", value83, "0", ""},
		{"disk-timeout", config.SectionDisk, "disk-timeout", value83, "0", "1/10 seconds"},
	}},
	{"net", []option83{
		{"timeout", config.SectionNet, "timeout", value83, "60", "1/10 seconds"},
		{"max-epoch-size", config.SectionNet, "max-epoch-size", value83, "2048", ""},
		{"max-buffers", config.SectionNet, "max-buffers", value83, "2048", ""},
		{"unplug-watermark", config.SectionNet, "unplug-watermark", value83, "128", ""},
		{"connect-int", config.SectionNet, "connect-int", value83, "10", "seconds"},
		{"ping-int", config.SectionNet, "ping-int", value83, "10", "seconds"},
		{"sndbuf-size", config.SectionNet, "sndbuf-size", value83, "0", "bytes"},
		{"rcvbuf-size", config.SectionNet, "rcvbuf-size", value83, "0", "bytes"},
		{"ko-count", config.SectionNet, "ko-count", value83, "0", ""},
		{"allow-two-primaries", config.SectionNet, "allow-two-primaries", flag83, "", ""},
		{"cram-hmac-alg", config.SectionNet, "cram-hmac-alg", string83, "", ""},
		{"shared-secret", config.SectionNet, "shared-secret", string83, "", ""},
		{"after-sb-0pri", config.SectionNet, "after-sb-0pri", value83, "disconnect", ""},
		{"after-sb-1pri", config.SectionNet, "after-sb-1pri", value83, "disconnect", ""},
		{"after-sb-2pri", config.SectionNet, "after-sb-2pri", value83, "disconnect", ""},
		{"always-asbp", config.SectionNet, "always-asbp", flag83, "", ""},
		{"rr-conflict", config.SectionNet, "rr-conflict", value83, "disconnect", ""},
		{"ping-timeout", config.SectionNet, "ping-timeout", value83, "5", "1/10 seconds"},
		{"data-integrity-alg", config.SectionNet, "data-integrity-alg", string83, "", ""},
		{"no-tcp-cork", config.SectionNet, "tcp-cork", no83, "", ""},
		{"on-congestion", config.SectionNet, "on-congestion", value83, "block", ""},
		{"congestion-fill", config.SectionNet, "congestion-fill", value83, "0", "byte"},
		{"congestion-extents", config.SectionNet, "congestion-extents", value83, "127", ""},
	}},
	{"syncer", []option83{
		{"rate", config.SectionDisk, "resync-rate", value83, "250", "bytes/second"},
		{"after", config.SectionDisk, "resync-after", value83, noResyncAfter, ""},
		{"al-extents", config.SectionDisk, "al-extents", value83, "127", ""},
		{"csums-alg", config.SectionNet, "csums-alg", string83, "", ""},
		{"verify-alg", config.SectionNet, "verify-alg", string83, "", ""},
		{"cpu-mask", config.SectionOptions, "cpu-mask", string83, "", ""},
		{"use-rle", config.SectionNet, "use-rle", flag83, "", ""},
		{"on-no-data-accessible", config.SectionOptions, "on-no-data-accessible", value83, "io-error", ""},
		{"c-plan-ahead", config.SectionDisk, "c-plan-ahead", value83, "0", "1/10 seconds"},
		{"c-delay-target", config.SectionDisk, "c-delay-target", value83, "10", "1/10 seconds"},
		{"c-fill-target", config.SectionDisk, "c-fill-target", value83, "0", "bytes"},
		{"c-max-rate", config.SectionDisk, "c-max-rate", value83, "102400", "bytes/second"},
		{"c-min-rate", config.SectionDisk, "c-min-rate", value83, "4096", "bytes/second"},
	}},
}

// Show83 is `drbdsetup 0 show` of 8.3 for one volume (drbd-cli 4.2): flat
// sections, tab-indented. Nothing is printed for an unknown volume.
func Show83(w io.Writer, r control.Resource, vol int) {
	v, c, ok := volume(r, vol)
	if !ok {
		return
	}
	for _, s := range sections83 {
		if s.name == "disk" && c.Disk == "" || s.name == "net" && !hasNet(r) {
			continue
		}
		fmt.Fprintf(w, "%s {\n", s.name)
		for _, o := range s.options {
			o.print(w, r, c)
		}
		fmt.Fprint(w, "}\n")
	}
	if p := protocol(r); p != 0 {
		fmt.Fprintf(w, "protocol %c;\n", p)
	}
	if c.Disk != "" || r.Local != "" {
		fmt.Fprintf(w, "_this_host {\n\tdevice\t\t\tminor %d;\n", v.Minor)
		if c.Disk != "" {
			fmt.Fprintf(w, "\tdisk\t\t\t%s;\n", quote(c.Disk))
			if c.Index == "flexible" {
				fmt.Fprintf(w, "\tflexible-meta-disk\t%s;\n", quote(c.Meta))
			} else {
				fmt.Fprintf(w, "\tmeta-disk\t\t%s;\n", metaDisk(c))
			}
		}
		if r.Local != "" {
			fmt.Fprintf(w, "\taddress\t\t\t%s;\n", address(r.Local))
		}
		fmt.Fprint(w, "}\n")
	}
	if r.Remote != "" {
		fmt.Fprintf(w, "_remote_host {\n\taddress\t\t\t%s;\n}\n", address(r.Remote))
	}
}

func (o option83) print(w io.Writer, r control.Resource, c control.Volume) {
	set := map[config.Section]map[string]string{config.SectionOptions: r.Options, config.SectionNet: r.Net, config.SectionDisk: c.Options}[o.section]
	x := lookOption(o.section, o.now, set)
	switch o.kind {
	case flag83, no83:
		if (x.value == "yes") == (o.kind == flag83) {
			fmt.Fprintf(w, "\t%-16s;\n", o.name)
		}
	case string83:
		if x.value != "" {
			fmt.Fprintf(w, "\t%-16s\t%s;\n", o.name, quote(x.value))
		}
	case value83:
		mark, unit := "", ""
		if x.value == o.deflt+x.def.Unit.Suffix() {
			mark = " _is_default"
		}
		if o.quantity != "" {
			unit = " # " + o.quantity
		}
		fmt.Fprintf(w, "\t%-16s\t%s%s;%s\n", o.name, x.value, mark, unit)
	}
}
