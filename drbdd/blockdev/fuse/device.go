package fuse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/uring"
)

// Keeper holds the descriptors of a device beside us, so that it outlives the process; see
// package keeper, whose Client has these methods.
type Keeper interface {
	// Put gives copies of the files, under a name, with a text that a successor needs. If the keeper
	// ends, they are closed in this order.
	Put(name string, state []byte, files ...*os.File) error
	// Drop makes the keeper close its copies.
	Drop(name string) error
	// Release says that we serve this device no longer and have nothing in flight.
	Release(name string) error
	// PID is the keeper's process.
	PID() int
}

// Options of Attach and Resume. File and Node are required by Attach; Resume finds them in the state.
type Options struct {
	Name string // with the keeper, and in messages: "drbd0"
	File string // the file to mount on: "/run/drbdd/drbd0"
	Node string // the node that applications open: "/dev/drbd0"

	PoolSize int // bytes of buffers; DefaultPool by default
	Keeper   Keeper
	Ring     *uring.Thread                    // reads requests and submits them; nil: a goroutine does
	Log      func(format string, args ...any) // must not block
}

// DefaultPool is enough for 32 requests of 512 KiB, or 4096 of 4 KiB, beside what is being read.
const DefaultPool = 24 << 20

// state is what a successor has to know; it goes to the keeper as JSON.
type state struct {
	File, Node string
	Loop       int
}

// Device is a front end: see blockdev.FrontEnd.
type Device struct {
	opt     Options
	st      state
	backend blockdev.Backend
	pool    *blockdev.Pool
	s       *session

	mu      sync.Mutex // of the life of the device: Close, Abort, Handover, Resize
	lp      *loop      // nil once it is gone
	gone    bool
	kept    bool // the keeper has copies
	aborted bool
}

func (o *Options) defaults() {
	if o.PoolSize <= 0 {
		o.PoolSize = DefaultPool
	}
	// The reader holds one large buffer; one more must be free for it to go on.
	o.PoolSize = max(o.PoolSize, 4*blockdev.MaxBuffer)
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
}

// Attach makes a new device of b. What a killed predecessor without keeper left in the same
// place is removed first.
func Attach(b blockdev.Backend, opt Options) (d *Device, err error) {
	opt.defaults()
	if err := b.Info().Valid(); err != nil {
		return nil, fmt.Errorf("%s: %w", opt.Name, err)
	}
	if err := Clean(opt.File, opt.Node); err != nil {
		return nil, err
	}
	if err := makeFile(opt.File); err != nil {
		return nil, err
	}
	fd, err := mount(opt.File)
	if err != nil {
		os.Remove(opt.File)
		return nil, err
	}
	d, err = newDevice(fd, b, opt, state{File: opt.File, Node: opt.Node})
	if err != nil {
		unix.Close(fd)
		unmount(opt.File)
		return nil, err
	}
	if err := d.bring(); err != nil {
		d.Abort(context.Background())
		return nil, err
	}
	return d, nil
}

// Resume goes on with a device that a predecessor left with the keeper: st and files are what
// keeper.Client.Take returned. The predecessor's process must be entirely gone. When it fails (the
// predecessor died while it closed the device, say), the keeper has nothing of that name any
// more, and Attach makes a new device.
func Resume(b blockdev.Backend, opt Options, st []byte, files []*os.File) (*Device, error) {
	opt.defaults()
	d, err := resume(b, opt, st, files)
	if err != nil && d == nil && opt.Keeper != nil {
		opt.Keeper.Drop(opt.Name)
	}
	if err != nil {
		if d != nil {
			d.Abort(context.Background())
		}
		return nil, fmt.Errorf("%s: %w", opt.Name, err)
	}
	return d, nil
}

// resume returns an error and a Device when that is to be aborted.
func resume(b blockdev.Backend, opt Options, st []byte, files []*os.File) (*Device, error) {
	var s state
	if err := json.Unmarshal(st, &s); err != nil || len(files) != 2 {
		for _, f := range files {
			f.Close()
		}
		return nil, fmt.Errorf("the keeper's state %.200q with %d descriptors is not ours: %v", st, len(files), err)
	}
	opt.File, opt.Node = s.File, s.Node
	fd, err := unix.FcntlInt(files[0].Fd(), unix.F_DUPFD_CLOEXEC, 3)
	files[0].Close()
	if err != nil {
		files[1].Close()
		return nil, err
	}
	fd = uring.CloseEarly(fd)
	d, err := newDevice(fd, b, opt, s)
	if err != nil {
		unix.Close(fd)
		files[1].Close()
		return nil, err
	}
	d.lp, d.kept, d.s.resend = &loop{f: files[1], number: s.Loop}, opt.Keeper != nil, true
	if err := d.s.repeat(); err != nil {
		return d, err // the connection is dead: nothing can be saved
	}
	d.s.start()
	if _, err := d.lp.status(); err != nil {
		return d, fmt.Errorf("%s was detached meanwhile: %w", d.lp.path(), err)
	}
	if !isNode(opt.Node, s.Loop) {
		if err := makeNode(opt.Node, s.Loop); err != nil {
			opt.Log("%s: %v", opt.Name, err)
		}
	}
	if err := d.Resize(); err != nil { // it may have grown while nobody served it
		opt.Log("%s: %v", opt.Name, err)
	}
	return d, nil
}

func newDevice(fd int, b blockdev.Backend, opt Options, st state) (*Device, error) {
	pool, err := blockdev.NewPool(opt.PoolSize)
	if err != nil {
		return nil, err
	}
	s, err := newSession(fd, b, pool, opt.Ring, func(f string, a ...any) { opt.Log(opt.Name+": "+f, a...) })
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Device{opt: opt, st: st, backend: b, pool: pool, s: s}, nil
}

// bring does the rest of Attach, from INIT to the node.
func (d *Device) bring() error {
	if err := d.s.handshake(); err != nil {
		return err
	}
	d.s.start()
	flags := os.O_RDWR
	if d.backend.Info().ReadOnly {
		flags = os.O_RDONLY
	}
	// Not by os.OpenFile: that asks the kernel to poll the file, the kernel asks us, and our
	// runtime, which should notice the question, waits for the answer.
	fd, err := unix.Open(d.st.File, flags|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", d.st.File, err)
	}
	defer unix.Close(fd)
	// The file is the root of its mount, which is never looked up: kernels whose loop device does
	// not ask for the size (seen on Linux 6.1) take the one they know, and that is 0 until somebody asked.
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("size of %s: %w", d.st.File, err)
	}
	if d.lp, err = attachLoop(fd, d.st.File, d.backend.Info()); err != nil {
		return err
	}
	d.st.Loop = d.lp.number
	// The keeper comes before the node: what applications can open is safe already.
	if d.opt.Keeper != nil && d.s.resend {
		if err := d.put(); err != nil {
			return err
		}
	}
	return makeNode(d.st.Node, d.st.Loop)
}

func (d *Device) put() error {
	text, err := json.Marshal(d.st)
	if err != nil {
		return err
	}
	if err := d.opt.Keeper.Put(d.opt.Name, text, d.s.f, d.lp.f); err != nil {
		return fmt.Errorf("%s: give the descriptors to the keeper: %w", d.opt.Name, err)
	}
	d.kept = true
	return nil
}

// Keep gives the descriptors to another keeper, when the first one died.
func (d *Device) Keep(k Keeper) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone || d.lp == nil || !d.s.resend {
		return fmt.Errorf("%s: this device cannot outlive its process", d.opt.Name)
	}
	d.opt.Keeper = k
	return d.put()
}

// Resumable says whether the device outlives this process. When it does not, the end of
// the process is an I/O error for applications, and they should be told at the start.
func (d *Device) Resumable() bool { return d.kept }

// Err is why the kernel ended the connection, nil while all is well.
func (d *Device) Err() error { return d.s.err() }

// Device is the path of the node.
func (d *Device) Device() string { return d.st.Node }

// Loop is the path of the loop device under it.
func (d *Device) Loop() string { return fmt.Sprintf("/dev/loop%d", d.st.Loop) }

// Holders lists who has the device open or mounted.
func (d *Device) Holders() ([]blockdev.Holder, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.holders()
}

func (d *Device) holders() ([]blockdev.Holder, error) {
	if d.lp == nil {
		return nil, nil
	}
	// We and the keeper hold the loop device as well, in one open file.
	except := map[int]bool{os.Getpid(): !d.selfOpen()}
	if d.opt.Keeper != nil {
		except[d.opt.Keeper.PID()] = true
	}
	return holders(d.st.Loop, except)
}

// Resize tells the kernel of a new size.
func (d *Device) Resize() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lp == nil {
		return os.ErrClosed
	}
	if err := d.s.send(invalAttr()); err != nil {
		return fmt.Errorf("%s: new size: %w", d.opt.Name, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(d.st.File, &st); err != nil { // makes the kernel ask
		return fmt.Errorf("%s: new size: %w", d.opt.Name, err)
	}
	return d.lp.grow()
}

func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// mount opens /dev/fuse and mounts it on the file. Only root may open what is mounted.
func mount(path string) (fd int, err error) {
	fd, err = unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open /dev/fuse: %w", err)
	}
	opt := fmt.Sprintf("fd=%d,rootmode=%o,user_id=0,group_id=0,max_read=%d", fd, fileMode, maxIO)
	if err := unix.Mount("drbdd", path, "fuse.drbdd", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, opt); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount on %s: %w", path, err)
	}
	return uring.CloseEarly(fd), nil
}

// unmount takes the mount away, at once or when its last user ends, and the file under it.
func unmount(path string) error {
	err := unix.Unmount(path, 0)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(path, unix.MNT_DETACH)
	}
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
