package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/control"
)

// A node that tries to be Primary again, for the applications of a daemon that was killed,
// gives that up when somebody wants it to be Secondary: the cluster manager has the services
// run elsewhere by now.
func TestSecondaryEndsTheResumption(t *testing.T) {
	s := testServer(t)
	disk := image(t, 4<<20)
	resourceWithMinor(t, s, "r0", 0)
	s.succeed(t, control.Request{Cmd: "attach", Args: []string{disk, disk, "internal"}})
	v := s.minor(0)
	s.goOn(v, false) // its disk is not good
	tried := func() bool {
		b, _ := os.ReadFile(filepath.Join(s.set.RunDir, "log"))
		return strings.Contains(string(b), "cannot be Primary again")
	}
	for i := 0; !tried(); i++ {
		if i == 500 {
			t.Fatal("nobody tries to be Primary again")
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.succeed(t, control.Request{Cmd: "secondary"})
	if v.stopResuming() != nil {
		t.Error("it is still tried")
	}
	s.succeed(t, control.Request{Cmd: "primary", Options: map[string]string{"force": "yes"}})
	if !v.primary() {
		t.Error("a promotion that somebody wants does not work any more")
	}
}
