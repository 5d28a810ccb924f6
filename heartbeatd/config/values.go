package config

import (
	"strconv"
	"strings"
	"time"
)

// parseTime reads a time as ha.cf has it: a number of digits and dots, then
// nothing for seconds, or ms, msec, us, usec in any case; rounded to 1 ms
// (heartbeat-config 2). As in the original the number ends at its second dot
// ("1.2.3" is 1.2) and only the beginning of the unit counts.
func parseTime(s string) (time.Duration, bool) {
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '.') {
		n++
	}
	if n == 0 {
		return 0, false
	}
	num := s[:n]
	if i := strings.IndexByte(num, '.'); i >= 0 {
		if j := strings.IndexByte(num[i+1:], '.'); j >= 0 {
			num = num[:i+1+j]
		}
	}
	v, err := strconv.ParseFloat(num, 64)
	if err != nil && num != "." {
		return 0, false
	}
	unit := strings.ToLower(s[n:])
	switch {
	case unit == "":
		v *= 1000
	case strings.HasPrefix(unit, "ms"):
	case strings.HasPrefix(unit, "us"):
		v /= 1000
	default:
		return 0, false
	}
	const most = float64(1<<63-1) / float64(time.Millisecond)
	if v+0.5 >= most {
		return 0, false
	}
	return time.Duration(v+0.5) * time.Millisecond, true
}

// formatTime writes d so that parseTime reads it back.
func formatTime(d time.Duration) string {
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// parseBool reads a boolean of ha.cf.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "on", "yes", "y", "1":
		return true, true
	case "false", "off", "no", "n", "0":
		return false, true
	}
	return false, false
}

// atoi reads a number as C's atoi does: leading blanks, a sign, then as many
// digits as there are; 0 if there are none. whole says that nothing follows.
func atoi(s string) (n int, whole bool) {
	t := strings.TrimLeft(s, " \t\n\v\f\r")
	neg := false
	if t != "" && (t[0] == '-' || t[0] == '+') {
		neg = t[0] == '-'
		t = t[1:]
	}
	i := 0
	for ; i < len(t) && t[i] >= '0' && t[i] <= '9'; i++ {
		if n < 1<<31 {
			n = n*10 + int(t[i]-'0')
		}
	}
	whole = i > 0 && i == len(t)
	n = min(n, 1<<31-1)
	if neg {
		n = -n
	}
	return n, whole
}

// facilities are the names of syslog's facilities with their codes, as the
// original accepts them (lower case only).
var facilities = map[string]int{
	"kern": 0 << 3, "user": 1 << 3, "mail": 2 << 3, "daemon": 3 << 3, "auth": 4 << 3, "security": 4 << 3,
	"syslog": 5 << 3, "lpr": 6 << 3, "news": 7 << 3, "uucp": 8 << 3, "cron": 9 << 3, "authpriv": 10 << 3, "ftp": 11 << 3,
	"local0": 16 << 3, "local1": 17 << 3, "local2": 18 << 3, "local3": 19 << 3,
	"local4": 20 << 3, "local5": 21 << 3, "local6": 22 << 3, "local7": 23 << 3,
}
