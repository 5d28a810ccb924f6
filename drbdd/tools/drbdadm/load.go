package drbdadm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"classicha/drbdd/config"
)

// load reads the configuration and says what is to be said about it.
func (t *tool) load() error {
	name, missing := t.chooseFile()
	data, err := t.read(name)
	if err != nil {
		return t.cannotOpen(name, err, missing)
	}
	if name == "-" {
		name = "STDIN"
	}
	if t.testFile != "" {
		test, err := filepath.Abs(t.testFile)
		if err == nil {
			_, err = os.ReadFile(test)
		}
		if err != nil {
			return t.cannotOpen(t.testFile, err, exitExec)
		}
		// The file is looked at as a part of the configuration.
		data = append(data, fmt.Sprintf("\ninclude \"%s\";\n", strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(test))...)
	}
	env := t.env.Config
	env.DumpOnly = t.cmd.all != nil && t.cmd.names == allElse && !t.dry && t.verbose == 0
	if t.env.NotSetuid != nil && !t.ownDopd() {
		env.SetuidPrograms = t.env.NotSetuid(t.paths(t.setup, t.meta)...)
	}
	abs := env.Abs
	env.Abs = func(n string) string {
		if n == "STDIN" || abs == nil {
			return n
		}
		return abs(n)
	}
	conf, found := config.Parse(name, data, env)
	t.conf = conf
	t.say(found)
	if found.Refused() {
		return exit(found.ExitCode())
	}
	return nil
}

// say prints findings. What the original says comes with every command; what we
// add, with those that a person calls to change something or to look at the
// file; what older words mean today, with the latter only.
func (t *tool) say(found config.Findings) {
	level := config.Warn
	if t.cmd.all != nil {
		level = config.Note
	}
	for _, f := range found {
		switch {
		case f.Level == config.Error, t.cmd.loud && f.Level >= level:
			fmt.Fprint(t.err, f.Lines())
		case t.cmd.names == ignored && aboutResources(f.Original): // which have no part in the answer
		case f.Original != "" && f.Exit == 0:
			fmt.Fprint(t.err, f.Original)
		}
		if f.Level == config.Error && f.Stops {
			return
		}
	}
}

// aboutResources tells warnings of the original about one resource from those
// about the file.
func aboutResources(text string) bool {
	return strings.Contains(text, "'resync-after'") || strings.HasPrefix(text, "WARN:\n")
}

func (t *tool) read(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(t.in)
	}
	return os.ReadFile(name)
}

// cannotOpen is an error about a file as a whole.
func (t *tool) cannotOpen(name string, err error, code exit) error {
	reason := err
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		reason = pe.Err
	}
	text := reason.Error()
	fmt.Fprintf(t.err, "Can not open '%s': %s\n", name, strings.ToUpper(text[:1])+text[1:])
	return code
}

// chooseFile is the configuration file, and the exit code if it is missing. What
// the daemon calls is looked for in the file from which its object was configured.
func (t *tool) chooseFile() (name string, missing exit) {
	if t.configFile != "" {
		return t.configFile, exitExec
	}
	if t.cmd.byDaemon && len(t.names) > 0 {
		if file := t.registered(t.names[0]); file != "" {
			return file, exitInvalid
		}
	}
	for _, name := range t.env.ConfigFiles {
		if f, err := os.Open(name); err == nil {
			f.Close()
			return name, exitInvalid
		}
	}
	if n := len(t.env.ConfigFiles); n > 0 {
		return t.env.ConfigFiles[n-1], exitInvalid
	}
	return "", exitInvalid
}

// registered is the file from which a minor or resource was configured.
func (t *tool) registered(name string) string {
	link, what := "drbd-resource-"+name+".conf", "resource "+name
	if digits, ok := strings.CutPrefix(name, "minor-"); ok {
		link, what = "drbd-minor-"+digits+".conf", "minor "+digits
	} else if res, _, ok := strings.Cut(name, "/"); ok {
		link, what = "drbd-resource-"+res+".conf", "resource "+res
	}
	if file, err := filepath.EvalSymlinks(filepath.Join(t.env.StateDir, link)); err == nil && !strings.Contains(name, "..") {
		return file
	}
	fmt.Fprintf(t.err, "Don't know which config file belongs to %s, trying default ones...\n", what)
	return ""
}

// register remembers from which file a minor or a resource was configured. That
// it cannot is no reason to fail.
func (t *tool) register(name string) {
	file := t.conf.File
	if t.dry || t.env.StateDir == "" || !filepath.IsAbs(file) || strings.Contains(name, "/") {
		return
	}
	link := filepath.Join(t.env.StateDir, name+".conf")
	if now, err := os.Readlink(link); err == nil && now == file {
		return
	}
	if os.MkdirAll(t.env.StateDir, 0o755) != nil {
		return
	}
	os.Remove(link)
	os.Symlink(file, link)
}
