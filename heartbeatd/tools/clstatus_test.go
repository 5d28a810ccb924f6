package tools

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A daemon that accepts and never answers: exit 12, as seen on the original.
func TestClStatusTimeout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "register")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	t.Setenv("HA_REGISTER", path)
	defer func(d time.Duration) { clTimeLimit = d }(clTimeLimit)
	clTimeLimit = 50 * time.Millisecond
	for _, sub := range []string{"hbstatus", "listnodes"} {
		var stdout, stderr bytes.Buffer
		code := ClStatus([]string{sub}, &stdout, &stderr)
		if code != clTimeout || stdout.Len() > 0 || !strings.Contains(stderr.String(), "does not answer within 50ms") {
			t.Errorf("%s: %d %q %q", sub, code, stdout.String(), stderr.String())
		}
	}
}

func TestAtoi(t *testing.T) {
	for s, want := range map[string]int{"": 0, "x": 0, "12": 12, "12x": 12, "-5": -5, "+7": 7, "-": 0} {
		if got := atoi(s); got != want {
			t.Errorf("atoi(%q) = %d, want %d", s, got, want)
		}
	}
}
