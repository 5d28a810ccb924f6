package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestChangesAreReportedOnceQuiet(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("ha.cf", "a")
	put("authkeys", "a")
	calls := make(chan []string, 100)
	w, err := Dir(dir, DefaultNames, 100*time.Millisecond, func(n []string) { calls <- n }, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string, want ...string) {
		t.Helper()
		select {
		case got := <-calls:
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: got %v, want %v", what, got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nothing was reported, want %v", what, want)
		}
	}
	begin := time.Now()
	for i := range 5 {
		put("ha.cf", fmt.Sprint("write ", i))
		put("unrelated", "x")
		time.Sleep(20 * time.Millisecond)
	}
	expect("several writes", "ha.cf")
	if d := time.Since(begin); d < 180*time.Millisecond {
		t.Errorf("reported after %v, before it was quiet", d)
	}

	// Replaced by rename, twice: a watch on the file would be lost.
	for range 2 {
		put("ha.cf.tmp", "new")
		if err := os.Rename(filepath.Join(dir, "ha.cf.tmp"), filepath.Join(dir, "ha.cf")); err != nil {
			t.Fatal(err)
		}
		put("haresources", "node1 x")
		expect("replaced by rename", "ha.cf", "haresources")
	}
	os.Remove(filepath.Join(dir, "haresources"))
	expect("removed", "haresources")
	os.Chmod(filepath.Join(dir, "ha.cf"), 0o644)
	os.Chmod(filepath.Join(dir, "authkeys"), 0o644)
	expect("mode of authkeys", "authkeys")
	put("ha.cf", "pending at Close")
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	select {
	case n := <-calls:
		t.Errorf("%v was reported after Close", n)
	case <-time.After(150 * time.Millisecond):
	}
}

func TestMissingDirectory(t *testing.T) {
	if w, err := Dir("/nonexistent/ha.d", DefaultNames, time.Second, func([]string) {}, nil); err == nil {
		w.Close()
		t.Error("no error for a missing directory")
	}
}
