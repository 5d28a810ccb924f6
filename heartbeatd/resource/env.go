package resource

import (
	"slices"
	"strings"
)

// Places that scripts know through their environment (heartbeat-behaviour 2.2).
const (
	haBin      = "/usr/libexec/heartbeat"
	haNoarch   = "/usr/share/heartbeat"
	haFIFO     = "/var/lib/heartbeat/fifo"
	haDoc      = "/usr/share/doc/heartbeat"
	ocfRoot    = "/usr/lib/ocf"
	ocfAgents  = "/usr/lib/ocf/resource.d/heartbeat/"
	systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// defaultDateFmt is the one of scripts run without the daemon.
	defaultDateFmt = "%b %d %T "
)

// lookupEnv returns the last value of name, as execve's receivers mostly see it.
func lookupEnv(env []string, name string) string {
	for _, kv := range slices.Backward(env) {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// scriptEnv is the environment of a resource script: what ResourceManager would
// have set and what shellfuncs adds. dir is HA_DIR's value in the directory
// names: "/etc/ha.d", or "/etc/ha.d/" for runs that the original makes below harc
// (the source of the double slashes in its log). Locale settings go, because
// scripts read what other programs print.
func scriptEnv(base []string, o *Options, dir string, extra []string) []string {
	drop := []string{"LANGUAGE", "LANG", "LC_ALL", "HA_RCDIR", "HA_RESOURCEDIR", "HA_DIR", "HA_FUNCS", "PATH"}
	env := make([]string, 0, len(base)+len(extra)+16)
	for _, kv := range base {
		if k, _, _ := strings.Cut(kv, "="); !slices.Contains(drop, k) {
			env = append(env, kv)
		}
	}
	env = append(env, extra...)
	add := func(k, v string) { env = append(env, k+"="+v) }
	def := func(k, v string) {
		if lookupEnv(env, k) == "" {
			add(k, v)
		}
	}
	add("HA_DIR", o.HaDir)
	add("HA_FUNCS", o.HaDir+"/shellfuncs")
	add("HA_RCDIR", dir+"/rc.d")
	add("HA_RESOURCEDIR", dir+"/resource.d")
	add("LC_ALL", "C")
	def("HA_CURHOST", o.Node)
	def("HA_BIN", haBin)
	def("HA_NOARCHBIN", haNoarch)
	def("HA_FIFO", haFIFO)
	def("HA_DOCDIR", haDoc)
	def("HA_DATEFMT", defaultDateFmt)
	def("HA_DEBUGLOG", "/dev/null")
	def("OCF_ROOT", ocfRoot)
	def("OCF_AGENTS", ocfAgents)
	add("PATH", scriptPath(lookupEnv(base, "PATH"), lookupEnv(env, "HA_BIN")))
	return env
}

// scriptPath puts Heartbeat's directories in front of the caller's and makes sure
// that the system's are there at all.
func scriptPath(old, bin string) string {
	dirs := []string{bin, "/usr/sbin", haNoarch}
	for d := range strings.SplitSeq(old+":"+systemPath, ":") {
		if d != "" && d != "." && !slices.Contains(dirs, d) {
			dirs = append(dirs, d)
		}
	}
	return strings.Join(dirs, ":")
}
