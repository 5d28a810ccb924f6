package drbdmeta

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// realProgram is what we are compared with.
const realProgram = "/usr/sbin/drbdmeta"

// testMinor belongs to these tests; both programs lock it and remember its size.
const testMinor = 99871

// imageName is a word that no message has.
const imageName = "theimage"

const realState = "/var/lib/drbd"

// row is one line of the comparison.
type row struct {
	name  string
	img   func(*image) // prepares the device; without it: 8 MiB of zeros
	args  string       // words; DISK is the device, MINOR the minor
	argv  []string     // instead of args, where words have blanks
	stdin string
	tty   string // answers given on a terminal
	// What drbdsetup prints and how it exits; "" and 0 stand for exit 10.
	dstate string
	dcode  int
	// asRoot: needs the state directory of the real program.
	asRoot bool
	// differs says why we do not do the same. With mask, the outputs must be equal
	// after all matches are removed; otherwise want is what we do, and the real
	// program must really do something else.
	differs string
	mask    *regexp.Regexp
	want    *result
}

// result is what a run left behind.
type result struct {
	out, err string
	code     int
	state    string           // the file with the last known size
	image    map[int64]string // the blocks that are not zero
}

// noise is what differs between any two runs.
var noise = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^# \d{4}-\d\d-\d\d .*\]$`), "# DATE"},
	{regexp.MustCompile(`(pread|pwrite)\(\d+,`), "$1(FD,"},
}

func clean(s, disk, state string) string {
	for _, n := range noise {
		s = n.re.ReplaceAllString(s, n.with)
	}
	if state != "" {
		s = strings.ReplaceAll(s, state, realState)
	}
	if os.Getuid() != 0 {
		s = regexp.MustCompile(`(?m)^lk_bdev_\w+\(.*\n`).ReplaceAllString(s, "")
	}
	return strings.ReplaceAll(s, disk, "DISK")
}

// bench runs rows.
type bench struct {
	t    *testing.T
	self string
	path string // PATH with our drbdsetup first
	loop bool
}

func newBench(t *testing.T, loop bool) *bench {
	t.Helper()
	if _, err := os.Stat(realProgram); err != nil {
		t.Skip("the real drbdmeta is not installed: apt-get install drbd-utils")
	}
	if loop && os.Getuid() != 0 {
		t.Skip("loop devices need root")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := "#!/bin/sh\nif [ \"$*\" != \"$FAKE_ARGS\" ]; then echo \"Bogus: $*\"; exit 0; fi\nprintf \"$FAKE_DSTATE\"\nexit $FAKE_CODE\n"
	if err := os.WriteFile(filepath.Join(bin, "drbdsetup"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	// Minor -1 is what the real program makes of words that it cannot read.
	leave := []string{fmt.Sprintf("/var/lock/drbd-147-%d", testMinor), "/var/lock/drbd-147--1", filepath.Join(realState, fmt.Sprintf("drbd-minor-%d.lkbd", testMinor))}
	for _, path := range leave {
		if _, err := os.Stat(path); err != nil {
			t.Cleanup(func() { os.Remove(path) })
		}
	}
	return &bench{t, self, bin + ":" + os.Getenv("PATH"), loop}
}

// run runs one program for a row on a device of its own.
func (b *bench) run(t *testing.T, r row, real bool) result {
	t.Helper()
	dir := t.TempDir()
	m := &image{t: t, path: filepath.Join(dir, imageName)}
	m.resize(8 << 20)
	if r.img != nil {
		r.img(m)
	}
	disk := imageName
	if b.loop {
		disk = attach(t, m.path)
		defer detach(t, disk)
	}
	stateDir := realState
	if !real {
		stateDir = t.TempDir()
	}
	if os.Getuid() != 0 {
		m.state = "" // the real program cannot remember
	}
	stateFile := filepath.Join(stateDir, fmt.Sprintf("drbd-minor-%d.lkbd", testMinor))
	if !real || os.Getuid() == 0 {
		os.Remove(stateFile)
		if m.state != "" {
			if err := os.WriteFile(stateFile, []byte(strings.ReplaceAll(m.state, "DISK", disk)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	argv := r.argv
	if argv == nil {
		argv = strings.Fields(r.args)
	}
	args := make([]string, len(argv))
	for i, a := range argv {
		args[i] = strings.ReplaceAll(strings.ReplaceAll(a, "DISK", disk), "MINOR", fmt.Sprint(testMinor))
	}
	cmd := exec.Command(realProgram, args...)
	if !real {
		cmd = exec.Command(b.self, args...)
	}
	code := r.dcode
	if r.dstate == "" && code == 0 {
		code = 10
	}
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+b.path, "LC_ALL=C", "FAKE_DSTATE="+r.dstate, fmt.Sprintf("FAKE_CODE=%d", code),
		fmt.Sprintf("FAKE_ARGS=%d dstate", testMinor))
	if !real {
		cmd.Env = append(cmd.Env, "DRBDMETA_TEST_STATE="+stateDir)
	}
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	cmd.Stdin = strings.NewReader(r.stdin)
	if r.tty != "" {
		defer answer(t, cmd, r.tty)()
	}
	cmd.WaitDelay = time.Second
	kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer kill.Stop()
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	state, _ := os.ReadFile(stateFile)
	hide := stateDir
	if real {
		hide = ""
	}
	return result{clean(o.String(), disk, hide), clean(e.String(), disk, hide), cmd.ProcessState.ExitCode(), clean(string(state), disk, ""), m.blocks()}
}

// answer gives cmd a terminal as standard input on which the answers were typed.
func answer(t *testing.T, cmd *exec.Cmd, text string) (end func()) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := master.WriteString(text); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = slave
	return func() { slave.Close(); master.Close() }
}

func attach(t *testing.T, file string) string {
	t.Helper()
	out, err := exec.Command("losetup", "--find", "--show", file).Output()
	if err != nil {
		t.Skipf("no loop device: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func detach(t *testing.T, dev string) {
	t.Helper()
	if out, err := exec.Command("losetup", "-d", dev).CombinedOutput(); err != nil {
		t.Errorf("losetup -d %s: %v %s", dev, err, out)
	}
}

// compare runs all rows with both programs.
func (b *bench) compare(rows []row) {
	for i, r := range rows {
		name := r.name
		if name == "" {
			name = r.args
		}
		b.t.Run(fmt.Sprintf("%02d %s", i, name), func(t *testing.T) {
			if r.asRoot && os.Getuid() != 0 {
				t.Skip("the real drbdmeta keeps its memory in " + realState + ", which needs root")
			}
			judge(t, r, b.run(t, r, true), b.run(t, r, false))
		})
	}
}

func judge(t *testing.T, r row, theirs, ours result) {
	t.Helper()
	if os.Getuid() != 0 {
		theirs.state, ours.state = "", ""
	}
	if r.mask != nil {
		for _, x := range []*result{&theirs, &ours} {
			x.out, x.err = r.mask.ReplaceAllString(x.out, ""), r.mask.ReplaceAllString(x.err, "")
		}
	}
	same := theirs.out == ours.out && theirs.err == ours.err && theirs.code == ours.code && theirs.state == ours.state && maps.Equal(theirs.image, ours.image)
	if r.want == nil {
		if !same {
			t.Errorf("real: %s\nours: %s", theirs.show(), ours.show())
			difference(t, theirs.image, ours.image)
		}
		return
	}
	if r.differs == "" {
		t.Error("a row that differs must say why")
	}
	if same {
		t.Error("both do the same: there is no difference to explain")
	}
	if w := *r.want; w.out != ours.out || w.err != ours.err || w.code != ours.code {
		t.Errorf("ours: %s\nwant: %s\nreal: %s", ours.show(), w.show(), theirs.show())
	}
}

func (r result) show() string {
	return fmt.Sprintf("exit %d, state %q\n  out %q\n  err %q", r.code, r.state, r.out, r.err)
}
