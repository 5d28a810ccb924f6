package sysenv_test

import (
	"strings"
	"testing"
)

// A handler drbd-peer-outdater in drbd.conf wants dopd in ha.cf.
func TestOutdaterWithoutDopd(t *testing.T) {
	etc, had := articleTree(t, "serv-a drbddisk::user\n")
	if got := storage(had); len(got) != 0 {
		t.Errorf("without a handler: %q", got)
	}
	conf := seed(t, etc+"/drbd.conf")
	put(t, etc+"/drbd.conf", strings.Replace(conf, "resource user {", "resource user {\n  handlers { fence-peer \"/usr/lib/heartbeat/drbd-peer-outdater -t 20\"; }", 1), 0o644)
	if got := storage(had); len(got) != 1 || !strings.Contains(got[0], "ha.cf does not start dopd") {
		t.Errorf("with the handler: %q", got)
	}
}
