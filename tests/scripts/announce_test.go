package scripts

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/mdlayher/packet"
)

const etherARP = 0x0806

// With the project's own send_arp: the neighbour at the other end of the cable hears
// of the address while start is hardly over.
func TestAnnouncementIsHeard(t *testing.T) {
	bin := t.TempDir() + "/heartbeatd"
	build := exec.Command("go", "build", "-o", bin, "./heartbeatd")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("heartbeatd cannot be built: %s", out)
	}
	for _, name := range []string{"send_arp", "send_ua"} {
		if err := os.Symlink(bin, "/run/bin/"+name); err != nil {
			t.Fatal(err)
		}
		defer os.Remove("/run/bin/" + name)
	}
	wire, err := net.InterfaceByName("wire")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := packet.Listen(wire, packet.Raw, etherARP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begin := time.Now()
	run(t, "IPaddr2", "10.88.0.50/24/eth0", "start").ok(t)
	defer run(t, "IPaddr2", "10.88.0.50/24/eth0", "stop")
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	var request, reply bool
	buf := make([]byte, 2048)
	for !request || !reply {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			t.Fatalf("heard request %v, reply %v: %v", request, reply, err)
		}
		if n < 42 || netip.AddrFrom4([4]byte(buf[28:32])) != netip.MustParseAddr("10.88.0.50") {
			continue
		}
		if !request && !reply {
			t.Logf("first announcement after %s", time.Since(begin))
		}
		switch binary.BigEndian.Uint16(buf[20:22]) {
		case 1:
			request = true
		case 2:
			reply = true
		}
	}
}
