package overview

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	reVolume = regexp.MustCompile(`^\s*/dev/drbd(\d+)\s+(\S+)\s+(\S+)\s+(\S+)\s*$`)
	reMount  = regexp.MustCompile(`^/dev/drbd(\d+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)`)
	reSwap   = regexp.MustCompile(`^/dev/drbd(\d+)\s+(\S+)\s+(\d+)\s+(\d+)`)
)

// uses finds what the devices are used for: a volume of LVM counts before a file
// system or swap, and that before being the lower device of another.
func (d devices) uses(env Env) {
	for minor, x := range d {
		if up := d[x.upper]; up != nil {
			d[minor].used = []string{"ll-dev of:", strconv.Itoa(x.upper), up.name}
		}
	}
	// Columns: Filesystem Type Size Used Avail Use% Mounted on.
	d.match(env.output("df", "-TPhl", "-x", "tmpfs", "--local"), reMount, func(f []string) []string {
		return []string{f[6], f[1], f[2], f[3], f[4], f[5]}
	})
	if swaps, err := env.ReadFile("/proc/swaps"); err == nil {
		// Columns: Filename Type Size Used Priority, in KiB.
		d.match(swaps, reSwap, func(f []string) []string { return []string{"", "swap", f[2], f[3], "", ""} })
	}
	d.match(env.output("pvs", "--noheadings", "--units", "g", "-o", "pv_name,vg_name,pv_size,pv_used"), reVolume, func(f []string) []string {
		return append([]string{"lvm-pv:"}, f[1:]...)
	})
}

// match gives each device of a text what f makes of its columns; f[0] is the minor.
func (d devices) match(text []byte, re *regexp.Regexp, f func([]string) []string) {
	for _, line := range strings.Split(string(text), "\n") {
		m := re.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		minor, err := strconv.Atoi(m[1])
		if x := d[minor]; x != nil && err == nil {
			x.used = f(m[1:])
		}
	}
}

// minors in order.
func (d devices) minors() []int {
	var all []int
	for minor := range d {
		all = append(all, minor)
	}
	slices.Sort(all)
	return all
}
