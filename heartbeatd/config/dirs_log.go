package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

var messageTable = []Directive{
	{Name: "msgfmt", Syntax: "classic|netstring", Default: "classic", Doc: "form of the messages on the wire", recorded: true,
		set: choice(func(h *HA, v string) { h.Netstring = v == "netstring" }, nil, "classic", "netstring")},
	{Name: "compression", Syntax: "zlib|bz2", Default: "zlib", Doc: "how large messages are compressed; messages are sent with zlib, bz2 is read", recorded: true,
		set: choice(func(h *HA, v string) { h.Compression = v }, func(w string) []string {
			return []string{"ERROR: Compression module(" + w + ") not found"}
		}, "zlib", "bz2")},
	{Name: "compression_threshold", Syntax: "KIB", Default: "2", Doc: "size in KiB from which a message is compressed", recorded: true,
		set: number(func(h *HA) *int { return &h.CompressionThreshold }, 1, math.MaxInt32, func(w string) []string {
			return []string{"ERROR: set_compression_threshold: compress_threshhold(" + w + ") invalid"}
		})},
	{Name: "traditional_compression", Syntax: "on|off", Default: "no", Doc: "compress whole messages instead of single fields", recorded: true,
		set: boolean(func(h *HA) *bool { return &h.TraditionalCompression }, func(w string) []string {
			return []string{"ERROR: set_traditional_compression:Invalid directive value " + w}
		})},
	{Name: "log_badpack", Syntax: "on|off", Default: "true", Doc: "log packets that cannot be read or verified", recorded: true,
		set: boolean(func(h *HA) *bool { return &h.LogBadpack }, nil)},
}

var logTable = []Directive{
	{Name: "logfile", Syntax: "PATH", Doc: "file for log lines; /dev/null for none", recorded: true, set: setLogFile},
	{Name: "debugfile", Syntax: "PATH", Doc: "file for log and debug lines and the output of scripts", recorded: true, set: setLogFile},
	{Name: "logfacility", Syntax: "FACILITY|none", Doc: "syslog facility for log lines", recorded: true, set: setLogFacility},
	{Name: "use_logd", Syntax: "on|off", Doc: "send log lines to the logging daemon; here: to syslog", recorded: true, set: setUseLogd},
	{Name: "conn_logd_time", Syntax: "TIME", Default: "60", Doc: "time between attempts to reach the logging daemon", recorded: true,
		set: duration(func(h *HA) *time.Duration { return &h.Log.ConnLogdTime }, time.Millisecond)},
	{Name: "syslogmsgfmt", Syntax: "on|off", Default: "true", Doc: "write log files in the form of syslog", recorded: true,
		set: boolean(func(h *HA) *bool { return &h.Log.SyslogFmt }, nil)},
	{Name: "debug", Syntax: "LEVEL", Doc: "debug level, 0 to 255", recorded: true,
		set: number(func(h *HA) *int { return &h.Log.Debug }, 0, 255, nil)},
}

const nullDevice = "/dev/null"

func setLogFile(p *haParser, d *Directive, a token) {
	if !strings.HasPrefix(a.text, "/") {
		p.warn(a, fmt.Sprintf("%s: %q is not a full path; the file will be in the daemon's working directory", d.Name, a.text),
			"write a full path such as /var/log/ha-log, or logfacility for a syslog facility")
	}
	file := a.text
	if file == nullDevice {
		file = ""
	}
	if d.Name == "logfile" {
		p.ha.Log.LogFile = file
	} else {
		p.ha.Log.DebugFile = file
	}
}

func setLogFacility(p *haParser, _ *Directive, a token) {
	code, ok := facilities[a.text]
	switch {
	case a.text == "none":
		p.ha.Log.Facility, p.ha.Log.FacilityCode = "", 0
	case a.text == "mark":
		p.warn(a, "logfacility: mark is for the syslog daemon itself; taken for user", "write logfacility daemon")
		p.ha.Log.Facility, p.ha.Log.FacilityCode = "user", facilities["user"]
	case ok:
		p.ha.Log.Facility, p.ha.Log.FacilityCode = a.text, code
	default:
		names := slices.Sorted(maps.Keys(facilities)) // sorted: suggestions must not depend on map order
		remedy := "write logfacility daemon, local0 to local7, or none"
		if near := nearest(a.text, names); near != "" {
			remedy = "write logfacility " + near
		}
		p.fail(a, fmt.Sprintf("logfacility: %q is not a syslog facility", a.text), remedy, "ERROR: Log facility("+a.text+") not valid")
	}
}

const (
	logdOff     = "WARN: Logging daemon is disabled --enabling logging daemon is recommended"
	logdOn      = "info: Enabling logging daemon "
	logdFiles   = "info: logfile and debug file are those specified in logd config file (default /etc/logd.cf)"
	logdMissing = "WARN: Initializing connection to logging daemon failed. Logging daemon may not be running"
)

func setUseLogd(p *haParser, d *Directive, a token) {
	on, ok := parseBool(a.text)
	switch {
	case !ok:
		p.fail(a, fmt.Sprintf("use_logd: %q is neither on nor off", a.text), "write use_logd off and a logfacility", logdOff)
	case on:
		p.ha.Log.UseLogd = true
		p.warn(a, "use_logd: there is no logging daemon here; log lines go to syslog and to the files given", "write logfacility daemon",
			logdOn, logdMissing, logdFiles)
	default:
		p.ha.Log.UseLogd = false
		p.note(a, "the logging daemon is not used", logdOff)
	}
}
