package tools

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"classicha/heartbeatd/netaddr/nstest"
	"github.com/vishvananda/netlink"
)

// findIfCases were run with findif of resource-agents 4.12.0-2 in a namespace like
// that of the test: eth0 192.168.50.1/24, eth1 192.168.50.129/25, a default route
// by eth0. env is ip, netmask, broadcast, nic ("-" for unset).
var findIfCases = []struct {
	env, args string
	code      int
	stdout    string
	stderr    string // its first line
}{
	{"192.168.50.9 - - -", "", 0, "eth0\tnetmask 255.255.255.0\tbroadcast 192.168.50.255\n", ""},
	{"192.168.50.9 - - -", "-C", 0, "eth0\tnetmask 24\tbroadcast 192.168.50.255\n", ""},
	{"192.168.50.200 - - -", "-C", 0, "eth1\tnetmask 25\tbroadcast 192.168.50.255\n", ""},
	{"192.168.50.9 26 - -", "-C", 0, "eth0\tnetmask 26\tbroadcast 192.168.50.63\n", ""},
	{"192.168.50.9 255.255.255.192 - -", "", 0, "eth0\tnetmask 255.255.255.192\tbroadcast 192.168.50.63\n", "Converted dotted-quad netmask to CIDR as: 26"},
	{"192.168.50.9 255.0.255.0 - -", "-C", 0, "eth0\tnetmask 24\tbroadcast 192.168.50.255\n", "Converted dotted-quad netmask to CIDR as: 24"},
	{"192.168.50.9 1 - -", "", 0, "eth0\tnetmask 128.0.0.0\tbroadcast 255.255.255.255\n", ""},
	{"192.168.50.9 31 - -", "", 0, "eth0\tnetmask 255.255.255.254\tbroadcast 192.168.50.9\n", ""},
	{"192.168.50.9 32 - -", "", 0, "eth0\tnetmask 255.255.255.255\tbroadcast 192.168.50.9\n", ""},
	{"192.168.50.9 - 10.0.0.1 -", "-C", 0, "eth0\tnetmask 24\tbroadcast 10.0.0.1\n", ""},
	{"192.168.50.9 - - eth0", "-C", 0, "eth0\tnetmask 32\tbroadcast 192.168.50.9\n", ""},
	{"192.168.50.9 24 - eth0:0", "-C", 0, "eth0:0\tnetmask 24\tbroadcast 192.168.50.255\n", "eth0:0: warning: name may be invalid"},
	{"192.168.50.9 32 - lo", "-C", 0, "lo\tnetmask 32\tbroadcast 192.168.50.9\n", ""},
	{"8.8.8.8 24 - eth1", "", 0, "eth1\tnetmask 255.255.255.0\tbroadcast 8.8.8.255\n", ""},
	{"8.8.8.8 24 - -", "", 0, "eth0\tnetmask 255.255.255.0\tbroadcast 8.8.8.255\n", ""},
	{"8.8.8.8 - - -", "", 1, "", "ERROR: Cannot use default route w/o netmask [8.8.8.8]"},
	{"- - - -", "", 6, "", "ERROR: IP address parameter is mandatory."},
	{"bogus - - -", "", 6, "", "IP address [bogus] not valid."},
	{"1.2.3 - - -", "", 6, "", "IP address [1.2.3] not valid."},
	{"192.168.50.9/24 - - -", "", 6, "", "IP address [192.168.50.9/24] not valid."},
	{"192.168.050.09 - - -", "", 6, "", "IP address [192.168.050.09] not valid."},
	{"192.168.50.9 33 - -", "", 6, "", "Invalid netmask specification [33]"},
	{"192.168.50.9 0 - -", "", 6, "", "Invalid netmask specification [0]"},
	{"192.168.50.9 24x - -", "", 6, "", "Invalid netmask specification [24x]"},
	{"192.168.50.9 0.0.0.0 - -", "", 6, "", "Converted dotted-quad netmask to CIDR as: -1"},
	{"192.168.50.9 255.255.255 - -", "", 6, "", "Converted dotted-quad netmask to CIDR as: -1"},
	{"192.168.50.9 - bogus -", "", 6, "", "Invalid broadcast address [bogus]."},
	{"192.168.50.9 - - eth9", "", 6, "", "eth9: unknown interface: No such device"},
	{"192.168.50.9 - - -", "-C x", 2, "", ""},
	{"192.168.50.9 - - -", "-x", 2, "", ""},
}

func findIfSpace(t *testing.T) *nstest.Space {
	t.Helper()
	a, b := nstest.Pair(t)
	nstest.Cable(t, a, "eth1", b, "eth1")
	a.Addr(t, "eth0", "192.168.50.1/24")
	a.Addr(t, "eth1", "192.168.50.129/25")
	a.Addr(t, "eth1", "2001:db8::1/64")
	if err := a.Netlink().RouteAdd(&netlink.Route{Gw: []byte{192, 168, 50, 2}}); err != nil {
		t.Fatal(err)
	}
	return a
}

func setFindIfEnv(t *testing.T, env string) {
	t.Helper()
	for i, value := range strings.Fields(env) {
		name := "OCF_RESKEY_" + [...]string{"ip", "cidr_netmask", "broadcast", "nic"}[i]
		t.Setenv(name, value)
		if value == "-" {
			os.Unsetenv(name)
		}
	}
}

func TestFindIf(t *testing.T) {
	a := findIfSpace(t)
	for _, c := range findIfCases {
		setFindIfEnv(t, c.env)
		code, stdout, stderr := in(a, findIf, strings.Fields(c.args)...)
		first, _, _ := strings.Cut(stderr, "\n")
		if code != c.code || stdout != c.stdout || first != c.stderr {
			t.Errorf("%s, %q: exit code %d, %q, %q\nwant %d, %q, %q", c.env, c.args, code, stdout, first, c.code, c.stdout, c.stderr)
		}
		if usage := strings.Contains(stderr, "Usage: "); usage != (code == 2 || code == 6) {
			t.Errorf("%s, %q: usage printed: %v", c.env, c.args, usage)
		}
	}
	setFindIfEnv(t, "2001:db8::5 - - -")
	if code, stdout, _ := in(a, findIf); code != 0 || stdout != "eth1\tnetmask 64\tbroadcast \n" {
		t.Errorf("IPv6: exit code %d, %q", code, stdout)
	}
}

// The table above is what the real one says, where that is installed.
func TestFindIfTableAgainstTheReal(t *testing.T) {
	const real = "/usr/libexec/heartbeat/findif"
	if b, err := os.ReadFile(real); err != nil || !bytes.Contains(b, []byte("Alan Robertson")) {
		t.Skip("skipped: the findif of resource-agents is not installed")
	}
	a := findIfSpace(t)
	for _, c := range findIfCases {
		setFindIfEnv(t, c.env)
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(real, strings.Fields(c.args)...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		a.Do(cmd.Run)
		first, _, _ := strings.Cut(stderr.String(), "\n")
		if code := cmd.ProcessState.ExitCode(); code != c.code || stdout.String() != c.stdout || first != c.stderr {
			t.Errorf("%s, %q: the real one: exit code %d, %q, %q\ntable: %d, %q, %q", c.env, c.args, code, stdout.String(), first, c.code, c.stdout, c.stderr)
		}
	}
}
