package tools

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/heartbeatd/netaddr/nstest"
	"github.com/mdlayher/packet"
)

// heard is a packet that the neighbour saw.
type heard struct {
	at   time.Time
	what string // "request 10.0.0.1 02:...", "reply ...", "advertisement 2001:db8::9"
}

// listen collects the announcements that arrive at eth0 of a namespace.
func listen(t *testing.T, s *nstest.Space) <-chan heard {
	t.Helper()
	var conn *packet.Conn
	err := s.Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		conn, err = packet.Listen(ifi, packet.Raw, 3 /* every protocol */, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	out, done := make(chan heard, 1000), make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2000)
		for {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			switch f := b[:n]; {
			case n >= 42 && f[12] == 8 && f[13] == 6:
				form := map[byte]string{1: "request", 2: "reply"}[f[21]]
				out <- heard{time.Now(), fmt.Sprintf("%s %v %v", form, net.IP(f[28:32]), net.HardwareAddr(f[22:28]))}
			case n >= 86 && f[20] == 58 && f[54] == 136:
				out <- heard{time.Now(), fmt.Sprintf("advertisement %v %v", net.IP(f[62:78]), net.HardwareAddr(f[80:86]))}
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return out
}

// collect takes what was heard until it is quiet.
func collect(ch <-chan heard) (whats []string, times []time.Time) {
	for {
		select {
		case h := <-ch:
			whats, times = append(whats, h.what), append(times, h.at)
		case <-time.After(100 * time.Millisecond):
			return whats, times
		}
	}
}

// tool is SendArp or one of its kin.
type tool func(args []string, stdout, stderr *bytes.Buffer) int

func sendArp(args []string, stdout, stderr *bytes.Buffer) int { return SendArp(args, stdout, stderr) }
func sendUA(args []string, stdout, stderr *bytes.Buffer) int  { return SendUA(args, stdout, stderr) }
func findIf(args []string, stdout, stderr *bytes.Buffer) int  { return FindIf(args, stdout, stderr) }

// in runs a tool inside a namespace.
func in(s *nstest.Space, f tool, args ...string) (code int, stdout, stderr string) {
	var o, e bytes.Buffer
	s.Do(func() error { code = f(args, &o, &e); return nil })
	return code, o.String(), e.String()
}

func TestSendArpPackets(t *testing.T) {
	a, b := nstest.Pair(t)
	mac := a.MAC(t, "eth0")
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"as IPaddr calls it", []string{"-i", "100", "-r", "3", "-p", "PID", "eth0", "10.0.0.9", "auto", "10.0.0.9", "ffffffffffff"},
			slices.Repeat([]string{"request 10.0.0.9 " + mac, "reply 10.0.0.9 " + mac}, 3)},
		{"as IPaddr2 calls it", []string{"-i", "20", "-r", "1", "-p", "PID", "eth0", "10.0.0.9", "auto", "not_used", "not_used"},
			[]string{"request 10.0.0.9 " + mac, "reply 10.0.0.9 " + mac}},
		{"another hardware address", []string{"-p", "PID", "-i20", "eth0", "10.0.0.9", "020304050607", "x", "y"},
			[]string{"request 10.0.0.9 02:03:04:05:06:07", "reply 10.0.0.9 02:03:04:05:06:07"}},
		{"with colons, options last", []string{"eth0", "10.0.0.9", "02:03:04:05:06:07", "x", "y", "-i", "20", "-p", "PID"},
			[]string{"request 10.0.0.9 02:03:04:05:06:07", "reply 10.0.0.9 02:03:04:05:06:07"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			pid := filepath.Join(t.TempDir(), "made", "send_arp.pid")
			args := slices.Clone(c.args)
			args[slices.Index(args, "PID")] = pid
			ch := listen(t, b)
			begin := time.Now()
			code, stdout, stderr := in(a, sendArp, args...)
			took := time.Since(begin)
			if code != 0 || stdout+stderr != "" {
				t.Errorf("exit code %d, output %q, %q; want 0 and silence", code, stdout, stderr)
			}
			got, times := collect(ch)
			if !slices.Equal(got, c.want) {
				t.Errorf("heard %q\nwant %q", got, c.want)
			}
			if _, err := os.Stat(pid); err == nil {
				t.Error("the pid file is still there")
			}
			if len(times) == 6 {
				// 3 pairs, 50 ms from packet to packet, none after the last.
				if span := times[5].Sub(times[0]); span < 240*time.Millisecond || took > 5*time.Second {
					t.Errorf("first to last packet %v, in all %v; want five pauses of 50 ms", span, took)
				}
			}
		})
	}
}

func TestSendArpRefusals(t *testing.T) {
	a, _ := nstest.Pair(t)
	pid := filepath.Join(t.TempDir(), "pid")
	for _, c := range []struct {
		args []string
		want string // in standard error
	}{
		{[]string{"-p", pid, "eth9", "10.0.0.9", "auto", "x", "y"}, "send_arp: [%d]: ERROR: Cannot find mac address for eth9\n"},
		{[]string{"-p", pid, "eth0", "bogus", "auto", "x", "y"}, "ERROR: Cannot resolve IP address [bogus]\n"},
		{[]string{"-p", pid, "eth0", "fe80::1", "auto", "x", "y"}, "ERROR: Cannot resolve IP address [fe80::1]\n"},
		{[]string{"-p", pid, "eth0", "10.0.0.9", "0203", "x", "y"}, "Invalid hardware address [0203]"},
		{[]string{"-p", "relative", "eth0", "10.0.0.9", "auto", "x", "y"}, "Invalid pid-file name, must begin with a '/' [relative]\n"},
		{[]string{"eth0", "10.0.0.9", "auto", "x"}, "send_arp: sends out custom ARP packet.\n  usage: send_arp [-i repeatinterval-ms] [-r repeatcount] [-p pidfile] \\\n"},
		{[]string{"-r", "0", "eth0", "10.0.0.9", "auto", "x", "y"}, "usage: send_arp"},
		{[]string{"-i", "abc", "eth0", "10.0.0.9", "auto", "x", "y"}, "usage: send_arp"},
		{[]string{"-q", "eth0"}, "/send_arp: invalid option -- 'q'\nsend_arp: sends out"},
		{nil, "usage: send_arp"},
	} {
		code, stdout, stderr := in(a, sendArp, c.args...)
		want := strings.ReplaceAll(c.want, "%d", fmt.Sprint(os.Getpid()))
		if code != 1 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit code %d, %q, %q\nwant 1 and %q on standard error", c.args, code, stdout, stderr, want)
		}
	}
	a.Down(t, "eth0")
	code, _, stderr := in(a, sendArp, "-i", "1", "-r", "10", "-p", pid, "eth0", "10.0.0.9", "auto", "x", "y")
	if code != 1 || strings.Count(stderr, "ERROR") != 1 {
		t.Errorf("with the interface down: exit code %d, %q; want 1 and one line", code, stderr)
	}
	if code, _, _ := in(a, sendArp, "-i", "1", "-p", pid, "lo", "127.0.0.9", "auto", "x", "y"); code != 0 {
		t.Errorf("on the loopback: exit code %d, want 0 as the original", code)
	}
	if _, err := os.Stat(pid); err == nil {
		t.Error("a pid file was left behind")
	}
}

// TestSendArpHelper is no test: other tests run it as a process named send_arp.
func TestSendArpHelper(t *testing.T) {
	args, ok := os.LookupEnv("SENDARP_ARGS")
	if !ok {
		t.Skip("only run by other tests")
	}
	os.Exit(SendArp(strings.Fields(args), os.Stdout, os.Stderr))
}

func helper(t *testing.T, s *nstest.Space, name, args string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestSendArpHelper$")
	cmd.Args[0] = name
	cmd.Env = append(os.Environ(), "SENDARP_ARGS="+args)
	if err := s.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

func TestSendArpPidFile(t *testing.T) {
	a, _ := nstest.Pair(t)
	pid := filepath.Join(t.TempDir(), "pid")
	long := "-i 60000 -r 9 -p " + pid + " eth0 10.0.0.9 auto x y"
	short := []string{"-i", "1", "-p", pid, "eth0", "10.0.0.9", "auto", "x", "y"}
	holds := func(want string) bool { b, _ := os.ReadFile(pid); return string(b) == want }

	first := helper(t, a, "send_arp", long)
	eventually(t, "the pid file holds the number, without a newline", func() bool { return holds(fmt.Sprint(first.Process.Pid)) })
	_, _, stderr := in(a, sendArp, short...)
	if want := fmt.Sprintf("info: Killed old send_arp process [%d]\n", first.Process.Pid); !strings.HasSuffix(stderr, want) {
		t.Errorf("got %q, want %q", stderr, want)
	}
	if err := first.Wait(); err == nil || first.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the old process ended with %v, want killed", first.ProcessState)
	}

	// A number that belongs to another program by now is not killed.
	other := helper(t, a, "important", long+".other -p "+pid+".other")
	os.WriteFile(pid, fmt.Append(nil, other.Process.Pid), 0o600)
	in(a, sendArp, short...)
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("a process that is no send_arp was killed: %v", err)
	}

	// IPaddr's stop: SIGTERM ends it in silence.
	second := helper(t, a, "send_arp", long)
	eventually(t, "the second one runs", func() bool { return holds(fmt.Sprint(second.Process.Pid)) })
	second.Process.Signal(syscall.SIGTERM)
	if err := second.Wait(); err != nil {
		t.Errorf("ended by SIGTERM: %v, want exit code 0", err)
	}
	if _, err := os.Stat(pid); err == nil {
		t.Error("the pid file is still there after SIGTERM")
	}
}

func TestSendUA(t *testing.T) {
	a, b := nstest.Pair(t)
	a.Addr(t, "eth0", "2001:db8::9/64")
	mac := a.MAC(t, "eth0")
	ch := listen(t, b)
	begin := time.Now()
	code, stdout, stderr := in(a, sendUA, "-i", "80", "-c", "3", "2001:db8::9", "64", "eth0")
	if took := time.Since(begin); code != 0 || stdout+stderr != "" || took < 160*time.Millisecond || took > 5*time.Second {
		t.Errorf("exit code %d, %q, %q after %v; want 0, silence, two pauses of 80 ms", code, stdout, stderr, took)
	}
	got, _ := collect(ch)
	if want := slices.Repeat([]string{"advertisement 2001:db8::9 " + mac}, 3); !slices.Equal(got, want) {
		t.Errorf("heard %q\nwant %q", got, want)
	}
	usage := "usage: /usr/libexec/heartbeat/send_ua [-i[=Interval]] [-c[=Count]] [-h] IPv6-Address Prefix Interface\n"
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"", 2, usage},
		{"-h", 2, usage},
		{"2001:db8::9 64", 2, usage},
		{"-x 2001:db8::9 64 eth0", 2, usage},
		{"bogus 64 eth0", 2, "ERROR: Invalid IPv6 address [bogus]" + usage},
		{"10.0.0.1 64 eth0", 2, "ERROR: Invalid IPv6 address [10.0.0.1]" + usage},
		{"2001:db8::77 64 eth0", 0, "ERROR: bind() failed: Cannot assign requested address\n"},
		{"2001:db8::9 64 eth9", 0, "ERROR: ioctl(SIOCGIFHWADDR) failed: No such device\n"},
		{"-c 0 2001:db8::9 64 eth0", 0, ""},
		{"-c=1 -i=1 2001:db8::9 64 eth0", 0, ""},
	} {
		code, stdout, _ := in(a, sendUA, strings.Fields(c.args)...)
		if code != c.code || stdout != c.want {
			t.Errorf("%q: exit code %d, %q\nwant %d, %q", c.args, code, stdout, c.code, c.want)
		}
	}
}

// While duplicate address detection runs send_ua waits for it.
func TestSendUAWaitsForTentativeAddress(t *testing.T) {
	a, b := nstest.Pair(t)
	a.Sysctl(t, "net/ipv6/conf/eth0/accept_dad", "1")
	a.Down(t, "eth0")
	a.Up(t, "eth0")
	a.Addr(t, "eth0", "2001:db8::9/64")
	ch := listen(t, b)
	code, stdout, _ := in(a, sendUA, "-c", "1", "2001:db8::9", "64", "eth0")
	got, _ := collect(ch)
	if code != 0 || stdout != "" || len(got) == 0 {
		t.Errorf("exit code %d, %q, heard %q; want it to wait and then announce", code, stdout, got)
	}
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}
