package drbdadm

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"classicha/drbdd/config"
)

// The dialog of wait-con-int (drbd-cli 9.2): a boot script waits for the peers of
// all resources at once, and someone at the console can end it.
const (
	dotsBefore  = 10 // seconds, a dot each, before anything is said
	endingChars = 3  // ctrl-c or ctrl-d so often mean yes
	prompt      = " To abort waiting enter 'yes' [ -- ]:"
)

// waitConInt waits for the connections of all resources. It ends with 0 whatever
// came of it: the boot goes on.
func (t *tool) waitConInt() (int, error) {
	tty, err := t.terminal()
	if err != nil {
		tty = &terminal{out: t.out, close: func() {}}
	}
	defer tty.close()
	var argvs [][]string
	var first *config.Resource
	for _, r := range t.here() {
		first = cmp.Or(first, r)
		for _, v := range r.Me.Volumes {
			argvs = append(argvs, t.plainCall(append([]string{"wait-connect", minorOf(v)}, t.conf.WaitArgs(r)...)...))
		}
	}
	if t.dry {
		for _, a := range argvs {
			t.printCall(a)
		}
		return 0, nil
	}
	w := startWaiters(t, argvs, tty.out)
	d := dialog{tool: t, tty: tty, started: time.Now(), first: first}
	d.hold(w)
	w.stop()
	return 0, nil
}

// terminal is where the dialog is held. in is nil if nobody can answer.
type terminal struct {
	in    io.Reader
	out   io.Writer
	close func()
}

// terminal finds one: our own, or the console of a machine that boots.
func (t *tool) terminal() (*terminal, error) {
	if t.env.IsTerminal(t.in) && t.env.IsTerminal(t.out) {
		return &terminal{in: t.in, out: t.out, close: func() {}}, nil
	}
	const warning = "WARN: stdin/stdout is not a TTY; using /dev/console"
	fmt.Fprint(t.err, warning)
	if t.dry {
		fmt.Fprint(t.out, warning)
		return &terminal{out: t.out, close: func() {}}, nil
	}
	c, err := t.env.Console()
	if err != nil {
		fmt.Fprintln(t.err)
		return nil, err
	}
	fmt.Fprint(c, warning)
	return &terminal{in: c, out: c, close: func() { c.Close() }}, nil
}

// waiters are the calls of drbdsetup that wait, each for one volume.
type waiters struct {
	procs []Process
	ended chan struct{} // one value for each that ended
	left  int
}

func startWaiters(t *tool, argvs [][]string, out io.Writer) *waiters {
	w := &waiters{ended: make(chan struct{}, len(argvs))}
	for _, argv := range argvs {
		p, err := t.env.Start(Call{Argv: argv, Stdout: out, Stderr: t.err})
		if err != nil {
			fmt.Fprintf(t.err, "Can not exec %s: %v\n", argv[0], err)
			continue
		}
		w.procs = append(w.procs, p)
		w.left++
		go func() {
			p.Wait()
			w.ended <- struct{}{}
		}()
	}
	return w
}

// stop ends those that still wait.
func (w *waiters) stop() {
	if w.left > 0 {
		for _, p := range w.procs {
			p.Kill(syscall.SIGTERM)
		}
	}
	for ; w.left > 0; w.left-- {
		<-w.ended
	}
}

// dialog is the state of the screen.
type dialog struct {
	*tool
	tty     *terminal
	started time.Time
	first   *config.Resource
	spoken  bool // the text and the prompt were printed
}

// hold returns when nobody waits any more, or somebody said yes.
func (d *dialog) hold(w *waiters) {
	var answers <-chan bool
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var refresh <-chan time.Time
	for w.left > 0 {
		select {
		case <-w.ended:
			w.left--
		case <-second.C:
			if d.spoken {
				break
			}
			fmt.Fprint(d.tty.out, ".")
			if d.elapsed() < dotsBefore {
				break
			}
			second.Stop()
			if !d.speak() {
				break
			}
			if s := d.conf.Global.DialogRefresh; s > 0 {
				ticker := time.NewTicker(time.Duration(s) * time.Second)
				defer ticker.Stop()
				refresh = ticker.C
			}
			a, done := d.listen()
			defer done()
			answers = a
		case <-refresh:
			d.counter()
		case yes := <-answers:
			if yes {
				fmt.Fprint(d.tty.out, "\n")
				return
			}
			fmt.Fprint(d.tty.out, prompt)
			d.counter()
		}
	}
	if d.spoken {
		fmt.Fprint(d.tty.out, "\n")
	}
}

func (d *dialog) elapsed() int {
	return int(time.Since(d.started).Round(time.Millisecond) / time.Second)
}

// speak tells what is waited for. It returns whether somebody can answer.
func (d *dialog) speak() bool {
	d.spoken = true
	degr, wfc := "0", "0"
	name := ""
	if d.first != nil {
		opts := d.conf.Merged(d.first, config.SectionStartup)
		if o, ok := config.Last(opts, "degr-wfc-timeout"); ok {
			degr = o.Value
		}
		if o, ok := config.Last(opts, "wfc-timeout"); ok {
			wfc = o.Value
		}
		name = d.first.Name
	}
	fmt.Fprintf(d.tty.out, "\n%s\n DRBD's startup script waits for the peer node(s) to appear.\n"+
		" - If this node was already a degraded cluster before the\n   reboot, the timeout is %s seconds. [degr-wfc-timeout]\n"+
		" - If the peer was available before the reboot, the timeout\n   is %s seconds. [wfc-timeout]\n"+
		"   (These values are for resource '%s'; 0 sec -> wait forever)\n", strings.Repeat("*", 63), degr, wfc, name)
	fmt.Fprint(d.tty.out, d.reasons()) // ours: which of them it is, and what is left of it
	if d.tty.in == nil {
		fmt.Fprintf(d.tty.out, " To abort waiting for DRBD connections, kill this process: kill %d\n", d.env.PID)
		return false
	}
	fmt.Fprint(d.tty.out, prompt+" ")
	d.counter()
	return true
}

// counter redraws the seconds at their place, and leaves the cursor where it was.
func (d *dialog) counter() {
	if d.conf.Global.DialogRefresh > 0 {
		fmt.Fprintf(d.tty.out, "\x1b[s\x1b[31G[%4d]:\x1b[u", d.elapsed())
	}
}

// listen reads lines; each is an answer, yes or not.
func (d *dialog) listen() (answers <-chan bool, done func()) {
	sane(d.tty.in)
	lines, stop := readLines(d.tty.in)
	out := make(chan bool)
	quit := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		interrupts := 0
		for l := range lines {
			interrupts += bytes.Count(l, []byte{3}) + bytes.Count(l, []byte{4})
			if len(l) == 0 { // end of file: ctrl-d on an empty line
				interrupts++
			}
			yes := string(bytes.TrimSpace(l)) == "yes" || interrupts >= endingChars
			if !yes && len(l) == 0 {
				continue
			}
			select {
			case out <- yes:
			case <-quit:
			}
		}
	}()
	return out, func() {
		close(quit)
		stop()
		<-ended
	}
}

// cutLine takes what is behind the first line end, or an interrupt, off b.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	i := slices.IndexFunc(b, func(c byte) bool { return c == '\n' || c == '\r' || c == 3 || c == 4 })
	if i < 0 {
		return nil, b, false
	}
	return b[:i+1], b[i+1:], true
}
