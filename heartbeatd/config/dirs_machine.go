package config

import (
	"fmt"
	"math"
	"strings"
)

var machineTable = []Directive{
	{Name: "watchdog", Once: true, Syntax: "DEVICE", Doc: "watchdog device that reboots the machine when heartbeat hangs", set: setWatchdog},
	{Name: "rtprio", Syntax: "PRIORITY", Doc: "real-time priority, 1 to 99", recorded: true,
		set: number(func(h *HA) *int { return &h.RTPrio }, 1, 99, func(w string) []string {
			return []string{"ERROR: Illegal realtime priority [" + w + "]"}
		})},
	{Name: "realtime", Syntax: "on|off", Default: "true", Doc: "run with real-time priority", recorded: true,
		set: boolean(func(h *HA) *bool { return &h.Realtime }, nil)},
	{Name: "memreserve", Syntax: "KIB", Default: "6500", Doc: "memory in KiB to reserve before it is locked", recorded: true,
		set: number(func(h *HA) *int { return &h.MemReserve }, 1, math.MaxInt32, nil)},
	{Name: "coredumps", Syntax: "on|off", Default: "true", Doc: "write core dumps", recorded: true, set: setCoredumps},
	{Name: "coreroot", Syntax: "DIRECTORY", Doc: "where core dumps go", recorded: true,
		set: text(func(h *HA) *string { return &h.CoreRoot })},
	{Name: "use_apphbd", Syntax: "on|off", Doc: "let the application heartbeat daemon watch over heartbeat; accepted, without effect",
		set: boolean(func(h *HA) *bool { return &h.UseApphbd }, nil)},
	{Name: "env", Syntax: "NAME=VALUE...", Doc: "HA_NAME=VALUE in the environment of scripts", set: setEnv},
	{Name: "record_config_changes", Syntax: "on|off", Default: "on", Doc: "of Pacemaker's time; accepted, without effect", recorded: true, set: boolean(nil, pcmkBool)},
	{Name: "record_pengine_inputs", Syntax: "on|off", Default: "on", Doc: "of Pacemaker's time; accepted, without effect", recorded: true, set: boolean(nil, pcmkBool)},
	{Name: "enable_config_writes", Syntax: "on|off", Default: "on", Doc: "of Pacemaker's time; accepted, without effect", recorded: true, set: boolean(nil, pcmkBool)},
	{Name: "crmd_spawns_pengine", Syntax: "on|off", Doc: "of Pacemaker's time; accepted, without effect", recorded: true, set: boolean(nil, pcmkBool)},
	{Name: "crm_daemon_dir", Syntax: "DIRECTORY", Doc: "of Pacemaker's time; refused", set: setCRMDaemonDir},
}

func pcmkBool(w string) []string {
	return []string{"ERROR: ha_config_check_boolean:Invalid directive value " + w}
}

func setWatchdog(p *haParser, d *Directive, a token) {
	if p.ha.Watchdog != "" {
		p.fail(a, fmt.Sprintf("watchdog: a second device %s, %s is set already", a.text, p.ha.Watchdog), "remove one of them",
			"heartbeat: Watchdog device multiply specified.")
		return
	}
	p.ha.Watchdog = a.text
}

func setCoredumps(p *haParser, d *Directive, a token) {
	boolean(func(h *HA) *bool { return &h.Coredumps }, nil)(p, d, a)
	if _, ok := parseBool(a.text); !ok {
		return
	}
	// The original warns even where core dumps are off.
	var original []string
	if p.env.CorePattern == "core" {
		original = append(original, "WARN: Consider setting non-default value in /proc/sys/kernel/core_pattern (or equivalent) for maximum supportability")
	}
	if p.env.CoreUsesPID == "0" {
		original = append(original, "WARN: Consider setting /proc/sys/kernel/core_uses_pid (or equivalent) to 1 for maximum supportability")
	}
	if original != nil {
		p.note(a, "a later core dump would overwrite an earlier one",
			append([]string{"WARN: Core dumps could be lost if multiple dumps occur."}, original...)...)
	}
}

func setEnv(p *haParser, d *Directive, a token) {
	name, value, ok := strings.Cut(a.text, "=")
	switch {
	case name == "":
		p.fail(a, fmt.Sprintf("env: %q has no name", a.text), "write env NAME=VALUE", "ERROR: set_env: invalid nvpair("+a.text+")")
		return
	case !ok:
		// The original takes the value of the env before it, by mistake.
		p.warn(a, fmt.Sprintf("env: %q has no value and was taken for %s=", a.text, name), "write env "+name+"=VALUE")
	}
	for i := range p.ha.Env {
		if p.ha.Env[i].Name == name {
			p.ha.Env[i].Value = value
			return
		}
	}
	p.ha.Env = append(p.ha.Env, KV{name, value})
}

func setCRMDaemonDir(p *haParser, d *Directive, a token) {
	p.fail(a, "crm_daemon_dir belongs to Pacemaker, which is not supported", "remove the line")
}
