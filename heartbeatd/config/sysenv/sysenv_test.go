package sysenv_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/config/sysenv"
)

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAndScripts(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/ha.cf", "node a\n", 0o644)
	put(t, dir+"/authkeys", "auth 1\n1 crc\n", 0o640)
	put(t, dir+"/nodeinfo", "Alias\nsecond line\n", 0o644)
	put(t, dir+"/resource.d/Mine", "#!/bin/sh\n", 0o755)
	put(t, dir+"/resource.d/Notes", "text\n", 0o644)
	f := sysenv.Files(dir)
	if string(f.HA.Data) != "node a\n" || f.HA.Name != dir+"//ha.cf" || f.Authkeys.Mode.Perm() != 0o640 || f.Haresources.Err == nil || f.Ext.Err == nil {
		t.Errorf("files: %+v", f)
	}
	env := sysenv.Env(dir)
	if env.Hostname != "Alias" || !env.NodeinfoUsed {
		t.Errorf("the first line of nodeinfo replaces uname -n, got %q", env.Hostname)
	}
	if path, ok := env.Script("Mine"); !ok || path != filepath.Join(dir, "resource.d/Mine") {
		t.Errorf("Mine: %q %v", path, ok)
	}
	for _, name := range []string{"Notes", "mine", "", "..", "../ha.cf", "x\x00"} {
		if path, ok := env.Script(name); ok {
			t.Errorf("%q must not be a script, found %s", name, path)
		}
	}
	if names := env.Scripts(); names[0] != "Mine" || slices.Contains(names, "Notes") {
		t.Errorf("scripts: %q", names)
	}
}

func TestMachine(t *testing.T) {
	env := sysenv.Env(t.TempDir())
	if host, _ := os.Hostname(); env.Hostname != host || env.NodeinfoUsed {
		t.Errorf("hostname %q", env.Hostname)
	}
	if i, ok := env.Interface("lo"); !ok || !i.IPv4 {
		t.Skipf("no loopback address here: %+v %v", i, ok)
	}
	if _, ok := env.Interface("nosuch0"); ok {
		t.Error("nosuch0 exists")
	}
	if id, ok := env.LookupUser("root"); !ok || id != 0 {
		t.Errorf("root: %d %v", id, ok)
	}
	if _, ok := env.LookupGroup("no such group"); ok {
		t.Error("no such group exists")
	}
	if i := env.Stat("/dev/null"); i.Kind != config.CharDevice {
		t.Errorf("/dev/null: %+v", i)
	}
	if i := env.Stat("/no such file"); i.Kind != config.NoFile {
		t.Errorf("/no such file: %+v", i)
	}
	if !env.StonithType("meatware") || env.StonithType("fence_../x") || env.StonithType("nosuch") {
		t.Errorf("stonith types: %q", env.StonithTypes())
	}
	if name, ok := env.ServiceAt(53, "udp"); ok && name != "domain" {
		t.Errorf("53/udp: %q", name)
	}
}
