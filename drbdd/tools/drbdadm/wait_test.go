package drbdadm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/creack/pty"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
)

// screen is a terminal that is typed on from the test.
type screen struct {
	io.Reader
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) Close() error { return s.Reader.(io.Closer).Close() }

const dialogConf = `global { dialog-refresh 2; disable-ip-verification; }
common { startup { wfc-timeout 20; degr-wfc-timeout 10; } }
` + onePair

const dialogText = `..........
***************************************************************
 DRBD's startup script waits for the peer node(s) to appear.
 - If this node was already a degraded cluster before the
   reboot, the timeout is 10 seconds. [degr-wfc-timeout]
 - If the peer was available before the reboot, the timeout
   is 20 seconds. [wfc-timeout]
   (These values are for resource 'r0'; 0 sec -> wait forever)
 To abort waiting enter 'yes' [ -- ]: `

func counters(seconds ...int) string {
	var b strings.Builder
	for _, s := range seconds {
		fmt.Fprintf(&b, "\x1b[s\x1b[31G[%4d]:\x1b[u", s)
	}
	return b.String()
}

// TestDialog: drbd-cli 9.2; the bytes are those of the original on a terminal.
func TestDialog(t *testing.T) {
	type key struct {
		at   time.Duration
		text string
	}
	for _, c := range []struct {
		name  string
		waits time.Duration
		keys  []key
		want  string
		ends  time.Duration
	}{
		{"the peer is there", 300 * time.Millisecond, nil, "", 300 * time.Millisecond},
		{"it comes soon", 3500 * time.Millisecond, nil, "...", 3500 * time.Millisecond},
		{"it comes later", 15500 * time.Millisecond, nil, dialogText + counters(10, 12, 14) + "\n", 15500 * time.Millisecond},
		{"nobody waits for it", time.Hour, []key{{12500 * time.Millisecond, "yes\n"}}, dialogText + counters(10, 12) + "\n", 12500 * time.Millisecond},
		{"another word first", time.Hour, []key{{11 * time.Second, "no\n"}, {13 * time.Second, " yes \n"}}, dialogText + counters(10) + " To abort waiting enter 'yes' [ -- ]:" + counters(11, 12) + "\n", 13 * time.Second},
		{"typed slowly", time.Hour, []key{{11 * time.Second, "ye"}, {11500 * time.Millisecond, "s\n"}}, dialogText + counters(10) + "\n", 11500 * time.Millisecond},
		{"ctrl-c three times", time.Hour, []key{{11 * time.Second, "\x03"}, {11100 * time.Millisecond, "\x04"}, {11200 * time.Millisecond, "\x03"}}, dialogText + counters(10) +
			" To abort waiting enter 'yes' [ -- ]:" + counters(11) + " To abort waiting enter 'yes' [ -- ]:" + counters(11) + "\n", 11200 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, dialogConf)
			b.took = map[string]by{"wait-connect": {after: c.waits}}
			synctest.Test(t, func(t *testing.T) {
				r, w := io.Pipe()
				s := &screen{Reader: r}
				b.env.Console = func() (console, error) { return s, nil }
				go func() {
					defer w.Close()
					began := time.Now()
					for _, k := range c.keys {
						time.Sleep(k.at - time.Since(began))
						io.WriteString(w, k.text)
					}
					time.Sleep(c.ends + time.Second - time.Since(began))
				}()
				began := time.Now()
				b.expect(t, "wait-con-int", 0, "drbdsetup-84 wait-connect 0 --degr-wfc-timeout=10 --wfc-timeout=20")
				if took := time.Since(began); took != c.ends {
					t.Errorf("took %v, want %v", took, c.ends)
				}
				got := strings.TrimPrefix(s.buf.String(), "WARN: stdin/stdout is not a TTY; using /dev/console")
				if got != c.want {
					t.Errorf("on the screen\n%q, want\n%q", got, c.want)
				}
				time.Sleep(time.Hour) // the typist ends
			})
		})
	}
}

// TestDialogWithoutTerminal: nobody can answer; the text says what to do.
func TestDialogWithoutTerminal(t *testing.T) {
	b := newBench(t, dialogConf)
	b.took = map[string]by{"wait-connect": {after: 30 * time.Second, code: 5}}
	b.env.Console = func() (console, error) { return nil, os.ErrNotExist }
	b.env.PID = 4711
	synctest.Test(t, func(t *testing.T) {
		b.expect(t, "wait-con-int", 0, "drbdsetup-84 wait-connect 0 --degr-wfc-timeout=10 --wfc-timeout=20")
		want := strings.TrimSuffix(dialogText, " To abort waiting enter 'yes' [ -- ]: ") + " To abort waiting for DRBD connections, kill this process: kill 4711\n\n"
		if b.out.String() != want {
			t.Errorf("printed %q, want %q", &b.out, want)
		}
	})
}

// TestLimits: drbd-cli 2.2. A late show is an error, not an unknown resource.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		line  string
		late  string
		code  int
		after time.Duration
		said  string
	}{
		{"role r0", "role", 20, 5 * time.Second, "Command 'drbdsetup-84 role 0' did not terminate within 5 seconds\n"},
		{"primary r0", "primary", 20, 600 * time.Second, "Command 'drbdsetup-84 primary 0' did not terminate within 600 seconds\n"},
		{"up r0", "new-minor", 20, 5 * time.Second, "Command 'drbdsetup-84 new-minor r0 0 0' did not terminate within 5 seconds\n"},
		{"adjust r0", "show", 20, 5 * time.Second, "Command 'drbdsetup-84 show r0' did not terminate within 5 seconds\n"},
		{"dstate r0", "drbdsetup-84 dstate", 0, 5 * time.Second, ""},
		{"apply-al r0", "apply-al", 0, time.Hour, ""},
		{"wait-connect r0", "wait-connect", 0, time.Hour, ""},
	} {
		t.Run(c.line, func(t *testing.T) {
			b := newBench(t, onePair)
			b.took = map[string]by{c.late: {after: time.Hour}}
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				if code := b.do(c.line); code != c.code || b.err.String() != c.said || time.Since(began) != c.after {
					t.Errorf("exit %d after %v, said %q", code, time.Since(began), &b.err)
				}
			})
		})
	}
}

// TestNotEvenKilled: a program that waits for a disk does not hold drbdadm, whether its output is
// wanted or not.
func TestNotEvenKilled(t *testing.T) {
	for line, c := range map[string]struct{ late, said string }{
		"role r0":   {"role", "Command 'drbdsetup-84 role 0' did not terminate within 5 seconds\n"},
		"adjust r0": {"show", "Command 'drbdsetup-84 show r0' did not terminate within 5 seconds\n"},
	} {
		t.Run(line, func(t *testing.T) {
			b := newBench(t, onePair)
			b.took = map[string]by{c.late: {after: time.Hour, deaf: true, out: "late"}}
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				if code := b.do(line); code != 20 || b.err.String() != c.said || time.Since(began) != 5*time.Second+killedDelay {
					t.Errorf("exit %d after %v, said %q", code, time.Since(began), &b.err)
				}
				time.Sleep(2 * time.Hour) // it ends at last
			})
		})
	}
}

// TestBePrimary: sh-b-pri tries five times, a second apart.
func TestBePrimary(t *testing.T) {
	b := newBench(t, strings.Replace(onePair, "{", "{ startup { become-primary-on alpha; }", 1))
	b.took = map[string]by{"primary": {code: 11}}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if code := b.do("sh-b-pri all"); code != 11 || len(b.ran) != 5 || time.Since(began) != 4*time.Second {
			t.Errorf("exit %d after %v, %q", code, time.Since(began), b.ran)
		}
	})
}

// TestWaitSync: a bar on a terminal, nothing elsewhere, and drbdsetup's exit code.
func TestWaitSync(t *testing.T) {
	b := newBench(t, onePair)
	b.took = map[string]by{"wait-sync": {after: 10 * time.Second}}
	b.env.IsTerminal = func(any) bool { return true }
	b.env.Width = func(any) int { return 60 }
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		asked := 0
		b.env.Status = func(context.Context) ([]control.Resource, error) {
			asked++
			if asked%3 == 0 {
				return nil, control.ErrNoReply
			}
			left := uint64(1000 - 100*(time.Since(began)/time.Second))
			p := &replica.Progress{Total: 1000, Left: left, Started: began, Now: time.Now()}
			return []control.Resource{{View: replica.View{Name: "r0", Volumes: []replica.VolumeView{{Minor: 7}, {Minor: 0, Progress: p}}}}}, nil
		}
		if code := b.do("wait-sync r0"); code != 0 || time.Since(began) != 10*time.Second {
			t.Errorf("exit %d after %v", code, time.Since(began))
		}
		lines := strings.Split(b.out.String(), "\r")
		if last := lines[len(lines)-1]; len(lines) < 10 || !strings.HasPrefix(last, "r0/0 [") || !strings.Contains(last, " 100.0% ") || !strings.HasSuffix(last, "\n") {
			t.Errorf("%d bars, the last %q", len(lines), last)
		}
		if !strings.Contains(b.out.String(), "  50.0% ") {
			t.Errorf("nothing in the middle: %q", &b.out)
		}
	})
	b.env.IsTerminal = func(any) bool { return false }
	b.took["wait-sync"] = by{code: 5}
	b.expect(t, "wait-sync r0", 5, "drbdsetup-84 wait-sync 0")
	if b.out.Len()+b.err.Len() > 0 {
		t.Errorf("printed %q %q", &b.out, &b.err)
	}
}

// TestDialogOnTerminal runs the dialog on a real terminal that was left in raw
// mode, as a splash screen does.
func TestDialogOnTerminal(t *testing.T) {
	if os.Getenv("DRBDADM_TEST_DIALOG") != "" {
		env := System()
		env.Config.Hostname, env.StateDir = "alpha", ""
		os.Exit(Main(filepath.Join(os.Getenv("DRBDADM_TEST_DIALOG"), "drbdadm"), []string{"-c", filepath.Join(os.Getenv("DRBDADM_TEST_DIALOG"), "drbd.conf"), "wait-con-int"}, os.Stdin, os.Stdout, os.Stderr, env))
	}
	if testing.Short() {
		t.Skip("takes more than ten seconds")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"drbd.conf": dialogConf, "drbdsetup-84": "#!/bin/sh\nexec sleep 60\n", "drbdmeta": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=TestDialogOnTerminal$")
	cmd.Env = append(os.Environ(), "DRBDADM_TEST_DIALOG="+dir)
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Skip(err)
	}
	defer tty.Close()
	exec.Command("stty", "-F", tty.Name(), "raw", "-echo").Run()
	var seen bytes.Buffer
	done := make(chan error, 1)
	typed := false
	go func() {
		buf := make([]byte, 1024)
		for {
			n, err := tty.Read(buf)
			seen.Write(buf[:n])
			if !typed && bytes.Contains(seen.Bytes(), []byte("[  10]:")) {
				typed = true
				tty.WriteString("yes\r")
			}
			if err != nil {
				done <- cmd.Wait()
				return
			}
		}
	}()
	select {
	case err := <-done:
		if err != nil || !strings.Contains(seen.String(), "To abort waiting enter 'yes' [ -- ]: ") || !strings.HasSuffix(seen.String(), "\r\n\r\n") {
			t.Errorf("%v %q", err, &seen)
		}
	case <-time.After(30 * time.Second):
		cmd.Process.Kill()
		t.Errorf("does not end: %q", <-doneText(&seen, done))
	}
}

func doneText(b *bytes.Buffer, done <-chan error) <-chan string {
	c := make(chan string, 1)
	<-done
	c <- b.String()
	return c
}
