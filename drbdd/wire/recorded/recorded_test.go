package recorded

import "testing"

// TestTimelines: every line belongs to a stream and lies within it.
func TestTimelines(t *testing.T) {
	names := Scenarios()
	if len(names) != 45 {
		t.Errorf("%d scenarios, want 45", len(names))
	}
	for _, s := range names {
		lines, err := Timeline(s)
		if err != nil || len(lines) < 5 {
			t.Fatalf("%s: %d lines, %v", s, len(lines), err)
		}
		next := map[string]int{}
		for _, l := range lines {
			f := l.Stream(s)
			if b, ok := Files()[f]; !ok || l.Offset >= len(b) || l.Offset < next[f] {
				t.Errorf("%s: %s of %d bytes has no packet at %d", s, f, len(b), l.Offset)
			}
			next[f] = l.Offset + 8
		}
		if KernelLog(s) == "" {
			t.Errorf("%s: no kernel messages", s)
		}
	}
	if _, err := Timeline("nonsense"); err == nil {
		t.Error("a scenario that is not there")
	}
	if _, err := unpack(archive[:1000]); err == nil {
		t.Error("half an archive")
	}
}
