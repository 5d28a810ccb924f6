package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"classicha/heartbeatd/config"

	"golang.org/x/sys/unix"
)

// TestNothingTwiceInTheJournal: systemd hands a unit's standard error to the journal, which
// has the lines from syslog already.
func TestNothingTwiceInTheJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		facility, stream string
		stderr           bool
	}{
		{"local0", fmt.Sprintf("%d:%d", st.Dev, st.Ino), false},
		{"none", fmt.Sprintf("%d:%d", st.Dev, st.Ino), true},
		{"local0", "1:2", true},
		{"local0", "", true},
	} {
		t.Setenv("JOURNAL_STREAM", x.stream)
		c := &config.Config{HA: &config.HA{}}
		c.HA.Log.Facility = x.facility
		if got := logConfig(c, f); (got.Stderr != nil) != x.stderr {
			t.Errorf("facility %s, JOURNAL_STREAM %q: standard error %v, want %v", x.facility, x.stream, got.Stderr != nil, x.stderr)
		}
	}
}
