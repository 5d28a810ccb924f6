package hlog

import "strings"

// Facility is a syslog facility: its number times eight, as in syslog.h, so
// that facility + severity is the number in front of a message. The client
// API sends it in this form too (logfacility=128 is local0).
type Facility int

// NoFacility means that nothing goes to syslog.
const NoFacility Facility = -1

// Names in the order of their numbers; the gaps (12 to 15) have no portable name.
var facilityNames = []struct {
	name  string
	value Facility
}{
	{"kern", 0 << 3}, {"user", 1 << 3}, {"mail", 2 << 3}, {"daemon", 3 << 3},
	{"auth", 4 << 3}, {"syslog", 5 << 3}, {"lpr", 6 << 3}, {"news", 7 << 3},
	{"uucp", 8 << 3}, {"cron", 9 << 3}, {"authpriv", 10 << 3}, {"ftp", 11 << 3},
	{"local0", 16 << 3}, {"local1", 17 << 3}, {"local2", 18 << 3}, {"local3", 19 << 3},
	{"local4", 20 << 3}, {"local5", 21 << 3}, {"local6", 22 << 3}, {"local7", 23 << 3},
	{"security", 4 << 3}, // old name of auth
}

// ParseFacility reads the argument of logfacility: a name or "none". Letter
// case does not matter. The second result is false for an unknown name.
func ParseFacility(name string) (Facility, bool) {
	if strings.EqualFold(name, "none") {
		return NoFacility, true
	}
	for _, f := range facilityNames {
		if strings.EqualFold(f.name, name) {
			return f.value, true
		}
	}
	return NoFacility, false
}

// String is the name, "none" for NoFacility.
func (f Facility) String() string {
	for _, k := range facilityNames {
		if k.value == f {
			return k.name
		}
	}
	return "none"
}
