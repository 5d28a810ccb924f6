package scripts

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mdlayher/packet"
)

var heartbeatd struct {
	sync.Once
	bin string
	err error
}

// ownPrograms puts commands of the project into the PATH of the scripts.
func ownPrograms(t *testing.T, names ...string) (bin string) {
	t.Helper()
	heartbeatd.Do(func() {
		heartbeatd.bin = "/run/stage/heartbeatd"
		build := exec.Command("go", "build", "-o", heartbeatd.bin, "./heartbeatd")
		build.Dir = root
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			heartbeatd.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if heartbeatd.err != nil {
		t.Skipf("heartbeatd cannot be built: %v", heartbeatd.err)
	}
	for _, name := range names {
		if err := os.Symlink(heartbeatd.bin, "/run/bin/"+name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove("/run/bin/" + name) })
	}
	return heartbeatd.bin
}

// neighbour makes a second machine: a network namespace with a cable to the
// interface near of ours, and addresses. It returns the machine's hardware address.
//
//	near (no address) ---- cable ---- far (addresses)
func neighbour(t *testing.T, near string, addrs ...string) (mac string) {
	t.Helper()
	machine := exec.Command("unshare", "--net", "sleep", "120")
	if err := machine.Start(); err != nil {
		t.Skipf("no second namespace: %v", err)
	}
	t.Cleanup(func() { machine.Process.Kill(); machine.Wait() })
	pid := strconv.Itoa(machine.Process.Pid)
	own, _ := os.Readlink("/proc/self/ns/net")
	eventually(t, "the namespace", func() bool {
		its, err := os.Readlink("/proc/" + pid + "/ns/net")
		return err == nil && its != own
	})
	in := []string{"nsenter", "--net=/proc/" + pid + "/ns/net"}
	const noDAD = "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad"
	command(t, "sh", "-c", noDAD)
	command(t, append(in, "sh", "-c", noDAD)...)
	command(t, "ip", "link", "add", near, "type", "veth", "peer", "name", "far", "netns", pid)
	t.Cleanup(func() { exec.Command("ip", "link", "del", near).Run() })
	command(t, "ip", "link", "set", near, "up")
	command(t, append(in, "ip", "link", "set", "far", "up")...)
	for _, a := range addrs {
		args := append(in, "ip", "addr", "add", a, "dev", "far")
		if strings.Contains(a, "::") {
			args = append(args, "nodad")
		}
		command(t, args...)
	}
	eventually(t, "the cable", func() bool { return strings.TrimSpace(read("/sys/class/net/"+near+"/operstate")) == "up" })
	eventually(t, "the link-local addresses", func() bool {
		ready := func(list string) bool { return strings.Contains(list, "fe80:") && !strings.Contains(list, "tentative") }
		return ready(command(t, "ip", "-6", "addr", "show", "dev", near)) && ready(command(t, append(in, "ip", "-6", "addr", "show", "dev", "far")...))
	})
	words := strings.Fields(command(t, append(in, "ip", "-o", "link", "show", "far")...))
	for i, w := range words {
		if w == "link/ether" {
			return words[i+1]
		}
	}
	t.Fatalf("no hardware address: %q", words)
	return ""
}

// An address that another machine still answers for is taken over, and the log names
// the machine.
func TestContestedAddressIsReported(t *testing.T) {
	announcers(t)
	ownPrograms(t, "hb_whohas")
	mac := neighbour(t, "lan0", "10.90.0.50/24", "10.90.0.9/24", "fd90::50/64")
	os.Remove("/run/ha-log")
	run(t, "IPv6addr", "fd90::50/64/lan0", "start").ok(t)
	eventually(t, "the warning", func() bool {
		return strings.Contains(read("/run/ha-log"), "WARN: fd90::50 is answered by another machine too, "+mac+" on lan0")
	})
	run(t, "IPv6addr", "fd90::50/64/lan0", "stop").ok(t)
	for _, script := range []string{"IPaddr2", "IPaddr"} {
		os.Remove("/run/ha-log")
		run(t, script, "10.90.0.50/24/lan0", "start").ok(t)
		want := "WARN: 10.90.0.50 is answered by another machine too, " + mac + " on lan0: clients may reach either. Take it away there (ip addr del 10.90.0.50/24 dev INTERFACE), or power that machine off"
		eventually(t, "the warning", func() bool { return strings.Contains(read("/run/ha-log"), want) })
		status(t, true, script, "10.90.0.50/24/lan0")
		run(t, script, "10.90.0.50/24/lan0", "stop").ok(t)
	}
	// One that is free: no word of it, and no process stays.
	os.Remove("/run/ha-log")
	run(t, "IPaddr2", "10.90.0.51/24/lan0", "start").ok(t)
	eventually(t, "the question to be over", func() bool { return !strings.Contains(processes(), "hb_whohas") })
	if log := read("/run/ha-log"); strings.Contains(log, "WARN") {
		t.Errorf("a free address is warned about:\n%s", log)
	}
	run(t, "IPaddr2", "10.90.0.51/24/lan0", "stop").ok(t)
}

// Start asks in the background whether another machine has the address: it does not
// wait for the answer.
func TestContestDoesNotHoldUpStart(t *testing.T) {
	announcers(t)
	asked := "/run/whohas.pid"
	tool(t, "hb_whohas", "echo $$ >"+asked+"; exec sleep 60")
	defer os.Remove(asked)
	for _, script := range []string{"IPaddr2", "IPaddr"} {
		os.Remove(asked)
		run(t, script, "10.88.0.50/24/eth0", "start").ok(t)
		eventually(t, "the question", func() bool { return read(asked) != "" })
		pid := strings.TrimSpace(read(asked))
		eventually(t, "a question that is still open", func() bool { return read("/proc/"+pid+"/comm") == "sleep\n" })
		command(t, "kill", pid)
		run(t, script, "10.88.0.50/24/eth0", "stop").ok(t)
	}
}

// processes are the command lines of everything that runs here.
func processes() string {
	var b strings.Builder
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		b.WriteString(strings.ReplaceAll(read(f), "\x00", " ") + "\n")
	}
	return b.String()
}

// hb_whohas by hand: what it prints, and its exit codes.
func TestWhohasCommand(t *testing.T) {
	bin := ownPrograms(t)
	mac := neighbour(t, "lan0", "10.90.0.50/24", "fd90::50/64")
	command(t, "ip", "addr", "add", "10.90.0.1/24", "dev", "lan0")
	for _, c := range []struct {
		args string
		out  string
		exit int
	}{
		{"10.90.0.50 lan0", "10.90.0.50 " + mac + " lan0\n", 0},
		{"10.90.0.50/24", "10.90.0.50 " + mac + " lan0\n", 0},
		{"-w 200 10.90.0.1", "", 1},
		{"-w 200 10.90.0.51", "", 1},
		{"10.90.0.50 lan9", "", 2},
		{"10.91.0.50", "", 2},
		{"fd90::50 lan0", "fd90::50 " + mac + " lan0\n", 0},
		{"-w 200 fd90::51 lan0", "", 1},
		{"10.90.0 lan0", "", 2},
		{"-w 0 10.90.0.50", "", 2},
		{"", "", 2},
	} {
		cmd := exec.Command(bin, append([]string{"hb_whohas"}, strings.Fields(c.args)...)...)
		out, _ := cmd.Output()
		if string(out) != c.out || cmd.ProcessState.ExitCode() != c.exit {
			t.Errorf("hb_whohas %s: %q exit %d, want %q exit %d", c.args, out, cmd.ProcessState.ExitCode(), c.out, c.exit)
		}
	}
}

// heartbeatd --check as root: an address of haresources that somebody answers for.
func TestCheckAsksTheNetwork(t *testing.T) {
	bin := ownPrograms(t)
	mac := neighbour(t, "lan0", "10.90.0.50/24", "10.90.0.2/24")
	other := neighbour(t, "lan1", "10.91.0.50/24")
	command(t, "ip", "addr", "add", "10.90.0.1/24", "dev", "lan0")
	command(t, "ip", "addr", "add", "10.90.0.52/24", "dev", "lan0") // ours: not asked for
	command(t, "ip", "addr", "add", "10.91.0.1/24", "dev", "lan1")
	hosts := "/run/hosts"
	check := func(link, names, haresources string) (out string, exit int) {
		t.Helper()
		put(t, hosts, "127.0.0.1 localhost\n"+names)
		dir := t.TempDir()
		command(t, "mkdir", dir+"/resource.d")
		put(t, dir+"/resource.d/IPaddr2", "#!/bin/sh\n")
		put(t, dir+"/nodeinfo", "alpha\n")
		put(t, dir+"/ha.cf", "logfacility local0\nbcast "+link+"\nserial /dev/null\nnode alpha beta\nauto_failback on\nstonith_host * null beta\n")
		put(t, dir+"/authkeys", "auth 1\n1 sha1 x\n")
		command(t, "chmod", "600", dir+"/authkeys")
		put(t, dir+"/haresources", haresources)
		begin := time.Now()
		cmd := exec.Command(bin, "--check", "-C", dir)
		b, _ := cmd.CombinedOutput()
		if d := time.Since(begin); d > 4*time.Second {
			t.Errorf("it took %s", d)
		}
		return string(b), cmd.ProcessState.ExitCode()
	}
	put(t, hosts, "")
	command(t, "mount", "--bind", hosts, "/etc/hosts")
	defer command(t, "umount", "/etc/hosts")

	// The other node is known by its name: it runs the group, which is no finding.
	out, exit := check("lan0", "10.90.0.2 beta\n",
		"alpha IPaddr2::10.90.0.50/24/lan0 IPaddr2::10.90.0.51/24/lan0 IPaddr2::10.90.0.52/24/lan0\nbeta IPaddr2::10.91.0.50/24/lan1\n")
	for _, want := range []string{
		"INFO  haresources:1:7  IPaddr2::10.90.0.50/24/lan0: 10.90.0.50 is answered on lan0 by beta (" + mac + "), which runs the group now",
		"WARN  haresources:2:6  IPaddr2::10.91.0.50/24/lan1: 10.91.0.50 is answered on lan1 by another machine, " + other,
		"-> if that is not the other node of this cluster: take the address away there, or write another one",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	if exit != 1 || strings.Contains(out, "10.90.0.51 is") || strings.Contains(out, "10.90.0.52 is") {
		t.Errorf("exit %d, want 1 and no word of a free address or our own\n%s", exit, out)
	}
	// The other node answers there with another card: the address belongs to a stranger.
	neighbour(t, "lan2", "10.92.0.2/24")
	command(t, "sh", "-c", "ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up && ip link set lan0 master br0 && ip link set lan2 master br0 && ip addr flush dev lan0 && ip addr add 10.90.0.1/24 dev br0")
	t.Cleanup(func() { exec.Command("ip", "link", "del", "br0").Run() })
	out, exit = check("br0", "10.92.0.2 beta\n", "alpha IPaddr2::10.90.0.50/24/br0\n")
	if want := "FAIL  haresources:1:7  IPaddr2::10.90.0.50/24/br0: 10.90.0.50 is answered on br0 by another machine, " + mac + ", which is no node of this cluster"; !strings.Contains(out, want) || exit != 2 {
		t.Errorf("exit %d, want a failure %q\n%s", exit, want, out)
	}
}

// The magic packet as it comes out at the other end of the cable: as a frame of its
// own and in a datagram.
func TestWakeOnLan(t *testing.T) {
	ownPrograms(t, "hb_wake")
	wire, err := net.InterfaceByName("wire")
	if err != nil {
		t.Fatal(err)
	}
	const everything = 3
	conn, err := packet.Listen(wire, packet.Raw, everything, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	card := []byte{0x00, 0x11, 0x22, 0xaa, 0xbb, 0xcc}
	magic := append(bytes.Repeat([]byte{0xff}, 6), bytes.Repeat(card, 16)...)
	// heard counts frames and datagrams until so many of both were there, or the time is over.
	heard := func(during time.Duration, enough int) (frames, datagrams int) {
		conn.SetReadDeadline(time.Now().Add(during))
		buf := make([]byte, 2048)
		for frames < enough || datagrams < enough {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			switch f := buf[:n]; {
			case !bytes.Contains(f, magic):
			case !bytes.Equal(f[:6], magic[:6]):
				t.Errorf("sent to %x, want to everybody", f[:6])
			case f[12] == 0x08 && f[13] == 0x42 && bytes.Equal(f[14:14+len(magic)], magic):
				frames++
			case f[12] == 0x08 && f[13] == 0 && f[23] == 17 && f[36] == 0 && f[37] == 9:
				datagrams++
			}
		}
		return
	}
	for _, args := range [][]string{{"00:11:22:aa:BB:cc"}, {"00-11-22-AA-bb-cc", "eth0"}, {"001122aabbcc"}} {
		os.Remove("/run/ha-log")
		status(t, false, "WakeOnLan", args...)
		if r := run(t, "WakeOnLan", append(args, "start")...).ok(t); r.took > 5*time.Second {
			t.Errorf("%s took %s", r.called, r.took)
		}
		if f, d := heard(5*time.Second, 3); f < 3 || d < 3 {
			t.Errorf("%q: %d frames and %d datagrams came, want three of both (the frames that leave here are seen too)", args, f, d)
		}
		status(t, true, "WakeOnLan", args...)
		eventually(t, "a word in the log", func() bool {
			return strings.Contains(read("/run/ha-log"), "INFO: sent the magic packet that wakes "+args[0])
		})
		eventually(t, "the sender's end", func() bool { return !strings.Contains(processes(), "hb_wake") })
		heard(50*time.Millisecond, 100) // what is left of it
		run(t, "WakeOnLan", append(args, "start")...).ok(t)
		run(t, "WakeOnLan", append(args, "stop")...).ok(t)
		if f, d := heard(500*time.Millisecond, 1); f+d != 0 {
			t.Errorf("%q: a second start, or the stop, sent %d frames and %d datagrams", args, f, d)
		}
		status(t, false, "WakeOnLan", args...)
	}
	// Nothing of it keeps a service from running, but a word that is no address does.
	os.Remove("/run/ha-log")
	run(t, "WakeOnLan", "00:11:22:aa:bb:cc", "eth9", "start").ok(t)
	eventually(t, "the warning", func() bool {
		return strings.Contains(read("/run/ha-log"), "WARN: 00:11:22:aa:bb:cc could not be woken up: hb_wake: wake 00:11:22:aa:bb:cc: interface eth9")
	})
	run(t, "WakeOnLan", "00:11:22:aa:bb:cc", "eth9", "stop").ok(t)
	run(t, "WakeOnLan", "serv-b", "start").fails(t, `"serv-b" is no hardware address`)
	run(t, "WakeOnLan", "serv-b", "stop").ok(t)
	run(t, "WakeOnLan", "start").fails(t, "usage: WakeOnLan")
}
