package sysenv_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/config/sysenv"
)

func seed(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// articleTree is /etc of the article's serv-a below a directory; it returns the
// ha.d in it.
func articleTree(t *testing.T, haresources string) (etc, had string) {
	t.Helper()
	etc = t.TempDir()
	had = etc + "/ha.d"
	for _, name := range []string{"ha.cf", "authkeys"} {
		put(t, had+"/"+name, seed(t, "../testdata/seed/"+name), 0o600)
	}
	put(t, had+"/nodeinfo", "serv-a\n", 0o644)
	put(t, had+"/haresources", haresources, 0o644)
	put(t, etc+"/drbd.conf", seed(t, "../../../drbdd/config/testdata/seed/drbd.conf"), 0o644)
	for _, s := range []string{"drbddisk", "Filesystem", "IPaddr2", "MailTo", "cyrus", "mysql-debian"} {
		put(t, had+"/resource.d/"+s, "#!/bin/sh\n", 0o755)
	}
	return etc, had
}

// storage are the findings above OK that name DRBD or a mount point.
func storage(had string) []string {
	var out []string
	for _, f := range config.Check(sysenv.Files(had), sysenv.Env(had)) {
		s := f.Sentence()
		if f.Stage == config.StageCheck && f.Level >= config.Warn && (strings.Contains(s, "drbd") || strings.Contains(s, "mount")) {
			out = append(out, f.Level.String()+s[strings.LastIndex(s, "haresources:")+len("haresources"):])
		}
	}
	return out
}

// The article's own files: of what is said about disks, nothing is new but the
// mount point that a test machine does not have.
func TestArticlesDisks(t *testing.T) {
	_, had := articleTree(t, seed(t, "../testdata/seed/haresources"))
	want := []string{"WARN:2:1: Filesystem::/dev/drbd0::/user::ext3: the mount point /user does not exist; mkdir -p /user"}
	if _, err := os.Stat("/user"); err == nil {
		want = nil
	}
	if got := storage(had); !slices.Equal(got, want) {
		t.Errorf("haresources: %q, want %q", got, want)
	}
	_, had = articleTree(t, seed(t, "../testdata/seed/haresources.oneline"))
	if got := storage(had); len(got) != 1 || !strings.Contains(got[0], `the mount point "user" has no slash; write /user`) {
		t.Errorf("haresources.oneline: %q", got)
	}
}

// Which drbd.conf is read for a directory, and what of it.
func TestDrbdConfOfADirectory(t *testing.T) {
	etc, had := articleTree(t, "serv-a drbddisk::usr Filesystem::/dev/sda1::/proc\n")
	want := []string{
		`FAIL:1:8: drbddisk::usr: ` + etc + `/drbd.conf has no resource "usr": starting the group would fail; did you mean "user"?`,
		"FAIL:1:22: Filesystem::/dev/sda1::/proc: /dev/sda1 is the disk below the DRBD resource user: what is written there is not mirrored, and breaks the mirror; write /dev/drbd0",
	}
	if _, err := os.Stat("/dev/sda1"); err != nil && !slices.Equal(storage(had), want) {
		t.Errorf("beside the directory:\ngot  %q\nwant %q", storage(had), want)
	}
	// One in the directory comes first; here it has another name.
	put(t, had+"/drbd.conf", strings.Replace(seed(t, etc+"/drbd.conf"), "resource user", "resource usr", 1), 0o644)
	put(t, had+"/haresources", "serv-a drbddisk::usr Filesystem::/dev/drbd0::/proc\n", 0o644)
	if got := storage(had); len(got) != 0 {
		t.Errorf("in the directory: %q", got)
	}
	put(t, had+"/drbd.conf", "resource usr { bogus; }\n", 0o644)
	if got := storage(had); len(got) != 1 || !strings.Contains(got[0], "drbddisk::usr: drbd.conf cannot be used: "+had+"/drbd.conf:") {
		t.Errorf("a broken one: %q", got)
	}
	put(t, had+"/drbd.conf", strings.ReplaceAll(seed(t, etc+"/drbd.conf"), "serv-a", "elsewhere"), 0o644)
	put(t, had+"/haresources", "serv-a drbddisk::user\n", 0o644)
	if got := storage(had); len(got) != 1 || !strings.Contains(got[0], "is for elsewhere and serv-b, not for this machine") {
		t.Errorf("one for other machines: %q", got)
	}
}
