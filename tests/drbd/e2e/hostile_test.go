package e2e

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/wire"
	"classicha/tests/drbd/rig"
)

const impatient = "timeout 20; ping-timeout 5; ping-int 1; connect-int 1;"

// TestStrangers: from the peer's own address come garbage, silence, zeroes, wrong
// lengths and a flood of connections while the resource is connected, and while it
// looks for its peer. Replication goes on, memory does not grow, and the log has a
// line for each kind, not one for each packet.
func TestStrangers(t *testing.T) {
	need(t)
	t.Parallel()
	r := synced(t, rig.Options{Conf: conf(impatient, "")})
	kib := rss(r.B)
	long := wire.Initial.AppendHeader(nil, wire.CmdInitialData, 0, 0xffff)
	attacks := map[string][]byte{"silence": nil, "garbage": garbage(1 << 20), "zeroes": make([]byte, 1<<20), "a long first packet": append(long, garbage(1<<20)...)}
	attack := func() {
		for what, text := range attacks {
			r.Step("%s", what)
			c, err := r.A.Dial("130.66.201.2:7788")
			if err != nil {
				continue // a connected resource does not listen
			}
			c.SetDeadline(time.Now().Add(3 * time.Second))
			c.Write(text)
			io.Copy(io.Discard, c)
			c.Close()
		}
		r.Step("a flood of connections")
		var all []net.Conn
		for range 400 {
			if c, err := r.A.Dial("130.66.201.2:7788"); err == nil {
				all = append(all, c)
			}
		}
		for _, c := range all {
			c.Close()
		}
	}
	attack()
	r.A.Do("dd", "if=/dev/urandom", "of=/dev/drbd0", "bs=64k", "count=20", "oflag=direct", "status=none")
	r.A.Expect(primary, soon)
	r.Step("now while serv-b looks for its peer")
	r.A.Do("drbdadm", "disconnect", "r0")
	r.B.Expect("WFConnection Secondary/Unknown */*", soon)
	mark := len(r.B.DaemonLog())
	attack()
	if n := strings.Count(r.B.DaemonLog()[mark:], "\n"); n > 40 {
		t.Errorf("%d lines in the log of serv-b:\n%s", n, r.B.DaemonLog()[mark:])
	}
	r.A.Do("drbdadm", "connect", "r0")
	r.A.Expect(primary, syncLimit)
	if now := rss(r.B); now > kib+32<<10 {
		t.Errorf("serv-b's drbdd grew from %d to %d KiB", kib, now)
	}
	r.Equal("sda1", r.A.DeviceSize(0))
}

// imposture is what a peer does after a proper handshake.
type imposture struct {
	name string
	do   func(data, meta net.Conn)
}

var impostures = []imposture{
	{"garbage", func(data, _ net.Conn) { data.Write(garbage(1 << 20)) }},
	{"garbage on the meta socket", func(_, meta net.Conn) { meta.Write(garbage(1 << 16)) }},
	{"a packet of 2 GiB", func(data, _ net.Conn) {
		data.Write(today.AppendHeader(nil, wire.CmdData, 0, 0x7ffffff0))
		data.Write(garbage(1 << 20))
	}},
	{"an unknown packet", func(data, _ net.Conn) { data.Write(append(today.AppendHeader(nil, 0x77, 0, 8), garbage(8)...)) }},
	{"a write before anything was agreed", func(data, _ net.Conn) {
		p := wire.Packet{Cmd: wire.CmdData, Body: wire.Data{Sector: 8, BlockID: 1}, Payload: garbage(4096)}
		data.Write(today.Append(nil, &p))
	}},
	{"a flood of pings", func(_, meta net.Conn) {
		ping := today.AppendHeader(nil, wire.CmdPing, 0, 0)
		meta.Write([]byte(strings.Repeat(string(ping), 100000)))
	}},
	{"nothing", func(data, _ net.Conn) { io.Copy(io.Discard, data) }},
}

var mirror = imposture{"our own packets sent back", func(data, meta net.Conn) {
	go io.Copy(meta, meta)
	io.Copy(data, data)
}}

var today = wire.Dialect{Version: wire.MaxVersion, Features: wire.AllFeatures}

// TestImpostor: the peer itself goes mad after a proper handshake. That costs the
// connection and some lines of the log, and the next try may be good again.
func TestImpostor(t *testing.T) {
	need(t)
	t.Parallel()
	r := synced(t, rig.Options{Conf: conf(impatient, "")})
	r.B.Do("drbdadm", "down", "r0")
	r.A.Expect(alone, soon)
	for _, i := range impostures {
		r.Step("%s", i.name)
		mark := len(r.A.DaemonLog())
		met := false
		for try := 0; try < 20 && !met; try++ {
			met = pose(t, r, i)
		}
		if !met {
			t.Fatalf("%s: no handshake with serv-a", i.name)
		}
		r.A.Expect(alone, soon)
		r.A.Do("dd", "if=/dev/urandom", "of=/dev/drbd0", "bs=64k", "count=2", "oflag=direct", "status=none")
		if n := strings.Count(r.A.DaemonLog()[mark:], "\n"); n > 25 {
			t.Errorf("%s: %d lines:\n%s", i.name, n, r.A.DaemonLog()[mark:])
		}
	}
	r.Step("our own packets sent back: another Primary, it seems")
	for try := 0; try < 20 && !pose(t, r, mirror); try++ {
	}
	r.A.Expect("StandAlone Primary/Unknown UpToDate/*", soon)
	r.A.Do("drbdadm", "connect", "r0")
	if s := r.A.Volume(0).OOS; s != 32 {
		t.Errorf("%d blocks out of sync, the same 32 were written each time", s)
	}
	r.B.Do("drbdadm", "up", "r0")
	r.A.Expect(primary, syncLimit)
	r.Equal("sda1", r.A.DeviceSize(0))
}

// pose shakes hands with serv-a as serv-b would, and then does what the imposture
// says until serv-a hangs up. False: serv-a was busy with its own attempt.
func pose(t *testing.T, r *rig.Rig, i imposture) bool {
	var conns [2]net.Conn
	for n, cmd := range []wire.Command{wire.CmdInitialData, wire.CmdInitialMeta} {
		c, err := r.B.Dial("130.66.201.1:7788")
		if err != nil {
			time.Sleep(100 * time.Millisecond)
			return false
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(8 * time.Second))
		c.Write(wire.Initial.AppendHeader(nil, cmd, 0, 0))
		conns[n] = c
	}
	own := wire.OwnFeatures(wire.AllFeatures).Append(nil)
	head := wire.Initial.AppendHeader(nil, wire.CmdFeatures, 0, len(own))
	conns[0].Write(append(head, own...))
	if _, err := io.ReadFull(conns[0], make([]byte, len(head)+len(own))); err != nil {
		return false
	}
	if i.name != mirror.name {
		go io.Copy(io.Discard, conns[1])
	}
	i.do(conns[0], conns[1])
	_, err := io.Copy(io.Discard, conns[0])
	if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Errorf("%s: serv-a does not hang up", i.name)
	}
	return true
}

func garbage(n int) []byte {
	p := make([]byte, n)
	rand.Read(p)
	return p
}

// rss is the resident memory of the daemon in KiB.
func rss(n *rig.Node) (kib int) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.Daemon()))
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fmt.Sscan(v, &kib)
		}
	}
	return kib
}
