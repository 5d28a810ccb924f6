package drbdmeta

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"classicha/drbdd/metadata"
)

// TestRealLoop: on block devices neither program wants --force, and both ask on a
// terminal.
func TestRealLoop(t *testing.T) {
	const dev = "MINOR v08 DISK internal "
	known := "8388608\tDISK\nuuid:\t0000000000001234\n"
	ext4 := func(kiB string) func(*image) { return mkfs(append(sameExt4, "-b", kiB)...) }
	newBench(t, true).compare([]row{
		{args: dev + "create-md"},
		{args: dev + "-v -v create-md"},
		{args: dev + "create-md -b zeroout"},
		{args: dev + "create-md -b pwrite --al-stripes 4"},
		{args: "MINOR v08 DISK flex-external create-md"},
		{args: "MINOR v08 DISK 0 create-md"},
		{args: dev + "get-gi", img: made},
		{args: dev + "-v -v get-gi"},
		{args: dev + "show-gi", img: made},
		{args: dev + "dstate", img: made},
		{args: dev + "invalidate", img: made},
		{args: dev + "outdate", img: made},
		{args: dev + "write-dev-uuid 1234", img: made},
		{args: dev + "check-resize", img: uuidGrown(known)},
		{args: dev + "apply-al", img: uuidGrown(known)},
		{args: dev + "check-resize", img: uuidGrown("8388608\tDISK\n")},
		{args: dev + "dump-md", img: sb(func(s *metadata.Superblock) { s.Flags = 0 })},
		{args: dev + "dump-md", img: made, mask: flagsLine, differs: flagsReason},
		{args: dev + "restore-md dump", img: text(logOnly(metadata.DefaultRing))},

		// Questions that nobody is asked.
		{args: dev + "create-md", img: made},
		{args: dev + "create-md", img: made, stdin: "yes\n"},
		{args: dev + "create-md -s 2", img: made},
		{args: dev + "create-md", img: fixed07(0, gc07)},
		{args: dev + "create-md", img: uuidGrown(known)},
		{args: dev + "create-md", img: sig(100, []byte("x"))},
		{args: dev + "wipe-md", img: made},
		{args: dev + "set-gi 1:2", img: made},
		{args: dev + "restore-md dump", img: text(made)},
		{args: "MINOR v08 DISK 0 create-md", img: func(m *image) { m.make(0, metadata.DefaultRing, nil) }},

		// Answers.
		{args: dev + "create-md", img: made, tty: "yes\n"},
		{args: dev + "create-md", img: made, tty: "no\n"},
		{args: dev + "create-md", img: made, tty: "Yes\n"},
		{args: dev + "create-md", img: made, tty: "yes \n"},
		{args: dev + "create-md", img: made, tty: "\x04"},
		{args: dev + "create-md -s 2", img: made, tty: "yes\n"},
		{args: dev + "create-md -s 2", img: made, tty: "no\nyes\n"},
		{args: dev + "create-md", img: fixed07(0, gc07), tty: "yes\n"},
		{args: dev + "create-md", img: fixed07(0, gc07), tty: "no\nyes\n"},
		{args: dev + "create-md", img: fixed07(0, gc07), tty: "no\nno\n"},
		{args: dev + "create-md", img: uuidGrown(known), tty: "yes\n"},
		{args: dev + "create-md", img: uuidGrown(known), tty: "no\n"},
		{args: dev + "create-md", img: sig(100, []byte("x")), tty: "yes\n"},
		{args: dev + "create-md", img: sig(100, []byte("x")), tty: "no\n"},
		{args: dev + "create-md", img: ext4("1024"), tty: "yes\n"},
		{args: dev + "create-md", img: ext4("4096")},
		{args: "MINOR v08 DISK 0 create-md", img: func(m *image) { m.make(0, metadata.DefaultRing, nil) }, tty: "yes\nyes\n"},
		{args: "MINOR v08 DISK 0 create-md", img: func(m *image) { m.make(0, metadata.DefaultRing, nil) }, tty: "yes\nno\n"},
		{args: dev + "wipe-md", img: made, tty: "yes\n"},
		{args: dev + "wipe-md", img: made, tty: "no\n"},
		{args: dev + "set-gi 1:2:3:4:1:1", img: made, tty: "yes\n"},
		{args: dev + "set-gi 1:2:3:4:1:1", img: made, tty: "no\n"},
		{args: dev + "restore-md dump", img: text(made), tty: "yes\n"},
		{args: dev + "restore-md dump", img: text(made), tty: "no\n"},
	})
}

// TestRealBusy: a device that somebody else has claimed.
func TestRealBusy(t *testing.T) {
	b := newBench(t, true)
	m := &image{t: t, path: t.TempDir() + "/" + imageName}
	m.resize(8 << 20)
	made(m)
	dev := attach(t, m.path)
	defer detach(t, dev)
	fd, err := unix.Open(dev, unix.O_RDWR|unix.O_EXCL, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, args := range []string{"- v08 " + dev + " internal get-gi", "--force - v08 " + dev + " internal get-gi", "--force - v08 " + dev + " internal invalidate"} {
		theirs, ours := b.plain(t, realProgram, args), b.plain(t, b.self, args)
		if theirs != ours {
			t.Errorf("%s\nreal %s\nours %s", args, theirs, ours)
		}
	}
}

// plain runs a program without a device of the bench's own.
func (b *bench) plain(t *testing.T, prog, args string) string {
	t.Helper()
	cmd := exec.Command(prog, strings.Fields(args)...)
	cmd.Env = append(os.Environ(), "PATH="+b.path, "LC_ALL=C", "FAKE_CODE=10", fmt.Sprintf("FAKE_ARGS=%d dstate", testMinor))
	if prog == b.self {
		cmd.Env = append(cmd.Env, "DRBDMETA_TEST_STATE="+t.TempDir())
	}
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	return fmt.Sprintf("out %q err %q: %v", o.String(), e.String(), err)
}

// TestRealLock: both wait for the same lock, a second long, and name its holder.
func TestRealLock(t *testing.T) {
	b := newBench(t, false)
	path := fmt.Sprintf("/var/lock/drbd-147-%d", testMinor)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	args := fmt.Sprintf("%d v08 nofile internal get-gi", testMinor)
	theirs := b.plain(t, realProgram, args)
	began := time.Now()
	ours := b.plain(t, b.self, args)
	if took := time.Since(began); took < 900*time.Millisecond || took > 5*time.Second {
		t.Errorf("waited for %s, want one second", took)
	}
	want := fmt.Sprintf("out \"\" err \"lock on %s currently held by pid:%d\\n\": exit status 20", path, os.Getpid())
	if theirs != ours || ours != want {
		t.Errorf("real %s\nours %s\nwant %s", theirs, ours, want)
	}
	if r := b.plain(t, b.self, "- v08 nofile internal get-gi"); !strings.Contains(r, "open(nofile) failed: No such file or directory") {
		t.Errorf("without a minor there is no lock, but we say %s", r)
	}
	go func() { time.Sleep(200 * time.Millisecond); f.Close() }()
	if r := b.plain(t, b.self, args); !strings.Contains(r, "open(nofile) failed") {
		t.Errorf("the lock was given back after 0.2 s, but we say %s", r)
	}
}
