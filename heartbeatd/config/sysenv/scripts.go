package sysenv

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"classicha/heartbeatd/config"
)

const initDir = "/etc/init.d"

// unitDirs are where systemd looks for units, first wins.
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// script finds a resource script: resource.d, init.d, then a systemd unit
// (heartbeat-config 5 and DESIGN.md section 5).
func script(dir, name string) (string, bool) {
	if name == "" || strings.ContainsAny(name, "/\x00") || name[0] == '.' {
		return "", false
	}
	for _, d := range []string{filepath.Join(dir, config.ResourceDirName), initDir} {
		if path := filepath.Join(d, name); stat(path).Executable() {
			return path, true
		}
	}
	for _, d := range unitDirs {
		for _, unit := range []string{name + ".service", name + "@.service"} {
			if path := filepath.Join(d, unit); stat(path).Kind == config.Regular {
				return path, true
			}
		}
	}
	return "", false
}

// scripts are all names that script finds.
func scripts(dir string, units []string) []string {
	var out []string
	for _, d := range []string{filepath.Join(dir, config.ResourceDirName), initDir} {
		entries, _ := os.ReadDir(d)
		for _, e := range entries {
			if stat(filepath.Join(d, e.Name())).Executable() {
				out = append(out, e.Name())
			}
		}
	}
	return append(out, units...)
}

// unitNames are the names of all service units, without templates.
func unitNames() []string {
	var out []string
	for _, d := range unitDirs {
		entries, _ := os.ReadDir(d)
		for _, e := range entries {
			if name, ok := strings.CutSuffix(e.Name(), ".service"); ok && !strings.HasSuffix(name, "@") {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// stonithDirs hold cluster-glue's plugins: compiled ones (TYPE.so) and scripts
// (external/TYPE).
var stonithDirs = []string{"/usr/lib/stonith/plugins", "/usr/lib64/stonith/plugins"}

// stonithTypes are the device types as `stonith -L` lists them, found without
// running it. meatware, null, ssh and suicide always count: we know them.
func stonithTypes() []string {
	out := []string{"meatware", "null", "ssh", "suicide"}
	for _, d := range stonithDirs {
		libs, _ := os.ReadDir(filepath.Join(d, "stonith2"))
		for _, e := range libs {
			if name, ok := strings.CutSuffix(e.Name(), ".so"); ok && name != "external" && name != "rhcs" {
				out = append(out, name)
			}
		}
		external, _ := os.ReadDir(filepath.Join(d, "external"))
		for _, e := range external {
			if stat(filepath.Join(d, "external", e.Name())).Executable() {
				out = append(out, "external/"+e.Name())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// fenceAgent reports whether name is an agent of the fence-agents packages
// (fence_ipmilan, or rhcs/fence_ipmilan as cluster-glue calls it).
func fenceAgent(name string) bool {
	name = strings.TrimPrefix(name, "rhcs/")
	if !strings.HasPrefix(name, "fence_") || strings.Contains(name, "/") {
		return false
	}
	for _, d := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if stat(filepath.Join(d, name)).Executable() {
			return true
		}
	}
	return false
}
