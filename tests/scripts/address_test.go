package scripts

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

func has(addr string) func() bool {
	return func() bool {
		out, _ := exec.Command("ip", "-o", "addr", "show").Output()
		return strings.Contains(string(out), " "+addr+"/")
	}
}

func announcers(t *testing.T) {
	tool(t, "send_arp", "exit 0")
	tool(t, "send_ua", "exit 0")
	called()
}

func TestAddressScripts(t *testing.T) {
	announcers(t)
	for _, c := range []struct{ name, script, word, addr, want string }{
		{"everything named", "IPaddr2", "10.88.0.50/24/eth0", "10.88.0.50", "10.88.0.50/24 brd 10.88.0.255 scope global secondary eth0"},
		{"with a label", "IPaddr2", "10.88.0.50/24/eth0:0", "10.88.0.50", "10.88.0.50/24 brd 10.88.0.255 scope global secondary eth0:0"},
		{"from the routes", "IPaddr2", "10.88.0.50", "10.88.0.50", "10.88.0.50/24 brd 10.88.0.255 scope global secondary eth0"},
		{"mask from the routes", "IPaddr2", "10.88.0.50//eth0", "10.88.0.50", "10.88.0.50/24 brd 10.88.0.255 scope global secondary eth0"},
		{"broadcast address", "IPaddr2", "10.88.0.50/24/eth0/10.88.0.127", "10.88.0.50", "10.88.0.50/24 brd 10.88.0.127 scope global secondary eth0"},
		{"broadcast in the interface's place", "IPaddr2", "10.88.0.50/24/10.88.0.127", "10.88.0.50", "10.88.0.50/24 brd 10.88.0.127 scope global secondary eth0"},
		{"host address", "IPaddr2", "10.99.0.50/32/eth0", "10.99.0.50", "10.99.0.50/32 scope global eth0"},
		{"another network", "IPaddr2", "10.99.0.50/16/eth0", "10.99.0.50", "10.99.0.50/16 brd 10.99.255.255 scope global eth0"},
		{"IPv6 through IPaddr2", "IPaddr2", "fd88::50/64/eth0", "fd88::50", "fd88::50/64 scope global nodad"},
		{"next free label", "IPaddr", "10.88.0.50", "10.88.0.50", "10.88.0.50/24 brd 10.88.0.255 scope global secondary eth0:0"},
		{"dotted mask", "IPaddr", "10.88.0.50/255.255.255.0/eth0", "10.88.0.50", "10.88.0.50/24 brd 10.88.0.255 scope global secondary eth0:0"},
		{"own label", "IPaddr", "10.88.0.50/24/eth0:7", "10.88.0.50", "10.88.0.50/24 brd 10.88.0.255 scope global secondary eth0:7"},
		{"IPv6", "IPv6addr", "fd88::50/64/eth0", "fd88::50", "fd88::50/64 scope global nodad"},
		{"IPv6 from the routes", "IPv6addr", "fd88::50", "fd88::50", "fd88::50/64 scope global nodad"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cycle(t, has(c.addr), c.script, c.word)
			run(t, c.script, c.word, "start").ok(t)
			out := strings.ReplaceAll(command(t, "ip", "-o", "addr", "show", "dev", "eth0"), "\\", " ")
			if !strings.Contains(out, " "+c.want+" ") {
				t.Errorf("addresses:\n%s\nwant %s", out, c.want)
			}
			run(t, c.script, c.word, "stop").ok(t)
		})
	}
}

// Arguments of IPv6addr as the original splits them: at every "::".
func TestIPv6addrSplitByTheOriginal(t *testing.T) {
	announcers(t)
	cycle(t, has("fd88::50"), "IPv6addr", "fd88", "50/64/eth0")
}

// Two addresses without labels get two labels, and ifconfig shows both.
func TestLabelsAreDistinct(t *testing.T) {
	announcers(t)
	run(t, "IPaddr", "10.88.0.50", "start").ok(t)
	run(t, "IPaddr", "10.88.0.51", "start").ok(t)
	out := command(t, "ip", "-o", "-4", "addr", "show", "dev", "eth0")
	if !strings.Contains(out, " eth0:0\\") || !strings.Contains(out, " eth0:1\\") {
		t.Errorf("labels:\n%s", out)
	}
	run(t, "IPaddr", "10.88.0.50", "stop").ok(t)
	if has("10.88.0.50")() || !has("10.88.0.51")() {
		t.Error("the wrong address was taken away")
	}
	run(t, "IPaddr", "10.88.0.51", "stop").ok(t)
}

func TestAddressFailures(t *testing.T) {
	announcers(t)
	for _, c := range []struct{ script, word, say string }{
		{"IPaddr2", "10.77.1.1", "no interface has a network that holds 10.77.1.1"},
		{"IPaddr2", "10.88.0.50/24/eth9", "cannot put 10.88.0.50/24 on interface eth9"},
		{"IPaddr2", "10.88.0.500/24/eth0", "is no address"},
		{"IPaddr2", "10.88.0.50/33/eth0", "is no address"},
		{"IPaddr2", "10.88.0.50/255.0.255.0/eth0", "is no address"},
		{"IPaddr2", "fd88:::1/64/eth0", "is no address"},
		{"IPaddr", "nonsense", "is no address"},
	} {
		run(t, c.script, c.word, "start").fails(t, c.say)
		status(t, false, c.script, c.word)
		run(t, c.script, c.word, "stop").ok(t) // a stop of what was never started
	}
	if s := called(); s != "" {
		t.Errorf("a failed start was announced: %s", s)
	}
	run(t, "IPaddr2", "10.88.0.50").fails(t, "usage: ")
	run(t, "IPaddr2", "10.88.0.50", "dance").fails(t, "Unknown operation: dance")
}

// The address that came first on its network must not take the others with it.
func TestStopKeepsOtherAddresses(t *testing.T) {
	announcers(t)
	sw := "/proc/sys/net/ipv4/conf/eth0/promote_secondaries"
	command(t, "sh", "-c", "echo 0 >/proc/sys/net/ipv4/conf/all/promote_secondaries; echo 0 >"+sw)
	run(t, "IPaddr2", "10.66.0.1/24/eth0", "start").ok(t)
	run(t, "IPaddr2", "10.66.0.2/24/eth0", "start").ok(t)
	run(t, "IPaddr2", "10.66.0.1/24/eth0", "stop").ok(t)
	if has("10.66.0.1")() || !has("10.66.0.2")() {
		t.Errorf("addresses after the stop:\n%s", command(t, "ip", "-o", "addr"))
	}
	if s := read(sw); s != "0\n" {
		t.Errorf("promote_secondaries is left at %q", s)
	}
	run(t, "IPaddr2", "10.66.0.2/24/eth0", "stop").ok(t)
}

// An address with another mask, or on another interface if none is named, is found.
func TestStatusFindsAddressHoweverItCame(t *testing.T) {
	announcers(t)
	command(t, "ip", "addr", "add", "10.88.0.60/16", "dev", "eth0")
	status(t, true, "IPaddr2", "10.88.0.60")
	status(t, true, "IPaddr2", "10.88.0.60/24/eth0")
	status(t, false, "IPaddr2", "10.88.0.60/24/wire")
	status(t, false, "IPaddr2", "10.88.0.6/24/eth0") // a prefix of the text is not the address
	run(t, "IPaddr2", "10.88.0.60", "stop").ok(t)
	if has("10.88.0.60")() {
		t.Error("stop left it")
	}
	// On the loopback interface it is not served to anyone.
	command(t, "ip", "addr", "add", "10.88.0.61/32", "dev", "lo")
	status(t, false, "IPaddr2", "10.88.0.61")
	command(t, "ip", "addr", "del", "10.88.0.61/32", "dev", "lo")
}

// Start announces in the background: it does not wait for the announcer.
func TestAnnouncementDoesNotHoldUpStart(t *testing.T) {
	tool(t, "send_arp", `while [ "$1" != -p ]; do shift; done; echo $$ >"$2"; exec sleep 60`)
	called()
	r := run(t, "IPaddr2", "10.88.0.50/24/eth0", "start").ok(t)
	if r.took > 2*time.Second {
		t.Errorf("start took %s", r.took)
	}
	want := "send_arp -i 200 -r 5 -p /run/resource-agents/send_arp-10.88.0.50 eth0 10.88.0.50 auto not_used not_used\n"
	eventually(t, "the announcement", func() bool { return read(calls) == want })
	pidfile := "/run/resource-agents/send_arp-10.88.0.50"
	eventually(t, "its pid file", func() bool { return read(pidfile) != "" })
	pid := strings.TrimSpace(read(pidfile))
	run(t, "IPaddr2", "10.88.0.50/24/eth0", "stop").ok(t)
	// "sleep" is not send_arp: a foreign process of that number must be left alone.
	if read("/proc/"+pid+"/comm") != "sleep\n" {
		t.Error("a process that is no announcer was killed")
	}
	command(t, "kill", pid)
}

func TestStopEndsAnnouncer(t *testing.T) {
	tool(t, "send_arp", `while [ "$1" != -p ]; do shift; done; echo $$ >"$2"; while :; do sleep 0.05; done`)
	run(t, "IPaddr2", "10.88.0.50/24/eth0", "start").ok(t)
	pidfile := "/run/resource-agents/send_arp-10.88.0.50"
	eventually(t, "its pid file", func() bool { return read(pidfile) != "" })
	pid := strings.TrimSpace(read(pidfile))
	run(t, "IPaddr2", "10.88.0.50/24/eth0", "stop").ok(t)
	eventually(t, "the announcer's end", func() bool { return !strings.Contains(read("/proc/"+pid+"/cmdline"), "send_arp") })
}

func TestSendArp(t *testing.T) {
	announcers(t)
	cycle(t, nil, "SendArp", "10.88.0.70/eth0")
	eventually(t, "the announcement", func() bool { return strings.Contains(read(calls), " eth0 10.88.0.70 auto ") })
	if has("10.88.0.70")() {
		t.Error("SendArp added the address")
	}
	run(t, "SendArp", "10.88.0.70", "start").fails(t, "is not ADDRESS/INTERFACE")
}

func TestIPsrcaddr(t *testing.T) {
	announcers(t)
	source := func() string {
		out, _ := exec.Command("ip", "-o", "route", "get", "192.0.2.1").Output()
		_, rest, _ := strings.Cut(string(out), " src ")
		src, _, _ := strings.Cut(rest, " ")
		return src
	}
	run(t, "IPsrcaddr", "10.88.0.50", "start").fails(t, "there is no default route")
	run(t, "IPsrcaddr", "10.88.0.50", "stop").ok(t)
	command(t, "ip", "route", "add", "default", "via", "10.88.0.254", "dev", "eth0", "metric", "50")
	defer command(t, "ip", "route", "del", "default")
	run(t, "IPsrcaddr", "10.88.0.50", "start").fails(t, "10.88.0.50 is not an address of this machine")
	run(t, "IPaddr2", "10.88.0.50/24/eth0", "start").ok(t)
	cycle(t, func() bool { return source() == "10.88.0.50" }, "IPsrcaddr", "10.88.0.50")
	if s := source(); s != "10.88.0.1" {
		t.Errorf("source address after the stop: %s", s)
	}
	run(t, "IPaddr2", "10.88.0.50/24/eth0", "stop").ok(t)
}
