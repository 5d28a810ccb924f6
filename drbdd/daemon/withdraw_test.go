package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/control"
)

// Whoever wanted a promotion was killed while fence-peer ran, and takes the node for
// Secondary: so it stays.
func TestPromotionThatNobodyWaitsFor(t *testing.T) {
	s := testServer(t)
	disk := image(t, 4<<20)
	resourceWithMinor(t, s, "r0", 0)
	attach := control.Request{Cmd: "attach", Args: []string{disk, disk, "internal"}}
	s.succeed(t, attach)
	s.succeed(t, control.Request{Cmd: "primary", Options: map[string]string{"force": "yes"}})
	s.succeed(t, control.Request{Cmd: "secondary"})
	s.succeed(t, control.Request{Cmd: "detach"})
	attach.Options = map[string]string{"fencing": "resource-only"}
	s.succeed(t, attach)

	dir := t.TempDir()
	s.set.Helper = filepath.Join(dir, "helper")
	script := "#!/bin/sh\ncase \"$*\" in *fence-peer*) ;; *) exit 0 ;; esac\n: >" + dir + "/runs\nwhile [ ! -e " + dir + "/end ]; do sleep 0.05; done\nexit 4\n"
	if err := os.WriteFile(s.set.Helper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	until := func(what string, f func() bool) {
		t.Helper()
		for i := 0; !f(); i++ {
			if i == 500 {
				t.Fatal(what)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	exists := func(name string) bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	v := s.minor(0)
	ctx, kill := context.WithCancel(t.Context())
	ended := make(chan control.Answer)
	go func() { ended <- s.changeVolume(ctx, v, control.Request{Cmd: "primary"}) }()
	until("fence-peer is not called", func() bool { return exists("runs") })
	kill()
	<-ended
	if err := os.WriteFile(filepath.Join(dir, "end"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	until("the result of the handler is not logged", func() bool {
		b, _ := os.ReadFile(filepath.Join(s.set.RunDir, "log"))
		return strings.Contains(string(b), "fence-peer helper returned 4")
	})
	s.succeed(t, control.Request{Cmd: "resume-io"}) // the core is done with it
	if v.primary() {
		t.Error("it is Primary, and nobody knows")
	}
	s.succeed(t, control.Request{Cmd: "primary"})
	if !v.primary() {
		t.Error("it cannot be promoted any more")
	}
}
