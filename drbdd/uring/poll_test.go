package uring

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Polling grows while waits are short, stays as long as they need, and ends with the first long one.
func TestPatience(t *testing.T) {
	us := func(n int) time.Duration { return time.Duration(n) * time.Microsecond }
	p, now := patience{max: us(100)}, time.Unix(1e9, 0)
	for i, c := range []struct{ waited, now int }{
		{40, 8}, {40, 16}, {40, 32}, {40, 64}, {40, 64}, // enough
		{90, 100}, {100, 100}, {101, 0}, {5000, 0}, {100, 8},
	} {
		from := now
		now = now.Add(us(c.waited))
		if p.learn(from, now); p.now != us(c.now) {
			t.Fatalf("%d: after %d us it polls for %s, want %d us", i, c.waited, p.now, c.now)
		}
	}
}

// Where somebody else computes, polling gives his turns away: it stops for a while.
func TestPatienceInACrowd(t *testing.T) {
	start := time.Unix(1e9, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	p := patience{max: time.Second, now: time.Millisecond}
	if p.left(start, at(crowdedAfter)); p.now != time.Millisecond {
		t.Errorf("after a short turn of another it polls for %s", p.now)
	}
	if p.left(start, at(crowdedAfter+1)); p.now != 0 {
		t.Errorf("after a long turn of another it polls for %s", p.now)
	}
	over := crowdedAfter + 1 + crowdedFor
	for _, c := range []struct{ at, now time.Duration }{{over - 1, 0}, {over, pollFirst}} {
		if p.learn(at(c.at-1), at(c.at)); p.now != c.now {
			t.Errorf("%s later it polls for %s, want %s", c.at, p.now, c.now)
		}
	}
}

// A thread polls for one operation after the other, and sleeps where two are under way.
func TestPolls(t *testing.T) {
	if runtime.NumCPU() == 1 {
		t.Skip("one processor")
	}
	r, err := Start(Options{Poll: time.Minute})
	if err != nil {
		t.Skip(err)
	}
	defer r.Stop()
	in := func(f func()) { // in the thread
		done := make(chan bool)
		r.Post(func() { f(); close(done) })
		<-done
	}
	f, p := file(t, 4096), make([]byte, 512)
	for range 20 {
		do(r, func(o *Op) { o.Write(int(f.Fd()), p, 0, unix.RWF_DSYNC) })
	}
	in(func() {
		if r.patience.now < pollFirst {
			t.Errorf("after short waits it polls for %s", r.patience.now)
		}
		r.patience.now = r.patience.max
	})
	// Pipes that stay empty: both reads wait until they are told to end.
	var pipes [2][2]int
	var ended sync.WaitGroup
	for i := range pipes {
		if err := unix.Pipe2(pipes[i][:], unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		ended.Add(1)
		o := &Op{Done: func(*Op, int32) { ended.Done() }}
		o.Read(pipes[i][0], make([]byte, 1), 0)
		r.Do(o)
	}
	began := cpu(t)
	time.Sleep(300 * time.Millisecond)
	if used := cpu(t) - began; used > 150*time.Millisecond {
		t.Errorf("with two operations under way it used %s in 300 ms", used)
	}
	for _, p := range pipes {
		unix.Close(p[1])
	}
	ended.Wait()
	for _, p := range pipes {
		unix.Close(p[0])
	}
}

// cpu is the time of processors that this program has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
