package message

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func pushAll(f *Framer, stream []byte, piece int) (frames [][]byte) {
	for len(stream) > 0 {
		n := min(piece, len(stream))
		frames = append(frames, f.Push(stream[:n])...)
		stream = stream[n:]
	}
	return frames
}

func TestFramer(t *testing.T) {
	a, b := ">>>\nt=a\n<<<\n", ">>>\nt=b\n(2)k=>>>\x14x=1\x14<<<\x14\n<<<\n"
	for _, c := range []struct {
		name, stream string
		want         []string
		dropped      int
	}{
		{"two frames", a + b, []string{a, b}, 0},
		{"noise between", "\x00noise\n" + a + "\n\n<<<\nx>>>\n" + b, []string{a, b}, 0},
		{"end line with noise", ">>>\nt=a\n<<<xyz\n" + b, []string{a, b}, 0},
		{"end lost", ">>>\nt=a\n" + b, []string{b}, 1},
		{"begin lost", "t=a\n<<<\n" + b, []string{b}, 0},
		{"newline before the end lost", ">>>\nt=a<<<\n" + a + b, []string{a, b}, 1},
		{"begin damaged", ">>\xff\nt=a\n<<<\n" + b, []string{b}, 0},
		{"incomplete", a + ">>>\nt=c\n<<<", []string{a}, 0},
		{"too long", ">>>\n" + strings.Repeat("x=1\n", MaxFrame/4) + "<<<\n" + b, []string{b}, 1},
		{"one endless line", strings.Repeat("x", 3*MaxFrame) + "\n" + b, []string{b}, 0},
		{"endless line in a frame", ">>>\n" + strings.Repeat("x", 3*MaxFrame) + "\n<<<\n" + b, []string{b}, 1},
	} {
		for _, piece := range []int{1, 3, 512, 1 << 30} {
			var f Framer
			frames := pushAll(&f, []byte(c.stream), piece)
			if len(frames) != len(c.want) {
				t.Errorf("%s by %d: %d frames, want %d: %.80q", c.name, piece, len(frames), len(c.want), frames)
				continue
			}
			for i := range frames {
				if string(frames[i]) != c.want[i] {
					t.Errorf("%s by %d: frame %d is %.80q, want %q", c.name, piece, i, frames[i], c.want[i])
				}
			}
			if f.Dropped != c.dropped {
				t.Errorf("%s by %d: dropped %d, want %d", c.name, piece, f.Dropped, c.dropped)
			}
		}
	}
}

// heartbeat-wire 3.3: lost bytes cost one frame.
func TestFramerLosesOnlyDamagedFrames(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	keys := testKeys(1)
	for range 300 {
		var stream []byte
		var good [][]byte
		for i := range 20 {
			frame := New("t", "status", "n", string(rune('a'+i))).AppendText(nil, keys, false)
			if rng.IntN(4) == 0 { // cut out a piece
				from := rng.IntN(len(frame))
				to := min(len(frame), from+1+rng.IntN(20))
				if bytes.Contains(frame[:from], textEnd) || to == len(frame) {
					to = len(frame) - 1 // the newline at the end belongs to the next line
				}
				if from < to {
					frame = append(bytes.Clone(frame[:from]), frame[to:]...)
				} else {
					good = append(good, frame)
				}
			} else {
				good = append(good, frame)
			}
			stream = append(stream, frame...)
		}
		var f Framer
		seen := map[string]bool{}
		for _, frame := range pushAll(&f, stream, 1+rng.IntN(100)) {
			if _, _, err := Parse(frame, keys); err == nil {
				seen[string(frame)] = true
			}
		}
		for _, frame := range good {
			if !seen[string(frame)] {
				t.Fatalf("undamaged frame lost: %q\nin %q", frame, stream)
			}
		}
	}
}
