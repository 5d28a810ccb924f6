package rig

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/blockdev/fuse"
	"classicha/drbdd/disk/disktest"
)

// CrashDisk is the crashing twin of package disktest in the memory of the test,
// behind FUSE and a loop device: what was not flushed is lost by a power cut, at
// random, and sectors can be bad.
type CrashDisk struct {
	*disktest.Disk
	dir, name string

	staller staller

	mu    sync.Mutex
	front *fuse.Device
	seed  uint64
	cuts  []disktest.Cut
}

// NewCrashDisk makes a disk of zeroes.
func NewCrashDisk(name string, size int64, seed uint64) (*CrashDisk, error) {
	dir, err := os.MkdirTemp(private, name+"-")
	if err != nil {
		return nil, err
	}
	d := disktest.New(size, disktest.Options{BlockSize: 512, Atomic: 4096, Workers: 8, Seed: seed})
	return &CrashDisk{Disk: d, dir: dir, name: name, seed: seed, staller: staller{Disk: d}}, nil
}

// Stall makes requests wait, or lets them go.
func (d *CrashDisk) Stall(on bool) {
	s := &d.staller
	s.mu.Lock()
	held := s.held
	s.on, s.held = on, nil
	s.mu.Unlock()
	for _, q := range held {
		s.Submit(q)
	}
}

// staller is a disk that can stand still.
type staller struct {
	*disktest.Disk
	mu   sync.Mutex
	on   bool
	held []*blockdev.Request
}

// Submit implements blockdev.Backend.
func (s *staller) Submit(q *blockdev.Request) {
	s.mu.Lock()
	if s.on {
		s.held = append(s.held, q)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.Disk.Submit(q)
}

// Plug implements Disk.
func (d *CrashDisk) Plug() (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.PowerOn()
	f, err := fuse.Attach(&d.staller, fuse.Options{Name: d.name, File: filepath.Join(d.dir, d.name), Node: filepath.Join(d.dir, d.name+".dev")})
	if err != nil {
		return 0, err
	}
	d.front = f
	var n int
	if _, err := fmt.Sscanf(f.Loop(), "/dev/loop%d", &n); err != nil {
		return 0, err
	}
	return n, autoclear(n)
}

// Unplug implements Disk.
func (d *CrashDisk) Unplug(cut bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.front == nil {
		return nil
	}
	d.Stall(false)
	if cut {
		d.cuts = append(d.cuts, d.PowerCut(d.seed))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := d.front.Abort(ctx)
	d.front = nil
	return err
}

// Cuts tells what the power cuts did.
func (d *CrashDisk) Cuts() []disktest.Cut {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cuts
}

// Size implements Disk.
func (d *CrashDisk) Size() int64 { return d.Info().Size }
