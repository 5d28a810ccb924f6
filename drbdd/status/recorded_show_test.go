package status

import (
	"bytes"
	"strings"
	"testing"

	"classicha/drbdd/config"
	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// fromShow reads `show` line by line, as simply as its form allows.
func fromShow(text string) (rs []control.Resource) {
	var r *control.Resource
	var v *control.Volume
	var options map[string]string
	section, host := config.SectionNone, ""
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "; #")
		word, rest, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line), ";"), " ")
		word, tail, _ := strings.Cut(word, "\t")
		rest = strings.TrimSpace(tail + " " + rest)
		switch {
		case word == "resource":
			rs = append(rs, control.Resource{View: replica.View{Name: strings.TrimSuffix(rest, " {"), Conn: wire.StandAlone}, Options: map[string]string{}})
			r, v = &rs[len(rs)-1], nil
		case rest == "{" && word == "options":
			section, options = config.SectionOptions, r.Options
		case rest == "{" && word == "net":
			r.Net = map[string]string{}
			r.View.Net = &replica.NetView{}
			section, options = config.SectionNet, r.Net
		case rest == "{" && word == "disk":
			v.Options = map[string]string{}
			section, options = config.SectionDisk, v.Options
		case rest == "{":
			host = word
		case word == "}":
			section = config.SectionNone
		case section != config.SectionNone:
			options[word] = strings.Trim(rest, `"`)
		case word == "address":
			a := strings.Replace(rest, " ", ":", 1)
			if host == "_this_host" {
				r.Local = a
			} else {
				r.Remote = a
			}
		case word == "volume":
			n := atoi(strings.TrimSuffix(rest, " {"))
			r.View.Volumes = append(r.View.Volumes, replica.VolumeView{Vol: n})
			r.Volumes = append(r.Volumes, control.Volume{})
			v = &r.Volumes[len(r.Volumes)-1]
		case word == "device":
			r.View.Volumes[len(r.View.Volumes)-1].Minor = atoi(strings.TrimPrefix(rest, "minor "))
		case word == "disk":
			v.Disk = strings.Trim(rest, `"`)
		case word == "meta-disk":
			if v.Index = rest; rest != "internal" {
				v.Meta, v.Index = strings.Trim(rest, `"`), "flexible"
			}
		}
	}
	return rs
}

func TestRecordedShow(t *testing.T) {
	each(t, "drbdsetup show", 95, func(t *testing.T, rec recording, text string) {
		rs := fromShow(text)
		same(t, rec.name, printed(func(w *bytes.Buffer) { Show(w, rs, false) }), text)
		// Our own parser reads what we print, and finds the same options.
		back, found := config.ParseShow([]byte(text))
		if back == nil || len(found) > 0 || len(back.Section(config.SectionNet)) != len(rs[0].Net) {
			t.Errorf("%s: read back: %v", rec.name, found)
		}
		if all := rec.out["drbdsetup show --show-defaults"]; all != nil {
			same(t, rec.name+" --show-defaults", printed(func(w *bytes.Buffer) { Show(w, rs, true) }), all[0])
			same(t, rec.name+", from --show-defaults", printed(func(w *bytes.Buffer) { Show(w, fromShow(all[0]), false) }), text)
		}
	})
}
