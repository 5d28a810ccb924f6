package watchdog

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"classicha/internal/hlog"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type lines []string

func (l *lines) Log(level hlog.Level, text string) { *l = append(*l, level.String()+": "+text) }

func TestTimeoutIsRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]int{
		30 * time.Second:        31, // 30.010 s
		3 * time.Second:         4,
		990 * time.Millisecond:  1,
		991 * time.Millisecond:  2,
		200 * time.Millisecond:  1,
		0:                       1,
		2995 * time.Millisecond: 4,
	} {
		if got := Timeout(d); got != want {
			t.Errorf("deadtime %v: %d s, want %d", d, got, want)
		}
	}
}

// A FIFO plays the device: what was written can be read, WDIOC_SETTIMEOUT fails.
func TestLifeOfADevice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var log lines
	d := Open(path, 3*time.Second, &log)
	if !d.Armed() {
		t.Fatalf("not armed: %q", log)
	}
	for range 3 {
		d.Pet()
	}
	d.Disarm()
	d.Disarm()
	d.Pet()
	buf := make([]byte, 100)
	n, err := r.Read(buf)
	if err != nil || string(buf[:n]) != "\x00\x00\x00V" {
		t.Errorf("the device got %q %v, want three NUL bytes and V", buf[:n], err)
	}
	want := lines{"info: Using watchdog device: " + path,
		"ERROR: WDIOC_SETTIMEOUT: Failed to set watchdog timer to 4 seconds.",
		"info: Successful watchdog 'V' write", "info: Successful watchdog close"}
	if !reflect.DeepEqual(log, want) {
		t.Errorf("log:\n%q\nwant\n%q", log, want)
	}
}

func TestFailures(t *testing.T) {
	var log lines
	none := Open("/nonexistent/watchdog", time.Second, &log)
	none.Pet()
	none.Disarm()
	if none.Armed() || fmt.Sprint(log) != "[ERROR: Cannot open watchdog device: /nonexistent/watchdog]" {
		t.Errorf("missing device: armed %v, %q", none.Armed(), log)
	}

	log = nil
	full := Open("/dev/full", time.Second, &log)
	log = nil
	full.Pet()
	full.Pet()
	if full.Armed() || fmt.Sprint(log) != "[CRIT: Watchdog write failure: closing /dev/full!]" {
		t.Errorf("device that refuses: armed %v, %q, want closed and one line", full.Armed(), log)
	}

	full = Open("/dev/full", time.Second, &log)
	log = nil
	full.Disarm()
	if fmt.Sprint(log) != "[CRIT: Watchdog write magic character failure: closing /dev/full! info: Successful watchdog close]" {
		t.Errorf("V refused: %q", log)
	}
}
