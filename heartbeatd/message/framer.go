package message

import "bytes"

// Framer cuts the bytes of a serial line into text frames (heartbeat-wire 3.3):
// it skips lines until one is >>> and collects until one begins with <<<.
// Lost bytes cost the frame they were lost from; noise costs nothing. It keeps
// at most MaxFrame bytes. The zero value is ready.
type Framer struct {
	buf    []byte // the frame so far, its last line perhaps incomplete
	line   int    // start of the incomplete line in buf
	inside bool   // buf begins with >>>
	junk   bool   // the rest of this line is skipped

	Dropped int // frames given up: too long, or begun anew before their end
}

// Push takes bytes from the line and returns the frames they complete. The
// frames are the caller's.
func (f *Framer) Push(b []byte) (frames [][]byte) {
	for len(b) > 0 {
		part, whole := b, false
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			part, whole = b[:i+1], true
		}
		b = b[len(part):]
		f.add(part)
		if !whole {
			continue
		}
		if frame := f.endLine(); frame != nil {
			frames = append(frames, frame)
		}
	}
	return frames
}

// add keeps a piece of a line as far as it can matter.
func (f *Framer) add(part []byte) {
	if f.junk {
		return
	}
	limit := MaxFrame
	if !f.inside {
		limit = len(textBegin) // a line that is not >>> need not be kept
	}
	if len(f.buf)+len(part) > limit {
		if f.inside {
			f.Dropped++
		}
		f.drop()
		f.junk = true
		return
	}
	f.buf = append(f.buf, part...)
}

// endLine judges the line just completed and returns the frame it ends.
func (f *Framer) endLine() (frame []byte) {
	if f.junk {
		f.junk = false
		return nil
	}
	line := f.buf[f.line:]
	switch {
	case bytes.Equal(line, textBegin):
		// Also inside a frame: its end was lost, this one may be whole.
		if f.inside {
			f.Dropped++
		}
		f.buf = append(f.buf[:0], textBegin...)
		f.line, f.inside = len(f.buf), true
	case !f.inside:
		f.drop()
	case bytes.HasPrefix(line, textEnd[:3]):
		frame = append(bytes.Clone(f.buf[:f.line]), textEnd...)
		f.drop()
	default:
		f.line = len(f.buf)
	}
	return frame
}

// drop forgets the frame; a big buffer goes with it.
func (f *Framer) drop() {
	f.buf, f.line, f.inside = f.buf[:0], 0, false
	if cap(f.buf) > 8192 {
		f.buf = nil
	}
}
