package media_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/heartbeatd/media"
	"classicha/heartbeatd/media/mediatest"
	"golang.org/x/sys/unix"
)

// textFrame is a frame as it travels on a serial line: 7 bit text, no NUL.
func textFrame(n, size int) []byte {
	f := fmt.Appendf(nil, ">>>\nt=status\nseq=%x\n", n)
	for len(f) < size-20 {
		f = append(f, fmt.Sprintf("field%d=%s\n", len(f), strings.Repeat("v", min(60, size-len(f))))...)
	}
	return append(f, "<<<\n"...)
}

func serialSpec(t *testing.T, tty string) media.Spec {
	return media.Spec{Kind: media.KindSerial, TTY: tty, Baud: 115200, LockDir: filepath.Dir(tty)}
}

func TestSerialMedium(t *testing.T) {
	mediatest.Run(t, func(t *testing.T) mediatest.Pair {
		modem := newNullModem(t)
		var p mediatest.Pair
		for tty, m := range map[string]*media.Medium{modem.a: &p.A, modem.b: &p.B} {
			var err error
			if *m, err = media.New(serialSpec(t, tty)); err != nil {
				t.Fatal(err)
			}
			if !(*m).Text() {
				t.Fatal("a serial medium must ask for text")
			}
		}
		p.Frame = textFrame
		p.Sizes = []int{60, 511, 512, 513, 3000}
		p.Cut = func(cut bool) {
			if cut {
				modem.disturb(func([]byte) []byte { return nil })
			} else {
				modem.disturb(nil)
			}
		}
		return p
	})
}

// The line is set as the original sets it (heartbeat-wire 3.3).
func TestSerialLineSettings(t *testing.T) {
	modem := newNullModem(t)
	spec := serialSpec(t, modem.a)
	spec.Baud = 19200
	m, _, _ := start(t, spec)
	f, err := os.OpenFile(modem.a, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tio, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if want := uint32(unix.BRKINT | unix.INPCK | unix.ISTRIP | unix.IGNCR); tio.Iflag != want {
		t.Errorf("input flags %#o, want %#o", tio.Iflag, want)
	}
	if tio.Oflag&unix.OPOST != 0 || tio.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 {
		t.Errorf("output flags %#o, local flags %#o: want no processing, no echo, no lines, no signals", tio.Oflag, tio.Lflag)
	}
	want := uint32(unix.CS8 | unix.CREAD | unix.CLOCAL | unix.CRTSCTS | unix.B19200)
	if got := tio.Cflag & (unix.CSIZE | unix.PARENB | unix.CSTOPB | unix.CREAD | unix.CLOCAL | unix.CRTSCTS | unix.CBAUD); got != want {
		t.Errorf("control flags %#o, want %#o: 8N1, CRTSCTS, CLOCAL, 19200", got, want)
	}
	if got, want := m.Describe(), "glib: Starting serial heartbeat on tty "+modem.a+" (19200 baud)"; len(got) != 1 || got[0] != want {
		t.Errorf("describes itself as %q, want %q", got, want)
	}
}

// Long frames go out in pieces of 512 bytes with a pause of 512/(baud/8) s.
func TestSerialPausesBetweenPieces(t *testing.T) {
	modem := newNullModem(t)
	spec := serialSpec(t, modem.a)
	spec.Baud = 38400 // 107 ms for each 512 bytes
	m, _, _ := start(t, spec)
	_, in, _ := start(t, serialSpec(t, modem.b))
	begin := time.Now()
	m.Send(textFrame(1, 1500)) // three pieces, two pauses
	within(t, 5*time.Second, "the frame arrives", func() bool { return in.len() == 1 })
	if took := time.Since(begin); took < 200*time.Millisecond || took > 4*time.Second {
		t.Errorf("three pieces took %v, want two pauses of 107 ms", took)
	}
}

// Noise costs at most the frames that it hits, and never makes others wrong.
func TestSerialNoiseAndLostBytes(t *testing.T) {
	for name, disturb := range map[string]func(*rand.Rand, []byte) []byte{
		"lost bytes": func(r *rand.Rand, b []byte) (out []byte) {
			for _, c := range b {
				if r.IntN(400) != 0 {
					out = append(out, c)
				}
			}
			return out
		},
		"changed bytes": func(r *rand.Rand, b []byte) []byte {
			for i := range b {
				if r.IntN(400) == 0 {
					b[i] = byte(r.Uint32())
				}
			}
			return b
		},
		"bursts of rubbish": func(r *rand.Rand, b []byte) []byte {
			if r.IntN(2) == 0 {
				return b
			}
			junk := make([]byte, r.IntN(300))
			for i := range junk {
				junk[i] = byte(r.Uint32())
			}
			return append(junk, b...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			modem := newNullModem(t)
			m, _, _ := start(t, serialSpec(t, modem.a))
			_, in, _ := start(t, serialSpec(t, modem.b))
			rng := rand.New(rand.NewPCG(1, 2))
			modem.disturb(func(b []byte) []byte { return disturb(rng, b) })
			for i := range 200 {
				m.Send(textFrame(i, 250))
				time.Sleep(3 * time.Millisecond)
			}
			modem.disturb(nil)
			// The line may be in the middle of a spoiled frame; the next ones are good.
			keepSending(t, m, in, string(textFrame(1000, 250)))
			good := 0
			for i := range 200 {
				if in.has(string(textFrame(i, 250))) {
					good++
				}
			}
			t.Logf("%d of 200 frames came through whole, %d frames in all", good, in.len())
			if good < 20 || good == 200 {
				t.Errorf("%d of 200 frames came through whole; want most to suffer and some to survive", good)
			}
		})
	}
}

// Nobody reads on the other side: writing gives up after 500 ms and empties the
// line, one line in the log says why, and with a reader all is well again - with
// fresh frames, not with those that were stuck.
func TestSerialWithNobodyReading(t *testing.T) {
	modem := newNullModem(t)
	m, _, book := start(t, serialSpec(t, modem.a))
	stuck := make(chan struct{})
	modem.disturb(func(b []byte) []byte { <-stuck; return b })
	begin := time.Now()
	for i := 0; book.count("TTY write timeout on ["+modem.a+"] (no connection or bad cable? [see documentation])") == 0; i++ {
		m.Send(textFrame(i, 500))
		time.Sleep(time.Millisecond)
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("no write timeout within 10 s: %q, %+v", book.all(), m.Stats())
		}
	}
	for i := range 3000 {
		m.Send(textFrame(i, 500))
	}
	if n := book.count("TTY write timeout"); n != 1 {
		t.Errorf("%d lines about the timeout, want 1", n)
	}
	if s := m.Stats(); s.QueueDrops == 0 || s.SendErrors == 0 {
		t.Errorf("statistics %+v: want drops from the queue and send errors", s)
	}
	close(stuck)
	modem.disturb(nil)
	_, in, _ := start(t, serialSpec(t, modem.b))
	keepSending(t, m, in, string(textFrame(9999, 200)))
}

// Both ttys hang up (the adapters are pulled out) and come back as other devices.
// Meanwhile nothing may spin: reading a hung up tty returns at once, for ever.
func TestSerialHangUpAndReturn(t *testing.T) {
	modem := newNullModem(t)
	m, _, book := start(t, serialSpec(t, modem.a))
	peer, in, _ := start(t, serialSpec(t, modem.b))
	keepSending(t, m, in, string(textFrame(1, 200)))

	modem.unplug()
	within(t, 3*time.Second, "both notice the hang-up", func() bool { return !m.Stats().Open && !peer.Stats().Open })
	before := cpuTime(t)
	sendFor(m, time.Second)
	if used := cpuTime(t) - before; used > 300*time.Millisecond {
		t.Errorf("one second with hung up lines took %v of CPU time", used)
	}
	if n := book.count("the line was hung up"); n != 1 {
		t.Errorf("%d lines about the hang-up, want 1: %q", n, book.all())
	}
	if n := len(book.all()); n > 4 {
		t.Errorf("%d log lines while the line is gone: %q", n, book.all())
	}

	modem.plug(t)
	keepSending(t, m, in, string(textFrame(2, 200)))
	if m.Stats().Reopens == 0 {
		t.Error("statistics count no reopening")
	}
}

// A path that leads to another tty than the open one is followed, although the
// old tty does not hang up.
func TestSerialFollowsItsPath(t *testing.T) {
	modem := newNullModem(t)
	m, _, _ := start(t, serialSpec(t, modem.a))
	_, in, _ := start(t, serialSpec(t, modem.b))
	keepSending(t, m, in, string(textFrame(1, 200)))
	modem.plug(t) // new pair, the old one stays alive
	keepSending(t, m, in, string(textFrame(2, 200)))
}

func TestSerialOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o600)
	for path, want := range map[string]string{
		filepath.Join(dir, "nothing"): "no such file",
		file:                          "", // some error: it is no tty
		"/dev/null":                   "",
	} {
		m, err := media.New(media.Spec{Kind: media.KindSerial, TTY: path, LockDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		err = m.Open(func(media.Packet) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", path, err, want)
		}
		m.Close()
		if left, _ := filepath.Glob(filepath.Join(dir, "LCK*")); len(left) != 0 {
			t.Errorf("%s: lock files left behind: %v", path, left)
		}
	}
	if _, err := media.New(media.Spec{Kind: media.KindSerial, TTY: "ttyS0"}); err == nil {
		t.Error("a relative path: want an error")
	}
}

func TestSerialLock(t *testing.T) {
	modem := newNullModem(t)
	lock := filepath.Join(modem.dir, "LCK..ttyA")
	open := func() (media.Medium, error) {
		m, err := media.New(serialSpec(t, modem.a))
		if err != nil {
			t.Fatal(err)
		}
		return m, m.Open(func(media.Packet) {})
	}
	m, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(lock); !bytes.Equal(got, fmt.Appendf(nil, "%10d\n", os.Getpid())) {
		t.Errorf("lock file holds %q, want our process number in ten columns", got)
	}
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "cannot lock line "+modem.a) {
		t.Errorf("second medium on the same line: got %v, want it locked out", err)
	}
	m.Close()
	if _, err := os.Stat(lock); err == nil {
		t.Error("lock file is still there after Close")
	}

	for content, free := range map[string]bool{
		"         1\n":     false, // init lives
		"   4194999\n":     true,  // above the largest process number
		"":                 false, // perhaps just being made
		"\x01\x00\x00\x00": false,
		"\xf7\x02\x40\x00": true, // binary 4194999
	} {
		os.WriteFile(lock, []byte(content), 0o644)
		m, err := open()
		if (err == nil) != free {
			t.Errorf("lock file with %q: got %v, want free %v", content, err, free)
		}
		m.Close()
	}
	os.WriteFile(lock, nil, 0o644)
	old := time.Now().Add(-time.Minute)
	os.Chtimes(lock, old, old)
	if m, err := open(); err != nil {
		t.Errorf("an old empty lock file: got %v, want it removed", err)
	} else {
		m.Close()
	}
}

// cpuTime is what the process has used so far.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
