package state

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Unix(1795220913, 0)

func TestGenerationIsCountedAndWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hb_generation")
	gen, warning, err := NextGeneration(path, noon)
	if err != nil {
		t.Fatal(err)
	}
	if gen != 1795220914 || warning != "No Previous generation - starting at 1795220914" {
		t.Errorf("first start: %d %q, want time()+1 and the original's warning", gen, warning)
	}
	b, _ := os.ReadFile(path)
	if string(b) != "     1795220914\n" {
		t.Errorf("file has %q, want 15 columns and a newline (heartbeat-wire 15)", b)
	}
	gen, warning, err = NextGeneration(path, noon.Add(-time.Hour))
	if gen != 1795220915 || warning != "" || err != nil {
		t.Errorf("second start with the clock set back: %d %q %v, want the old number + 1", gen, warning, err)
	}
}

func TestGenerationFiles(t *testing.T) {
	for content, want := range map[string]uint64{
		"     1795239583\n":              1795239584, // as written by 3.0.6
		"7\n":                            8,
		"              7\r\n":            8,
		"":                               1795220914,
		"garbage\n":                      1795220914,
		"-5\n":                           1795220914,
		"999999999999999\n":              1795220914, // the next would not fit into 15 columns
		"99999999999999999999999999\n":   1795220914,
		strings.Repeat("1", 1000) + "\n": 1795220914,
		"\x00\x00\x00\x00\x00\x00\x00\n": 1795220914, // a file that a crash left empty
	} {
		path := filepath.Join(t.TempDir(), "hb_generation")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		gen, warning, err := NextGeneration(path, noon)
		if err != nil || gen != want || (warning != "") != (want == 1795220914) {
			t.Errorf("%q: %d %q %v, want %d", content, gen, warning, err, want)
		}
	}
}

func TestGenerationMustBeSaved(t *testing.T) {
	if gen, _, err := NextGeneration(filepath.Join(t.TempDir(), "missing", "hb_generation"), noon); err == nil {
		t.Errorf("got generation %d although it could not be saved", gen)
	}
}

func TestNoTemporaryFilesStay(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		if _, _, err := NextGeneration(filepath.Join(dir, "hb_generation"), noon); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := UUID(filepath.Join(dir, "hb_uuid")); err != nil {
		t.Fatal(err)
	}
	ents, _ := os.ReadDir(dir)
	if len(ents) != 2 {
		t.Errorf("directory has %v, want the two files only", ents)
	}
}

func TestTimeGeneration(t *testing.T) {
	const clock = 1795220913
	path := filepath.Join(t.TempDir(), "hb_generation")
	for _, c := range []struct {
		about string
		now   time.Time
		want  uint64
	}{
		{"the clock", noon, clock},
		{"again in the same second", noon, clock + 1},
		{"an hour later", noon.Add(time.Hour), clock + 3600},
		{"the clock was set back to 1970", time.Unix(5, 0), clock + 3601},
		{"and to before that", time.Unix(-5, 0), clock + 3602},
	} {
		if g := TimeGeneration(path, c.now); g != c.want {
			t.Errorf("%s: got %d, want %d", c.about, g, c.want)
		}
	}
	// Without a file there is the clock alone.
	missing := filepath.Join(t.TempDir(), "missing", "hb_generation")
	for _, c := range []struct {
		now  time.Time
		want uint64
	}{{noon, clock}, {time.Unix(-5, 0), 0}} {
		if g := TimeGeneration(missing, c.now); g != c.want {
			t.Errorf("without a file: got %d, want %d", g, c.want)
		}
	}
}

func TestUUIDIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hb_uuid")
	a, made, err := UUID(path)
	if err != nil || !made {
		t.Fatalf("first: made %v err %v", made, err)
	}
	if b, _ := os.ReadFile(path); string(b) != string(a[:]) {
		t.Errorf("the file has %x, want the 16 raw bytes %x", b, a)
	}
	b, made, err := UUID(path)
	if err != nil || made || a != b {
		t.Errorf("second: %x made %v err %v, want %x again", b, made, err, a)
	}
	os.WriteFile(path, []byte("short"), 0o644)
	if _, made, err = UUID(path); err != nil || !made {
		t.Errorf("a file of the wrong size: made %v err %v, want a new uuid", made, err)
	}
	os.WriteFile(path, make([]byte, 16), 0o644)
	if _, made, err = UUID(path); err != nil || !made {
		t.Errorf("zeros: made %v err %v, want a new uuid", made, err)
	}
}

// The first value was read from the debug log of 3.0.6 itself, the others come
// from the C library's generator with the seed that it printed.
func TestUUIDFromNameAsTheOriginal(t *testing.T) {
	for name, want := range map[string]struct {
		id   string
		seed int32
	}{
		"nodea":              {"14df500c050852f24c12790b4c59b6ac", 104993439},
		"node1":              {"90b8de7708c87a6cfef1993a43051dba", 104993391},
		"serv-b.example.org": {"8280cfc7c345742ee44355d4427e33ec", -287933603},
		"x":                  {"9a0f52611c32904cb21118c87f25e4f8", 120},
	} {
		id, seed := UUIDFromName(name)
		if got := hex.EncodeToString(id[:]); got != want.id || seed != want.seed {
			t.Errorf("%s: %s seed %d, want %s %d", name, got, seed, want.id, want.seed)
		}
	}
}
