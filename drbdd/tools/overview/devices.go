package overview

import (
	"regexp"
	"strconv"
	"strings"
)

// device is one minor. Empty strings are not known.
type device struct {
	name               string
	conn, role, dstate string
	sync               string // progress line, as it stands in the text
	lower              int    // minor of the device below, -1: none
	lowerName          string // the same by the resource's name, if the minor is not told
	upper              int    // minor of the stacked device above, -1: none
	used               []string
}

// devices by minor.
type devices map[int]*device

func (d devices) at(minor int) *device {
	x := d[minor]
	if x == nil {
		x = &device{lower: -1, upper: -1}
		d[minor] = x
	}
	return x
}

var (
	reMinor = regexp.MustCompile(`^ *(\d+):`)
	reConn  = regexp.MustCompile(`\bcs:(\w+)\b`)
	reRole  = regexp.MustCompile(`\b(?:ro|st):(\w+/\w+)\b`) // st until 8.2
	reDisk  = regexp.MustCompile(`\bds:(\w+/\w+)\b`)
	reLocal = regexp.MustCompile(`\bld:(\w+)\b`) // 0.7: of this node only
	reSync  = regexp.MustCompile(`^\t\[.*(?:sync.ed|verified):`)
)

// names reads `drbdadm sh-status`: blocks of NAME=VALUE, each ended by
// _sh_status_process. Unconfigured devices are known from here alone.
func (d devices) names(text string) {
	byName := map[string]int{}
	var b struct{ name, confVolume, volume, minor, lower, lowerMinor string }
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case "_conf_res_name":
			b.name = value
		case "_conf_volume":
			b.confVolume = value
		case "_stacked_on":
			b.lower = value
		case "_stacked_on_minor":
			b.lowerMinor = value
		case "_minor":
			b.minor = value
		case "_res_name":
			if value != "" {
				b.name = value
			}
		case "_volume":
			if value != "-1" {
				b.volume = value
			}
		case "_sh_status_process":
			minor, err := strconv.Atoi(b.minor)
			if err != nil {
				continue
			}
			x := d.at(minor)
			x.name = b.name
			switch {
			case b.confVolume != "" && b.volume != "":
				x.name += "/" + b.volume
			case b.confVolume != "":
				x.name += "/" + b.confVolume
			}
			byName[x.name] = minor
			if b.lower != "" {
				x.lowerName = b.lower
				if n, err := strconv.Atoi(b.lowerMinor); err == nil {
					x.lower = n
				}
			}
			b.volume, b.minor, b.lowerMinor = "", "", ""
		}
	}
	for minor, x := range d {
		if x.lower < 0 && x.lowerName != "" {
			if n, ok := byName[x.lowerName]; ok {
				x.lower = n
			} else if n, ok := byName[x.lowerName+"/0"]; ok {
				x.lower = n
			}
		}
		if low := d[x.lower]; low != nil {
			low.upper = minor
		}
	}
}

// proc reads the text of /proc/drbd of any era. Unconfigured devices count if
// they have a name.
func (d devices) proc(text string) {
	lines := strings.Split(text, "\n")
	minor := -1
	for _, line := range lines[1:] {
		if m := reMinor.FindStringSubmatch(line); m != nil {
			minor, _ = strconv.Atoi(m[1])
			unconfigured := strings.Contains(line, "cs:Unconfigured")
			if unconfigured && d[minor] == nil {
				minor = -1
				continue
			}
			x := d.at(minor)
			if unconfigured {
				x.conn, x.role, x.dstate = ".", ".", "."
				continue
			}
			first := func(re *regexp.Regexp) string {
				if m := re.FindStringSubmatch(line); m != nil {
					return m[1]
				}
				return ""
			}
			x.conn, x.role, x.dstate = first(reConn), first(reRole), first(reDisk)
			if x.dstate == "" {
				x.dstate = first(reLocal)
			}
		} else if minor >= 0 && reSync.MatchString(line) {
			d.at(minor).sync = line
		}
	}
	for _, x := range d {
		if x.conn == "" {
			x.conn = "Unconfigured"
		}
		if x.role == "" {
			x.role = "."
		}
		if x.dstate == "" {
			x.dstate = "."
		}
	}
}
