package kernel

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"classicha/tests/kernel/vm"
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if lab.reaper != nil {
		lab.reaper.Close() // removes the directory
		_ = lab.wait()
	}
	os.Exit(code)
}

// lab is what all tests share: the image of the machine, and our program.
var lab struct {
	once   sync.Once
	err    error
	dir    string
	image  *vm.Image
	drbdd  string
	reaper io.Closer
	wait   func() error
}

// prepare makes the lab, once; without INTEROP_KERNEL=1 the test is skipped.
func prepare(t *testing.T) {
	t.Helper()
	if os.Getenv("INTEROP_KERNEL") != "1" {
		t.Skip("needs a virtual machine; make interop-kernel runs it")
	}
	if why := vm.Missing(); why != "" {
		t.Fatal(why)
	}
	lab.once.Do(func() { lab.err = build() })
	if lab.err != nil {
		t.Fatal(lab.err)
	}
}

func build() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "kd")
	if err != nil {
		return err
	}
	lab.dir = dir
	if err := guard(dir); err != nil {
		_ = os.RemoveAll(dir)
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	logf := func(format string, args ...any) { fmt.Printf("kernel lab: "+format+"\n", args...) }
	if lab.image, err = vm.Build(ctx, filepath.Join(cache, "classicha-kernel"), dir, logf); err != nil {
		return err
	}
	if lab.drbdd = os.Getenv("INTEROP_KERNEL_DRBDD"); lab.drbdd != "" {
		return nil
	}
	lab.drbdd = filepath.Join(dir, "drbdd")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", lab.drbdd, "classicha/drbdd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build drbdd: %w: %s", err, out)
	}
	return nil
}

// cleanUp is what remains to do when this program has ended, in whatever way: what it
// started is gone by then, besides a keeper, which is made to outlive others. Keepers
// are known by number and start time. The end shows as the end of the pipe, or, if a
// thread of a killed program hangs in a write to a device that only waits for its
// next drbdd, as a zombie.
const cleanUp = `exec 3<&0
{ cat <&3 >/dev/null; : >"$1/over"; } &
until [ -f "$1/over" ]; do
	case $(sed 's/.*) //' "/proc/$2/stat" 2>/dev/null) in Z*|X*|"") break;; esac
	sleep 0.1
done
[ ! -f "$1/keepers" ] || while read -r pid start; do
	s=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d" " -f20)
	[ "$s" != "$start" ] || kill -9 "$pid"
done <"$1/keepers"
losetup -n -O NAME,BACK-FILE | while read -r name file; do case $file in "$1"/*) losetup -d "$name";; esac; done
while read -r _ at _; do case $at in "$1"/*) umount -l "$at";; esac; done </proc/mounts
rm -rf -- "$1"`

// guard starts a shell that waits for the end of this program and cleans up.
func guard(dir string) error {
	cmd := exec.Command("sh", "-c", cleanUp, "sh", dir, strconv.Itoa(os.Getpid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a ^C is not for it
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lab.reaper, lab.wait = in, cmd.Wait
	return nil
}
