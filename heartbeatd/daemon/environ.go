package daemon

import (
	"os"
	"strings"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/resource"
)

// childEnv is the environment of scripts and clients (heartbeat-behaviour 2.2): what
// we got ourselves, without what is meant for us alone, and ha.cf as HA_*. Later
// entries win.
func childEnv(c *config.Config, p Paths) []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case name == "NOTIFY_SOCKET", strings.HasPrefix(name, "WATCHDOG_"), strings.HasPrefix(name, "LISTEN_"),
			strings.HasPrefix(name, "HEARTBEATD_"), name == "INVOCATION_ID", name == "JOURNAL_STREAM":
			continue
		}
		env = append(env, kv)
	}
	add := func(name, value string) { env = append(env, name+"="+value) }
	add("HA_DIR", p.Conf)
	add("HA_FUNCS", p.Conf+"/shellfuncs")
	add("HA_CURHOST", c.HA.Node)
	add("HA_DATEFMT", "%Y/%m/%d_%T\t")
	add("OCF_ROOT", "/usr/lib/ocf")
	if p.State != config.StateDir {
		add("HA_FIFO", p.fifo())
	}
	for name, directive := range map[string]string{"HA_LOGFILE": "logfile", "HA_DEBUGLOG": "debugfile", "HA_LOGFACILITY": "logfacility"} {
		if v, ok := c.HA.Param(directive); ok {
			add(name, v)
		}
	}
	logd := "no"
	if c.HA.Log.UseLogd {
		logd = "yes"
	}
	add("HA_LOGD", logd)
	add("HA_COMPRESSION", c.HA.Compression)
	for _, kv := range c.HA.Recorded {
		add("HA_"+kv.Name, kv.Value)
	}
	for _, kv := range c.HA.Env {
		add("HA_"+kv.Name, kv.Value)
	}
	return env
}

// lookupEnv returns the last value of a name.
func lookupEnv(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(env[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// modeEnv is added for scripts that ask in which mode they run.
func modeEnv(c *config.Config, status string) []string {
	env := []string{"HA_OSTATUS=" + status}
	if c.HA.AutoFailback != config.FailbackLegacy {
		env = append(env, "HA_NICEFAILBACK=yes")
	}
	return env
}

// devices are the STONITH devices in the order in which they are tried: the last
// line first, since it is the only one that the original uses.
func devices(ha *config.HA) []resource.Device {
	var out []resource.Device
	for i := len(ha.Stonith) - 1; i >= 0; i-- {
		s := ha.Stonith[i]
		out = append(out, resource.Device{Type: s.Type, Params: s.Params, File: s.File})
	}
	return out
}
