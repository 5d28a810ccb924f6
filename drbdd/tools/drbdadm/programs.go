package drbdadm

import (
	"fmt"
	"path/filepath"
	"strings"
)

// findPrograms decides which drbdsetup and drbdmeta are called (drbd-cli 2.1):
// those of -s and -m, else those beside the name under which we were called or
// beside our own program, else those in PATH.
func (t *tool) findPrograms() error {
	for _, p := range []struct {
		given *string
		name  string
	}{{&t.setup, "drbdsetup-84"}, {&t.meta, "drbdmeta"}, {&t.proxyCtl, ""}} {
		if *p.given == "" {
			*p.given = t.program(p.name)
			continue
		}
		file, err := filepath.Abs(*p.given)
		if err == nil {
			_, err = t.env.LookPath(file)
		}
		if err != nil {
			fmt.Fprint(t.err, "Can not find command (drbdsetup/drbdmeta)\n")
			return exitExec
		}
		*p.given = file
	}
	return nil
}

func (t *tool) program(name string) string {
	if name == "" {
		return ""
	}
	var dirs []string
	if i := strings.LastIndexByte(t.argv0, '/'); i >= 0 {
		dirs = append(dirs, t.argv0[:i+1])
	}
	if t.env.Executable != "" {
		dirs = append(dirs, filepath.Dir(t.env.Executable)+"/")
	}
	for _, dir := range dirs {
		if _, err := t.env.LookPath(dir + name); err == nil {
			return dir + name
		}
	}
	return name
}

// paths are the files of programs.
func (t *tool) paths(programs ...string) []string {
	var out []string
	for _, p := range programs {
		if file, err := t.env.LookPath(p); err == nil {
			out = append(out, file)
		}
	}
	return out
}
