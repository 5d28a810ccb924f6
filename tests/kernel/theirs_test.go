package kernel

import (
	"fmt"
	"os"
	"testing"
	"time"

	"classicha/tests/kernel/talk"
	"classicha/tests/kernel/vm"
)

// theirs is the DRBD of the kernel in a machine, with one of its disks.
type theirs struct {
	m     *vm.Machine
	n     int // number of the disk
	img   string
	at    int   // the minor that is written and read
	since int64 // where the console was when this test began
}

func (k *theirs) name() string  { return "kernel" }
func (k *theirs) addr() string  { return "ipv4:" + vm.Addr(1) + ":7788" }
func (k *theirs) disk() string  { return vm.Device(k.n) }
func (k *theirs) image() string { return k.img }

func (k *theirs) freeze(on bool) error { return k.m.Freeze(on) }

func (k *theirs) run(limit time.Duration, args ...string) (string, int, error) {
	r, err := k.m.Call(limit, talk.Request{Op: talk.OpRun, Args: args})
	return r.Out, r.Code, err
}

func (k *theirs) setup(limit time.Duration, args ...string) (string, int, error) {
	return k.run(limit, append([]string{"drbdsetup"}, args...)...)
}

func (k *theirs) meta(args ...string) (string, int, error) {
	return k.run(setupLimit, append([]string{"drbdmeta", "0", "v08", k.disk(), "internal"}, args...)...)
}

func (k *theirs) cat(path string) string {
	r, _ := k.m.Call(vm.CallLimit, talk.Request{Op: talk.OpCat, Path: path})
	return r.Out
}

func (k *theirs) proc() string { return k.cat("/proc/drbd") }

func (k *theirs) log() string {
	b, _ := os.ReadFile(k.m.Console())
	return string(b[min(k.since, int64(len(b))):])
}

func (k *theirs) device() string { return fmt.Sprintf("/dev/drbd%d", k.at) }

func (k *theirs) write(off, n, size int64, deep int, seed uint64) error {
	_, err := k.m.Call(2*vm.CallLimit, talk.Request{Op: talk.OpWrite, Path: k.device(), Off: off, Len: n, Size: int(size), Deep: deep, Seed: seed})
	return err
}

func (k *theirs) flush() error {
	_, err := k.m.Call(vm.CallLimit, talk.Request{Op: talk.OpSync, Path: k.device()})
	return err
}

func (k *theirs) discard(off, n int64) error {
	_, err := k.m.Call(vm.CallLimit, talk.Request{Op: talk.OpDiscard, Path: k.device(), Off: off, Len: n})
	return err
}

func (k *theirs) hash(off, n int64) (string, error) {
	r, err := k.m.Call(2*vm.CallLimit, talk.Request{Op: talk.OpHash, Path: k.device(), Off: off, Len: n})
	return r.Out, err
}

// helpers are the handlers that the kernel called, one a line, since the boot.
func (k *theirs) helpers(t *testing.T) string {
	t.Helper()
	r, err := k.m.Call(vm.CallLimit, talk.Request{Op: talk.OpHelpers})
	if err != nil {
		t.Fatal(err)
	}
	return r.Out
}
