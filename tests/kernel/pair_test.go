package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"classicha/tests/kernel/talk"
	"classicha/tests/kernel/vm"
)

const (
	diskSize = 24 << 20 // of an image, if a test does not say otherwise
	disks    = 12       // of the machine: one for each pair of a test
)

// world is a network with one machine, for one test and its parts.
type world struct {
	t     *testing.T
	net   *vm.Network
	m     *vm.Machine
	dir   string
	files []string
	next  int
}

// newWorld boots the machine.
func newWorld(t *testing.T) *world {
	t.Helper()
	prepare(t)
	dir, err := os.MkdirTemp(lab.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir}
	if w.net, err = vm.NewNetwork(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.net.Close)
	for i := range disks {
		f := filepath.Join(dir, fmt.Sprintf("k%d.img", i))
		if err := os.WriteFile(f, nil, 0o644); err == nil {
			err = os.Truncate(f, diskSize)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.files = append(w.files, f)
	}
	w.m = vm.NewMachine(lab.image, w.net, 1, dir, w.files...)
	if err := w.m.Boot(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.m.Kill)
	w.capture()
	return w
}

// capture records the packets if they are to be kept.
func (w *world) capture() {
	keep := os.Getenv("INTEROP_KERNEL_KEEP")
	if keep == "" {
		return
	}
	to := filepath.Join(keep, strings.ReplaceAll(w.t.Name(), "/", "_"))
	_ = os.MkdirAll(to, 0o755)
	w.t.Cleanup(func() { copyFile(w.m.Console(), filepath.Join(to, "console")) })
	cmd := exec.Command("tcpdump", "-i", "br0", "-n", "-U", "-s", "0", "-B", "16384", "-Z", "root", "-w", filepath.Join(to, "packets.pcap"), "tcp")
	if err := w.net.Start(cmd); err != nil {
		w.t.Logf("packets are not recorded: %v", err)
		return
	}
	w.t.Cleanup(func() {
		time.Sleep(500 * time.Millisecond) // what the kernel still holds for it
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
}

func copyFile(from, to string) {
	if b, err := os.ReadFile(from); err == nil {
		_ = os.WriteFile(to, b, 0o644)
	}
}

// options of a pair, as drbdsetup has them.
type options struct {
	net  []string // of both sides
	disk []string
	// Of one side only.
	netOurs, netKernel   []string
	diskOurs, diskKernel []string
}

// common options: limits that an emulated machine keeps, resyncs without a brake.
var (
	commonNet  = []string{"--protocol=C", "--timeout=60", "--ping-timeout=15", "--connect-int=7", "--ping-int=7", "--max-buffers=8000", "--max-epoch-size=8000"}
	commonDisk = []string{"--c-plan-ahead=0", "--resync-rate=102400"}
)

// pair is drbdd and the kernel, and a model of the data.
type pair struct {
	t    *testing.T
	w    *world
	o    *ours
	k    *theirs
	opt  options
	size int64  // of the device, known after connect
	want []byte // the model; nil: not known
	// maybe are blocks whose last write was not acknowledged: they may have its data
	// or what was there before.
	maybe  map[int64]bool
	oursAt int   // number of the machine's disk that is ours, if it is one
	span   int64 // loads write below this, 0: anywhere
	seed   uint64
}

// newPair takes the next disk of the machine and a new one of ours, fills both with
// different data, makes metadata and attaches them.
func (w *world) newPair(t *testing.T, opt options) *pair {
	t.Helper()
	p := w.bare(t, opt)
	for i, s := range p.sides() {
		fillImage(t, s.image(), uint64(1001+i))
		mustMeta(t, s, "create-md", "--force")
		p.attach(s)
	}
	return p
}

// bare is a pair of empty disks with nothing configured.
func (w *world) bare(t *testing.T, opt options) *pair {
	t.Helper()
	if w.next >= disks {
		t.Fatal("the machine has no more disks")
	}
	dir := filepath.Join(w.dir, fmt.Sprint("o", w.next))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p := &pair{t: t, w: w, opt: opt}
	p.o = &ours{net: w.net, dir: dir, img: filepath.Join(dir, "disk")}
	p.k = &theirs{m: w.m, n: w.next, img: w.files[w.next]}
	w.next++
	if st, err := os.Stat(w.m.Console()); err == nil {
		p.k.since = st.Size()
	}
	if err := os.WriteFile(p.o.img, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(p.o.img, diskSize); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end)
	p.o.start(t)
	return p
}

// end is the clean-up: nothing of a pair stays, whatever happened.
func (p *pair) end() {
	if p.t.Failed() {
		for _, s := range p.sides() {
			p.t.Logf("%s at the end:\n%s\n%s", s.name(), s.proc(), lastLines(s.log(), 60))
		}
		if e := p.o.file("stderr"); e != "" {
			p.t.Logf("standard error of drbdd: %s", lastLines(e, 60))
		}
	}
	if keep := os.Getenv("INTEROP_KERNEL_KEEP"); keep != "" {
		to := filepath.Join(keep, strings.ReplaceAll(p.t.Name(), "/", "_"))
		_ = os.MkdirAll(to, 0o755)
		_ = os.WriteFile(filepath.Join(to, "ours.log"), []byte(p.o.log()), 0o644)
		_ = os.WriteFile(filepath.Join(to, "ours.stderr"), []byte(p.o.file("stderr")), 0o644)
		_ = os.WriteFile(filepath.Join(to, "kernel.log"), []byte(p.k.log()), 0o644)
	}
	p.o.kill()
	_, _, _ = p.k.setup(setupLimit, "down", "r0")
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (p *pair) sides() [2]side { return [2]side{p.o, p.k} }

// other is the peer of s.
func (p *pair) other(s side) side {
	if s == side(p.o) {
		return p.k
	}
	return p.o
}

func fillImage(t *testing.T, path string, seed uint64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1<<20)
	for off := int64(0); off < diskSize; off += int64(len(b)) {
		talk.Fill(b, off, seed)
		if _, err := f.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
	}
}

// attach makes resource and volume of a side and gives them its disk.
func (p *pair) attach(s side) {
	p.t.Helper()
	must(p.t, s, "new-resource", "r0")
	must(p.t, s, "new-minor", "r0", "0", "0")
	p.attachDisk(s)
}

// attachDisk does what drbdadm attach does. The kernel leaves its metadata unclean even
// after a detach, and refuses them without apply-al.
func (p *pair) attachDisk(s side) {
	p.t.Helper()
	mustMeta(p.t, s, "apply-al")
	own := p.opt.diskOurs
	if s == side(p.k) {
		own = p.opt.diskKernel
	}
	args := []string{"attach", "0", s.disk(), s.disk(), "internal"}
	must(p.t, s, append(append(append(args, commonDisk...), p.opt.disk...), own...)...)
}

// connect configures the network of a side; more are further options.
func (p *pair) connect(s side, more ...string) {
	p.t.Helper()
	own := p.opt.netOurs
	if s == side(p.k) {
		own = p.opt.netKernel
	}
	args := []string{"connect", "r0", s.addr(), p.other(s).addr()}
	args = append(append(append(args, commonNet...), p.opt.net...), own...)
	must(p.t, s, append(args, more...)...)
}

func (p *pair) disconnect(s side) {
	p.t.Helper()
	must(p.t, s, "disconnect", s.addr(), p.other(s).addr())
}

// connectBoth connects and waits until both are, with disks as they say.
func (p *pair) connectBoth(ds string) {
	p.t.Helper()
	p.connect(p.k)
	p.connect(p.o)
	for _, s := range p.sides() {
		state(p.t, s, stateLimit, "Connected", "", ds)
	}
	p.learnSize()
}

func (p *pair) learnSize() {
	p.t.Helper()
	var sectors int64
	if _, err := fmt.Sscan(p.k.cat("/sys/block/drbd0/size"), &sectors); err != nil || sectors == 0 {
		p.t.Fatalf("size of the kernel's device: %d, %v", sectors, err)
	}
	p.size = sectors * 512
}

// synced waits until nothing is out of sync between connected nodes.
func (p *pair) synced() {
	p.t.Helper()
	for _, s := range p.sides() {
		state(p.t, s, syncLimit, "Connected", "", "UpToDate/UpToDate")
	}
	for _, s := range p.sides() {
		await(p.t, stateLimit, func() string {
			if v := look(s); v.oosKiB != 0 {
				return fmt.Sprintf("%s: %d KiB are out of sync\n%s", s.name(), v.oosKiB, v.text)
			}
			return ""
		})
	}
}

// fullSync makes s Primary by force and waits for the initial full sync. From then
// on the model is known.
func (p *pair) fullSync(s side) {
	p.t.Helper()
	if p.size == 0 {
		p.connectBoth("Inconsistent/Inconsistent")
	}
	must(p.t, s, "primary", "0", "--force")
	p.synced()
	p.load(s)
}

// load takes the image of s as the model.
func (p *pair) load(s side) {
	p.t.Helper()
	b, err := os.ReadFile(s.image())
	if err != nil {
		p.t.Fatal(err)
	}
	p.want = b[:p.size]
}

// move makes `to` the Primary instead of its peer.
func (p *pair) move(to side) {
	p.t.Helper()
	must(p.t, p.other(to), "secondary", "0")
	must(p.t, to, "primary", "0")
}
