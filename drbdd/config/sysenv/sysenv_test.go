package sysenv_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"classicha/drbdd/config"
	"classicha/drbdd/config/sysenv"
)

// write makes files below a new directory and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var tree = map[string]string{
	"main.conf":        "global { disable-ip-verification; }\ninclude \"inc/*.res\";\ninclude \"inc/*.none\";\nresource z { }\n",
	"inc/a.res":        "include \"sub/s.res\";\nresource a { }\n",
	"inc/b.res":        "resource b { }\n",
	"inc/.hidden.res":  "resource hidden { }\n",
	"inc/sub/s.res":    "resource s { }\n",
	"linked/main.conf": "include \"../inc/b.res\";\ninclude \"b-again.res\";\n",
}

func names(c *config.Config) string {
	var out []string
	for _, r := range c.Resources {
		out = append(out, r.Name+"@"+filepath.Base(r.Defined.File))
	}
	return strings.Join(out, " ")
}

// TestIncludes: patterns, hidden files, includes of includes, nothing twice.
func TestIncludes(t *testing.T) {
	dir := write(t, tree)
	if err := os.Symlink("../inc/b.res", filepath.Join(dir, "linked/b-again.res")); err != nil {
		t.Fatal(err)
	}
	env := sysenv.System()
	conf, found := sysenv.Load(filepath.Join(dir, "main.conf"), nil, env)
	if found.Refused() {
		t.Fatal(found.Lines())
	}
	if got, want := names(conf), "s@s.res a@a.res b@b.res z@main.conf"; got != want {
		t.Errorf("resources %q, want %q", got, want)
	}
	conf, found = sysenv.Load(filepath.Join(dir, "linked/main.conf"), nil, env)
	if got := names(conf); got != "b@b.res" || found.Refused() {
		t.Errorf("a link to a file that was read already: %q, %s", got, found.Lines())
	}
}

// TestIncludesAsTheRealTool: where there is one.
func TestIncludesAsTheRealTool(t *testing.T) {
	const drbdadm = "/lib/drbd/drbdadm-84"
	if _, err := os.Stat(drbdadm); err != nil {
		t.Skipf("%s is not installed", drbdadm)
	}
	wrong := map[string]string{}
	for name, text := range tree {
		wrong[name] = text
	}
	wrong["inc/sub/s.res"] = "\nresource s { foo; }\n"
	missing := map[string]string{"main.conf": "include \"inc/a.res\";\n", "inc/a.res": "include \"inc/b.res\";\n"}
	for _, files := range []map[string]string{tree, wrong, missing} {
		dir := write(t, files)
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		t.Chdir(filepath.Dir(link))
		for _, name := range []string{"link/main.conf", filepath.Join(dir, "main.conf")} {
			cmd := exec.Command(drbdadm, "-c", name, "dump")
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run() // the exit code tells
			env := sysenv.System()
			env.DumpOnly = true
			conf, found := sysenv.Load(name, nil, env)
			said, exit := found.Original()
			if said != stderr.String() || exit != cmd.ProcessState.ExitCode() {
				t.Errorf("%s: the real drbdadm says %q (exit %d), we %q (exit %d)", name, stderr.String(), cmd.ProcessState.ExitCode(), said, exit)
			}
			if exit == 0 && conf.Dump(env.Hostname, config.DumpPlain) != stdout.String() {
				t.Errorf("%s: dump\n%s\nwant\n%s", name, conf.Dump(env.Hostname, config.DumpPlain), stdout.String())
			}
		}
	}
}

func TestLoad(t *testing.T) {
	conf, found := sysenv.Load("-", strings.NewReader("resource r0 { }\n"), sysenv.System())
	if found.Refused() || conf.File != "STDIN" || conf.Resources[0].Defined.String() != "STDIN:1" {
		t.Errorf("standard input: %+v %s", conf, found.Lines())
	}
	_, found = sysenv.Load("/nonexistent/drbd.conf", nil, sysenv.System())
	if got, want := found.Lines(), "Can not open '/nonexistent/drbd.conf': No such file or directory\n"; got != want || found.ExitCode() != config.ExitInvalid {
		t.Errorf("got %q exit %d, want %q", got, found.ExitCode(), want)
	}
}

func TestHostname(t *testing.T) {
	t.Setenv(sysenv.NodeVariable, "elsewhere")
	if sysenv.System().Hostname != "elsewhere" {
		t.Error("the variable replaces the host name")
	}
	t.Setenv(sysenv.NodeVariable, "")
	if want, _ := os.Hostname(); sysenv.Hostname() != want {
		t.Errorf("%q, want %q", sysenv.Hostname(), want)
	}
}

func TestLocalAddr(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1": true, "127.9.9.9": true, "::1": true, "203.0.113.77": false, "alpha": false, "": false} {
		if got := sysenv.LocalAddr(addr); got != want {
			t.Errorf("%q is local: %v, want %v", addr, got, want)
		}
	}
}

func TestNotSetuid(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "drbdsetup")
	if err := os.WriteFile(plain, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := sysenv.NotSetuid(plain, plain+"-absent"); len(got) != 1 || got[0] != plain {
		t.Errorf("got %q, want %q", got, plain)
	}
}
