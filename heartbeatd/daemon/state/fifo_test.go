package state

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMakeFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	check := func(what string, wantMade bool) {
		t.Helper()
		made, err := MakeFIFO(path)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		st, err := os.Lstat(path)
		if err != nil || st.Mode() != os.ModeNamedPipe|0o600 {
			t.Errorf("%s: %v %v, want a FIFO with mode 0600", what, st.Mode(), err)
		}
		if made != wantMade {
			t.Errorf("%s: made = %v", what, made)
		}
	}
	check("missing", true)
	os.Chmod(path, 0o666)
	check("existing with other rights", false)
	os.Remove(path)
	os.WriteFile(path, []byte("x"), 0o644)
	check("a file in its place", true)
}

func TestFIFOReadsWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if _, err := MakeFIFO(path); err != nil {
		t.Fatal(err)
	}
	frames := make(chan string, 100)
	r, err := OpenFIFO(path, func(f []byte) { frames <- string(f) })
	if err != nil {
		t.Fatal(err)
	}
	write := func(s string) {
		t.Helper()
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteString(s); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-frames:
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("no frame, want %q", want)
		}
	}
	const a = ">>>\nt=ask_resources\nrsc_hold=all\n<<<\n"
	write(a) // as ha_clustermsg: one write, then close
	expect(a)
	write(">>>\nt=half\n") // a script that died
	write("garbage\x00\xff\n" + a + a)
	expect(a)
	expect(a)
	long := ">>>\nx=" + strings.Repeat("y", 600) + "\n<<<\n"
	fits := ">>>\nx=" + strings.Repeat("y", maxFIFOLine-2) + "\n<<<\n"
	write(long + fits)
	expect(fits)
	if r.Dropped() == 0 {
		t.Error("nothing was counted as dropped")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestFIFOCloseDoesNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	MakeFIFO(path)
	r, err := OpenFIFO(path, func([]byte) {})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { r.Close(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("Close hangs with no writer")
	}
	if _, err := OpenFIFO(filepath.Join(t.TempDir(), "nofifo"), nil); err == nil {
		t.Error("a missing FIFO was opened")
	}
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o644)
	if _, err := OpenFIFO(file, nil); err == nil {
		t.Error("a regular file was taken for a FIFO")
	}
}

func TestSplitterIsBounded(t *testing.T) {
	var s fifoSplitter
	n := 0
	s.push([]byte(">>>\n"), nil)
	for i := range 10000 {
		s.push(fmt.Appendf(nil, "f%d=%s\n", i, strings.Repeat("v", 100)), func([]byte) { n++ })
		if len(s.frame) > maxFIFOFrame {
			t.Fatalf("%d bytes are kept", len(s.frame))
		}
	}
	s.push([]byte("<<<\n"), func([]byte) { n++ })
	if n != 0 || s.takeDropped() != 1 {
		t.Errorf("an endless frame was handed on %d times", n)
	}
	s.push(bytes.Repeat([]byte("x"), 1<<20), nil)
	if cap(s.line) > 2*maxFIFOLine {
		t.Errorf("%d bytes are kept of an endless line", cap(s.line))
	}
}

func FuzzFIFO(f *testing.F) {
	f.Add([]byte(">>>\nt=x\n<<<\n"), 3)
	f.Add([]byte(">>>\n>>>\n<<<\n<<<\n\n\n"), 1)
	f.Add([]byte("x<<<\n>>>\nt=x"), 7)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		if step <= 0 || step > 1<<16 {
			step = 1
		}
		var whole, parts [][]byte
		var a, b fifoSplitter
		a.push(data, func(f []byte) { whole = append(whole, f) })
		for rest := data; len(rest) > 0; {
			n := min(step, len(rest))
			b.push(rest[:n], func(f []byte) { parts = append(parts, f) })
			rest = rest[n:]
		}
		if len(whole) != len(parts) {
			t.Fatalf("%d frames at once, %d in pieces", len(whole), len(parts))
		}
		for i, fr := range whole {
			if !bytes.Equal(fr, parts[i]) || !bytes.HasPrefix(fr, []byte(">>>\n")) || !bytes.HasSuffix(fr, []byte("\n<<<\n")) || len(fr) > maxFIFOFrame {
				t.Fatalf("frame %q", fr)
			}
		}
	})
}
