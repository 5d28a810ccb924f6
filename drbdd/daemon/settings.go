package daemon

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"classicha/drbdd/status"
	"classicha/drbdd/wire"
)

// Settings are those of drbdd.cf and of the command line. The classic files have
// no room for them: the original programs refuse words that they do not know.
type Settings struct {
	Socket   string // control socket
	RunDir   string // state, keeper, mounts of devices
	ProcFile string // copy of the text of /proc/drbd
	DevDir   string // where devices appear
	Config   string // drbd.conf for handlers; empty: drbdadm's own
	Helper   string // program that runs handlers; empty: none
	FrontEnd string // auto, fuse, export
	Style    status.Style
	LogFile  string
	Facility string
	Buffers  int // bytes of each of the two pools of a resource
	MLock    bool
	Poll     time.Duration // see uring.Options
	Features wire.Feature
}

// DefaultSettings are those without a drbdd.cf.
func DefaultSettings() Settings {
	return Settings{
		Socket: "/run/drbdd/ctl", RunDir: "/run/drbdd", ProcFile: "/run/drbd/proc", DevDir: "/dev",
		Helper: "/sbin/drbdadm", FrontEnd: "auto", Style: status.Style84, Facility: "kern", Buffers: 16 << 20, MLock: true, Poll: 250 * time.Microsecond,
		Features: wire.AllFeatures,
	}
}

// styles are the words of proc-format.
var styles = map[string]status.Style{"8.4": status.Style84, "8.3": status.Style83, "8.0": status.Style80, "0.7": status.Style07}

// setting is a word of drbdd.cf.
type setting struct {
	name string
	set  func(s *Settings, v string) error
}

func text(at func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error { *at(s) = v; return nil }
}

// settingTable are the words of drbdd.cf; each takes one value.
var settingTable = []setting{
	{"socket", text(func(s *Settings) *string { return &s.Socket })},
	{"run-dir", text(func(s *Settings) *string { return &s.RunDir })},
	{"proc-file", text(func(s *Settings) *string { return &s.ProcFile })},
	{"dev-dir", text(func(s *Settings) *string { return &s.DevDir })},
	{"config", text(func(s *Settings) *string { return &s.Config })},
	{"helper", func(s *Settings, v string) error {
		if s.Helper = v; v == "none" {
			s.Helper = ""
		}
		return nil
	}},
	{"front-end", func(s *Settings, v string) error {
		if v != "auto" && v != "fuse" && v != "export" {
			return fmt.Errorf("%q is not a front end; write auto, fuse or export", v)
		}
		s.FrontEnd = v
		return nil
	}},
	{"proc-format", func(s *Settings, v string) error {
		st, ok := styles[v]
		if !ok {
			return fmt.Errorf("%q is not a format; write 8.4, 8.3, 8.0 or 0.7", v)
		}
		s.Style = st
		return nil
	}},
	{"logfile", text(func(s *Settings) *string { return &s.LogFile })},
	{"logfacility", text(func(s *Settings) *string { return &s.Facility })},
	{"buffers", func(s *Settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 4 || n > 4096 {
			return fmt.Errorf("%q is not a number of MiB from 4 to 4096", v)
		}
		s.Buffers = n << 20
		return nil
	}},
	{"mlock", func(s *Settings, v string) error {
		if v != "yes" && v != "no" {
			return fmt.Errorf("%q is neither yes nor no", v)
		}
		s.MLock = v == "yes"
		return nil
	}},
	{"poll", func(s *Settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 1000 {
			return fmt.Errorf("%q is not a number of microseconds from 0 to 1000", v)
		}
		s.Poll = time.Duration(n) * time.Microsecond
		return nil
	}},
}

// ParseSettings reads drbdd.cf: lines of a word and its value, # begins a
// comment. An error names file and line, and what to write instead.
func ParseSettings(name string, data []byte, s *Settings) error {
	for i, line := range strings.Split(string(data), "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		at := fmt.Sprintf("%s:%d: ", name, i+1)
		if len(f) != 2 {
			return fmt.Errorf("%s%q takes one value, got %d; write one word and its value in a line", at, f[0], len(f)-1)
		}
		if err := s.Set(f[0], f[1]); err != nil {
			return fmt.Errorf("%s%w", at, err)
		}
	}
	return nil
}

// Set sets one word.
func (s *Settings) Set(word, value string) error {
	for _, t := range settingTable {
		if t.name == word {
			return t.set(s, value)
		}
	}
	return fmt.Errorf("%q is not known; known are %s", word, strings.Join(SettingNames(), ", "))
}

// SettingNames are the words of drbdd.cf.
func SettingNames() (names []string) {
	for _, t := range settingTable {
		names = append(names, t.name)
	}
	return names
}
