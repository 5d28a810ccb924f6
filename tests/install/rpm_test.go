package install

import (
	"os/exec"
	"strings"
	"testing"
)

// TestRpm: the same files as in the .deb, the same ones configuration that an upgrade
// leaves alone, and scripts that the shell can read.
func TestRpm(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("rpm is missing (package rpm)")
	}
	ask := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env = append(cmd.Environ(), "LC_ALL=C")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v", program, args, err)
		}
		return string(out)
	}
	for _, name := range []string{"heartbeatd", "drbdd"} {
		rpm, deb := pack(t, name, "rpm"), pack(t, name, "deb")
		has := map[string]bool{}
		for f := range strings.Lines(ask("rpm", "-qp", "--nosignature", "-l", rpm)) {
			has[strings.TrimSpace(f)] = true
		}
		files := 0
		for line := range strings.Lines(ask("dpkg-deb", "-c", deb)) {
			f := strings.Fields(line)
			if line[0] == 'd' {
				continue
			}
			files++
			if p := strings.TrimPrefix(f[5], "."); !has[p] {
				t.Errorf("%s: the .rpm has no %s", name, p)
			}
		}
		if files < 20 {
			t.Errorf("%s: %d files in the .deb", name, files)
		}
		if got, want := ask("rpm", "-qp", "--nosignature", "-c", rpm), ask("dpkg-deb", "-I", deb, "conffiles"); got != want {
			t.Errorf("%s: configuration in the .rpm\n%s\nin the .deb\n%s", name, got, want)
		}
		// 16: configuration; 1: noreplace.
		for line := range strings.Lines(ask("rpm", "-qp", "--nosignature", "--qf", "[%{FILEFLAGS} %{FILENAMES}\n]", rpm)) {
			if flags, file, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(file, "/etc/") && !strings.HasSuffix(file, ".d") && flags != "17" {
				t.Errorf("%s: %s has flags %s, want 17: configuration, not replaced", name, file, flags)
			}
		}
		for _, tag := range []string{"POSTIN", "PREUN", "POSTUN"} {
			text := ask("rpm", "-qp", "--nosignature", "--qf", "%{"+tag+"}", rpm)
			if cmd := exec.Command("sh", "-n", "-c", text); len(text) < 20 || cmd.Run() != nil {
				t.Errorf("%s: %s is no script of the shell:\n%s", name, tag, text)
			}
		}
	}
}
