package daemon

import (
	"testing"
	"time"
)

func TestWaker(t *testing.T) {
	w, err := newWaker()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	wait := func(what string, least, most time.Duration, begin time.Time) {
		t.Helper()
		select {
		case <-w.C:
			w.rang()
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: it never rang", what)
		}
		if d := time.Since(begin); d < least || d > most {
			t.Errorf("%s: it rang after %v, want %v to %v", what, d, least, most)
		}
	}
	begin := time.Now()
	w.set(begin, 20*time.Millisecond)
	wait("once", 20*time.Millisecond, 3*time.Second, begin)
	begin = time.Now()
	w.set(begin, 0)
	wait("at once", 0, 3*time.Second, begin)
	begin = time.Now()
	w.set(begin, time.Hour)
	w.set(begin, 30*time.Millisecond)
	wait("earlier than it was set", 30*time.Millisecond, 3*time.Second, begin)
	begin = time.Now()
	w.set(begin, 30*time.Millisecond)
	w.set(begin, time.Hour) // the earlier time stays
	wait("later than it was set", 30*time.Millisecond, 3*time.Second, begin)
	select {
	case <-w.C:
		t.Error("it rang twice")
	case <-time.After(50 * time.Millisecond):
	}
}
