package sysenv

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	drbd "classicha/drbdd/config"
	drbdenv "classicha/drbdd/config/sysenv"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/outdate"
)

// drbdConf is the drbd.conf that belongs to a configuration directory: one in it,
// the one beside it (/etc/ha.d and /etc/drbd.conf, or a copy of both), else that
// of this machine. found is false if there is none.
func drbdConf(dir string) (name string, found bool) {
	full, err := filepath.Abs(dir)
	if err != nil {
		full = dir
	}
	if full != config.HADir {
		for _, name := range []string{filepath.Join(full, "drbd.conf"), filepath.Join(filepath.Dir(full), "drbd.conf")} {
			if stat(name).Kind == config.Regular {
				return name, true
			}
		}
	}
	name = drbdenv.MainFile()
	return name, stat(name).Kind != config.NoFile
}

// mirrors reads drbd.conf for the checks of haresources. host is the name of this
// machine as drbd.conf would have it.
func mirrors(dir, host string) config.Mirrors {
	name, found := drbdConf(dir)
	m := config.Mirrors{File: name, Missing: !found}
	if !found {
		return m
	}
	env := drbdenv.System()
	env.Hostname = host
	conf, findings := drbdenv.Load(name, nil, env)
	if bad := findings.AtLeast(drbd.Error); len(bad) > 0 {
		m.Problem = bad[0].Sentence()
		return m
	}
	for _, r := range conf.Resources {
		m.List = append(m.List, mirror(conf, r))
	}
	return m
}

func mirror(conf *drbd.Config, r *drbd.Resource) config.Mirror {
	out := config.Mirror{Name: r.Name, Stacked: r.Stacked, Here: !r.Ignored && r.Me != nil}
	for _, h := range r.Hosts {
		out.Hosts = append(out.Hosts, h.Names...)
		out.Stacked = out.Stacked || h.Kind == drbd.Stacked
		out.Floating = out.Floating || h.Kind == drbd.Floating
	}
	h := r.Me
	if h == nil && len(r.Hosts) > 0 {
		h = r.Hosts[0]
	}
	if h == nil {
		return out
	}
	handler, _ := conf.Handler(r, "fence-peer")
	out.Outdater = strings.Contains(handler, "drbd-peer-outdater")
	out.OutdaterTime = outdaterTime(handler)
	var meta []string
	for _, v := range h.Volumes {
		out.Devices = append(out.Devices, v.DeviceName())
		out.Disks = append(out.Disks, realPath(v.Disk))
		if v.MetaDisk != "" && v.MetaDisk != drbd.MetaInternal {
			meta = append(meta, realPath(v.MetaDisk))
		}
	}
	out.Disks = append(out.Disks, meta...) // behind those that have a device each
	for _, who := range conf.BecomePrimaryOn(r) {
		out.Alone = out.Alone || who == "both" || h.Has(who)
	}
	return out
}

// outdaterTime is the option -t of a drbd-peer-outdater.
func outdaterTime(command string) time.Duration {
	t := outdate.DefaultTime
	words := strings.Fields(command)
	for i, w := range words {
		v, ok := strings.CutPrefix(w, "-t")
		if ok && v == "" && i+1 < len(words) {
			v = words[i+1]
		}
		if n, err := strconv.Atoi(strings.Trim(v, `"'`)); ok && err == nil {
			t = time.Duration(n) * time.Second
		}
	}
	return t
}

func realPath(name string) string {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		return real
	}
	return name
}

// unameOr is the name by which drbd.conf knows this machine: uname -n, whatever
// nodeinfo says. Where the directory is a copy for another machine (it has a
// nodeinfo of its own and is not the one in use), it is that machine's.
func unameOr(dir, host string, fromFile bool) string {
	if full, err := filepath.Abs(dir); fromFile && err == nil && full != config.HADir {
		return host
	}
	if name := drbdenv.Hostname(); name != "" {
		return name
	}
	name, _ := os.Hostname()
	return name
}
