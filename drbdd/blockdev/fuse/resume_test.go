package fuse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/blockdev/fuse/keeper"
	"classicha/drbdd/disk"
	"classicha/drbdd/uring"
)

func init() {
	helpers["keeper"] = func([]string) int { return keeper.Main(os.Args, os.Stderr) }
	helpers["server"] = server
}

// slow keeps each request for a while before and after it is carried out, so that a kill always
// meets some that are not done and some that are done and not answered.
type slow struct{ *disk.Disk }

func (s slow) Submit(r *blockdev.Request) {
	time.AfterFunc(10*time.Millisecond, func() {
		in := &blockdev.Request{ID: r.ID, Op: r.Op, Flags: r.Flags, Off: r.Off, Len: r.Len, Data: r.Data}
		in.Done = func(_ *blockdev.Request, err error) {
			time.AfterFunc(10*time.Millisecond, func() { r.Complete(err) })
		}
		in.Start()
		s.Disk.Submit(in)
	})
}

// server is the daemon of these tests: a disk behind a device. It attaches, or goes on where its
// predecessor was. A line on its input ends it: "close", "handover".
//
// Arguments: name, image, keeper's socket.
func server(args []string) int {
	err := func() error {
		name, image, socket := args[0], args[1], args[2]
		os.Setenv("FUSE_TEST_HELPER", "keeper")
		k, err := keeper.Connect(socket, keeper.Start("drbdd", "keeper"))
		if err != nil {
			return err
		}
		var ring *uring.Thread
		if os.Getenv("FUSE_TEST_RING") != "" {
			if ring, err = uring.Start(uring.Options{}); err != nil {
				return err
			}
		}
		// What the predecessor had under way when it was killed must not come after what we write.
		back, err := disk.Open(image, disk.Options{Ring: ring, Lock: true, Patience: 10 * time.Second})
		if err != nil {
			return err
		}
		opt := Options{
			Name: name, File: filepath.Join(base, name), Node: filepath.Join(base, name+".node"), Keeper: k, Ring: ring,
			Log: func(f string, a ...any) { fmt.Fprintf(os.Stderr, f+"\n", a...) },
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var d *Device
		st, files, err := k.Take(ctx, name)
		switch {
		case errors.Is(err, keeper.ErrNone):
			d, err = Attach(slow{back}, opt)
		case err == nil:
			d, err = Resume(slow{back}, opt, st, files)
		}
		if err != nil {
			return err
		}
		fmt.Println("ready", d.Loop(), k.PID(), d.Resumable())
		word, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil {
			return err
		}
		if word == "handover\n" {
			err = d.Handover(ctx)
		} else {
			err = d.Close(ctx)
		}
		if err == nil {
			err = back.Close()
		}
		return err
	}()
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// daemon is a running server.
type daemon struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	loop string
	pid  int // the keeper's
}

func startDaemon(t *testing.T, name, image, socket string) *daemon {
	t.Helper()
	d := &daemon{cmd: exec.Command("/proc/self/exe", name, image, socket)}
	d.cmd.Env = append(os.Environ(), "FUSE_TEST_HELPER=server")
	if testRing != nil {
		d.cmd.Env = append(d.cmd.Env, "FUSE_TEST_RING=1")
	}
	d.cmd.Stderr = os.Stderr
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.out = bufio.NewReader(out)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := d.out.ReadString('\n')
	kept := false
	if _, e := fmt.Sscanf(line, "ready %s %d %t", &d.loop, &d.pid, &kept); e != nil {
		d.kill()
		t.Fatalf("the server says %q, %v", line, err)
	}
	if !kept {
		d.end("close")
		t.Skip("this kernel cannot repeat unanswered requests (before Linux 6.9)")
	}
	return d
}

// kill is kill -9.
func (d *daemon) kill() {
	d.cmd.Process.Kill()
	d.cmd.Wait()
}

// end asks it to end in order and returns what it complains about.
func (d *daemon) end(how string) string {
	io.WriteString(d.in, how+"\n")
	line, _ := io.ReadAll(d.out)
	d.cmd.Wait()
	return string(line)
}

func newImage(t *testing.T, size int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestKilledUnderFio: fio writes with checksums and reads them back while the server is killed
// again and again. Not one error may reach it (block-device 4).
func TestKilledUnderFio(t *testing.T) { readers(t, testKilledUnderFio) }

func testKilledUnderFio(t *testing.T) {
	needDevices(t)
	if _, err := exec.LookPath("fio"); err != nil {
		t.Skip("fio is not installed (Debian: fio)")
	}
	kills := 6
	if testing.Short() {
		kills = 2
	}
	image, socket := newImage(t, 32<<20), filepath.Join(base, "keeper1")
	d := startDaemon(t, "killed", image, socket)
	node := filepath.Join(base, "killed.node")
	loop := d.loop

	// The rate keeps the load of the machine low; the time follows from it.
	fio := exec.Command("fio", "--name=verify", "--filename="+node, "--size=32m", "--io_size=24m", "--rw=randwrite", "--bsrange=4k-32k",
		"--ioengine=libaio", "--direct=1", "--iodepth=16", "--rate=5m", "--fsync=64",
		"--verify=crc32c", "--do_verify=1", "--verify_fatal=1", "--verify_async=0", "--randseed=7")
	var out strings.Builder
	fio.Stdout, fio.Stderr = &out, &out
	fio.Dir = t.TempDir()
	if err := fio.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- fio.Wait() }()
	var err error
	running := true
	for i := 0; i < kills && running; i++ {
		select {
		case err = <-over:
			running = false
			t.Errorf("fio ended before the kill %d", i+1)
		case <-time.After(time.Duration(300+170*i) * time.Millisecond):
			d.kill()
			d = startDaemon(t, "killed", image, socket)
			if d.loop != loop {
				t.Errorf("the successor has %s, not %s", d.loop, loop)
			}
		}
	}
	if running {
		select {
		case err = <-over:
		case <-time.After(60 * time.Second):
			t.Error("fio hangs")
			fio.Process.Kill()
			syscall.Kill(d.pid, syscall.SIGKILL) // only the end of all servers ends its requests
			d.kill()
			err = <-over
		}
	}
	if err != nil || strings.Contains(out.String(), "verify:") && strings.Contains(out.String(), "bad") {
		t.Errorf("fio: %v\n%s", err, out.String())
	}
	if s := d.end("close"); s != "" {
		t.Errorf("close after %d kills: %s", kills, s)
	}
	if _, err := os.Stat(node); !os.IsNotExist(err) {
		t.Errorf("the node after close: %v", err)
	}
	waitKeeper(t, d.pid)
}

// waitKeeper waits for the end of an idle keeper.
func waitKeeper(t *testing.T, pid int) {
	t.Helper()
	h, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(h)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(h), Events: unix.POLLIN}}, 15000); n != 1 {
		t.Errorf("the idle keeper %d does not end: %v", pid, err)
		unix.PidfdSendSignal(h, unix.SIGKILL, nil, 0)
	}
}

// TestFileSystemOutlivesServers: a mounted ext4 is written while servers are killed and
// hand over in order; it stays writable, keeps everything, and fsck is content.
func TestFileSystemOutlivesServers(t *testing.T) {
	withRing(t)
	needDevices(t)
	for _, p := range []string{"mkfs.ext4", "e2fsck"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed (Debian: e2fsprogs)", p)
		}
	}
	image, socket := newImage(t, 48<<20), filepath.Join(base, "keeper2")
	d := startDaemon(t, "fs", image, socket)
	node, dir := filepath.Join(base, "fs.node"), filepath.Join(base, "fs.dir")
	defer func() {
		unix.Unmount(dir, unix.MNT_DETACH)
		d.end("close")
	}()
	if b, err := exec.Command("mkfs.ext4", "-q", "-F", node).CombinedOutput(); err != nil {
		t.Fatalf("mkfs: %v %s", err, b)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(node, dir, "ext4", 0, "errors=remount-ro"); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	files := 0
	var written atomic.Int32
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			case <-time.After(5 * time.Millisecond):
			}
			f, err := os.Create(filepath.Join(dir, fmt.Sprint(files)))
			if err == nil {
				_, err = f.Write(content(files))
			}
			if err == nil {
				err = f.Sync()
			}
			if err == nil {
				err = f.Close()
			}
			if err != nil {
				done <- err
				return
			}
			files++
			written.Add(1)
		}
	}()
	// more waits for a file: each server has to serve.
	more := func() {
		for n, end := written.Load(), time.Now().Add(20*time.Second); written.Load() == n && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	for i := range 5 {
		more()
		time.Sleep(200 * time.Millisecond)
		if i%2 == 0 {
			d.kill()
		} else if s := d.end("handover"); s != "" {
			t.Errorf("handover: %s", s)
		}
		d = startDaemon(t, "fs", image, socket)
	}
	more()
	close(stop)
	if err := <-done; err != nil {
		t.Fatalf("writing file %d: %v", files, err)
	}
	if files < 5 {
		t.Errorf("only %d files were written", files)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatalf("unmount: %v", err)
	}
	if b, err := exec.Command("e2fsck", "-fn", node).CombinedOutput(); err != nil {
		t.Errorf("e2fsck: %v %s", err, b)
	}
	// Something that looks at new devices may hold it for a moment.
	var err error
	for range 50 {
		if err = unix.Mount(node, dir, "ext4", unix.MS_RDONLY, ""); err != unix.EBUSY {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil || string(b) != string(content(i)) {
			t.Errorf("file %d: %d bytes, %v, want what was written", i, len(b), err)
		}
	}
	t.Logf("%d files", files)
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
	if s := d.end("close"); s != "" {
		t.Errorf("close: %s", s)
	}
	waitKeeper(t, d.pid)
}

func content(n int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("file %d\n", n), 200+n%100))
}

// TestKeeperAndServerKilled: EIO for applications, and the next server makes a new device in the same place.
func TestKeeperAndServerKilled(t *testing.T) {
	withRing(t)
	needDevices(t)
	image, socket := newImage(t, 8<<20), filepath.Join(base, "keeper3")
	d := startDaemon(t, "both", image, socket)
	a := openApp(t, filepath.Join(base, "both.node"))
	if _, err := a.WriteAt(make([]byte, 4096), 0); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(d.pid, syscall.SIGKILL)
	d.kill()
	if _, err := a.ReadAt(make([]byte, 4096), 0); !errors.Is(err, unix.EIO) {
		t.Errorf("a read with nobody left: got %v, want EIO", err)
	}
	a.f.Close()
	d = startDaemon(t, "both", image, socket)
	a = openApp(t, filepath.Join(base, "both.node"))
	if _, err := a.ReadAt(make([]byte, 4096), 0); err != nil {
		t.Errorf("a read of the new device: %v", err)
	}
	a.f.Close()
	if s := d.end("close"); s != "" {
		t.Errorf("close: %s", s)
	}
	waitKeeper(t, d.pid)
}

// TestAllKilledWhileWriting: the end of everything at once, as that of a container, with writes of the
// page cache under way. Nobody hangs, whoever ends last, and the loop device goes.
func TestAllKilledWhileWriting(t *testing.T) { readers(t, testAllKilledWhileWriting) }

func testAllKilledWhileWriting(t *testing.T) {
	needDevices(t)
	image, socket := newImage(t, 64<<20), filepath.Join(base, "keeper4")
	file := filepath.Join(base, "all")
	// The mount stays until a successor removes it; its forced end would end the connection.
	t.Cleanup(func() { unix.Unmount(file, unix.MNT_FORCE) })
	for i := range 6 {
		d := startDaemon(t, "all", image, socket)
		keeper, err := unix.PidfdOpen(d.pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		dd := exec.Command("dd", "if=/dev/zero", "of="+file+".node", "bs=64k", "count=1024", "conv=notrunc")
		if err := dd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(30*i) * time.Millisecond)
		kill := []func() error{
			dd.Process.Kill,
			d.cmd.Process.Kill,
			func() error { return unix.PidfdSendSignal(keeper, unix.SIGKILL, nil, 0) },
		}
		for n := range kill { // in another order each time
			kill[(n+i)%len(kill)]()
		}
		over := make(chan string, 3)
		go func() { dd.Wait(); over <- "dd" }()
		go func() { d.cmd.Wait(); over <- "the server" }()
		go func() {
			unix.Poll([]unix.PollFd{{Fd: int32(keeper), Events: unix.POLLIN}}, 60000)
			over <- "the keeper"
		}()
		ended := ""
		for range cap(over) {
			select {
			case who := <-over:
				ended += " " + who
				continue
			case <-time.After(15 * time.Second):
			}
			where := ""
			stacks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stack", d.cmd.Process.Pid))
			for _, name := range stacks {
				b, _ := os.ReadFile(name)
				where += string(b) + "\n"
			}
			unix.Unmount(file, unix.MNT_FORCE)
			t.Fatalf("round %d: of the killed processes only these have ended:%s; the server is at\n%s", i, ended, where)
		}
		unix.Close(keeper)
		left := "?"
		for range 100 {
			b, err := os.ReadFile("/sys/block/" + filepath.Base(d.loop) + "/loop/backing_file")
			if left = strings.TrimSpace(string(b)); err != nil || left != file {
				left = ""
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if left != "" {
			t.Errorf("%s is still on %s", d.loop, left)
		}
	}
	d := startDaemon(t, "all", image, socket)
	if s := d.end("close"); s != "" {
		t.Errorf("close: %s", s)
	}
	waitKeeper(t, d.pid)
}
