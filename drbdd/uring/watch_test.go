package uring

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func pair(t *testing.T) (near, far int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(p[1], false); err != nil {
		t.Fatal(err)
	}
	return p[0], p[1]
}

// TestWatch: nothing that is written is missed, whether it comes before the watch, in bursts or
// one by one, and however little is read at a time; nor is the end.
func TestWatch(t *testing.T) {
	r := start(t, nil, nil)
	near, far := pair(t)
	defer unix.Close(near)
	const total = 1 << 20
	if _, err := unix.Write(far, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	got, buf, rng := 0, make([]byte, 4096), rand.New(rand.NewPCG(1, 1))
	ended := make(chan int, 1)
	w := r.Watch(near, func() bool {
		for range 1 + rng.IntN(3) {
			n, err := unix.Read(near, buf[:1+rng.IntN(len(buf))])
			switch {
			case err == unix.EAGAIN:
				return false
			case err != nil:
				t.Error(err)
				fallthrough
			case n == 0:
				select {
				case ended <- got:
				default:
				}
				return false
			}
			got += n
		}
		return true
	})
	for left := total - 1000; left > 0; {
		n := min(left, 1+rand.IntN(3000))
		if _, err := unix.Write(far, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		left -= n
		if rand.IntN(20) == 0 {
			time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		}
	}
	unix.Close(far)
	select {
	case n := <-ended:
		if n != total {
			t.Errorf("%d bytes came, %d were sent", n, total)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("the end was not noticed")
	}
	gone := make(chan struct{})
	w.Close(func() { close(gone) })
	<-gone
}

// TestWatchClose: while events come, gone is the last call; other watches go on.
func TestWatchClose(t *testing.T) {
	r := start(t, nil, nil)
	near, far := pair(t)
	other, otherFar := pair(t)
	for _, fd := range []int{near, far, other, otherFar} {
		defer unix.Close(fd)
	}
	var others atomic.Int64
	buf := make([]byte, 64)
	keep := r.Watch(other, func() bool {
		if n, _ := unix.Read(other, buf); n > 0 {
			others.Add(1)
		}
		return false
	})
	if err := unix.SetNonblock(far, true); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := unix.Write(far, []byte{1}); err != nil { // full
				time.Sleep(50 * time.Microsecond)
			}
		}
	}()
	for range 50 {
		var closed atomic.Bool
		w := r.Watch(near, func() bool {
			if closed.Load() {
				t.Error("ready was called after gone")
			}
			n, _ := unix.Read(near, buf)
			return n > 0
		})
		gone := make(chan struct{})
		w.Close(func() { closed.Store(true); close(gone) })
		<-gone
		w.Again() // is no call any more
	}
	close(stop)
	<-stopped
	before := others.Load()
	if _, err := unix.Write(otherFar, []byte{1}); err != nil {
		t.Fatal(err)
	}
	for i := 0; others.Load() == before; i++ {
		if i == 2000 {
			t.Fatal("the other watch does not hear anything any more")
		}
		time.Sleep(time.Millisecond)
	}
	gone := make(chan struct{})
	keep.Close(func() { close(gone) })
	<-gone
}

// TestWatchEnded: who reads once each time, and less often than there are writes, misses nothing
// as long as a read that took less than it could means that there was no more.
func TestWatchEnded(t *testing.T) {
	r := start(t, nil, nil)
	near, far := pair(t)
	defer unix.Close(near)
	const total = 1 << 20
	got, buf := 0, make([]byte, 4096)
	done := make(chan int, 1)
	var w *Watch
	set := make(chan struct{})
	r.Post(func() {
		w = r.Watch(near, func() bool {
			for {
				n, err := unix.Read(near, buf)
				if err == unix.EAGAIN {
					return false
				}
				if n <= 0 {
					select {
					case done <- got:
					default:
					}
					return false
				}
				got += n
				if n < len(buf) && !w.Ended() {
					return false
				}
			}
		})
		close(set)
	})
	<-set
	for left := total; left > 0; {
		n := min(left, 1+rand.IntN(6000))
		if _, err := unix.Write(far, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		left -= n
	}
	unix.Close(far)
	select {
	case n := <-done:
		if n != total {
			t.Errorf("%d bytes came, %d were sent", n, total)
		}
	case <-time.After(20 * time.Second):
		t.Error("the end was not noticed")
	}
	gone := make(chan struct{})
	w.Close(func() { close(gone) })
	<-gone
}
