package drbdadm

import (
	"fmt"
	"path/filepath"
	"strings"
)

// findPrograms decides which drbdsetup and drbdmeta are called (drbd-cli 2.1):
// those of -s and -m, else those beside the name under which we were called, else
// those in PATH, and at last those beside our own program.
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
	if i := strings.LastIndexByte(t.argv0, '/'); i >= 0 {
		beside := t.argv0[:i+1] + name
		if _, err := t.env.LookPath(beside); err == nil {
			return beside
		}
	}
	if _, err := t.env.LookPath(name); err != nil && t.env.Executable != "" {
		beside := filepath.Join(filepath.Dir(t.env.Executable), name)
		if _, err := t.env.LookPath(beside); err == nil {
			return beside
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
