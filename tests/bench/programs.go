//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"classicha/tests/lab"
)

const vip = "192.168.77.100"

// timers of a setting. Keepalived declares a death after three advertisements
// and a little; its interval is chosen for a dead time near the given one.
type timers struct {
	name      string
	keepalive string
	deadtime  string
	dead      time.Duration
	advert    string
	phase     time.Duration // interval of the packets
}

var (
	slow = timers{"keepalive 1 s, deadtime 3 s", "1", "3", 3 * time.Second, "1", time.Second}
	fast = timers{"keepalive 50 ms, deadtime 200 ms", "50ms", "200ms", 200 * time.Millisecond, "0.07", 50 * time.Millisecond}
)

// program is one of the cluster programs compared.
type program interface {
	name() string
	options(t timers) lab.Options
	start(n *lab.Node) error
	// ready says whether both nodes run and nothing is in transition.
	ready(l *lab.Lab) bool
	// deadText is in the log line of the survivor that says the other is dead.
	deadText(dead *lab.Node) string
	// deadAfter is the time without packets that the program was told to wait.
	deadAfter(t timers) time.Duration
	packets(f lab.Frame) bool
	own(p lab.Process) bool
}

// choose makes the programs that can be had here, and says what cannot.
func choose(names []string, scratch string) ([]program, error) {
	var out []program
	for _, n := range names {
		why := ""
		switch n {
		case "ours":
			img, err := lab.Install(".", scratch)
			if err != nil {
				return nil, err
			}
			out = append(out, heartbeat{"ours", img})
		case "real":
			if why = lab.RealMissing(); why == "" {
				out = append(out, heartbeat{"real", lab.Real})
			}
		case "keepalived":
			if _, err := os.Stat("/usr/sbin/keepalived"); err != nil {
				why = "package keepalived is not installed"
			} else {
				out = append(out, keepalived{})
			}
		default:
			return nil, fmt.Errorf("no program %q", n)
		}
		if why != "" {
			fmt.Printf("%s is left out: %s\n", n, why)
		}
	}
	return out, nil
}

// heartbeat is ours or the real one.
type heartbeat struct {
	word  string
	image *lab.Image
}

// stamped calls the IPaddr2 script and records its start and end, in seconds.
const stamped = `#!/bin/bash
t=$EPOCHREALTIME
/etc/ha.d/resource.d/IPaddr2 "$@"
rc=$?
echo "$t $EPOCHREALTIME $*" >>/var/log/stamps
exit $rc
`

func (h heartbeat) name() string { return h.word }

func (h heartbeat) options(t timers) lab.Options {
	return lab.Options{
		Nodes: []lab.NodeSpec{{Name: "node1", Host: 1, Image: h.image}, {Name: "node2", Host: 2, Image: h.image}},
		Files: map[string]string{
			"ha.cf": strings.Join([]string{"logfacility local0", "keepalive " + t.keepalive, "deadtime " + t.deadtime, "warntime " + t.deadtime,
				"initdead 10", "udpport 694", "bcast eth0", "auto_failback off", "node node1 node2", ""}, "\n"),
			"haresources":        "node1 Stamped::" + vip + "/24/eth0\n",
			"authkeys":           "auth 1\n1 sha1 benchmark\n",
			"resource.d/Stamped": stamped,
		},
		Lines: [][2]string{},
	}
}

func (h heartbeat) start(n *lab.Node) error { return n.Start() }

func (h heartbeat) ready(l *lab.Lab) bool {
	for i, n := range l.Nodes {
		if hold := n.Holding(); hold == "" || hold == "transition" || n.Sees(l.Nodes[1-i].Name()) != "active" {
			return false
		}
	}
	return true
}

func (h heartbeat) deadText(dead *lab.Node) string   { return "node " + dead.Name() + ": is dead" }
func (h heartbeat) deadAfter(t timers) time.Duration { return t.dead }
func (h heartbeat) packets(f lab.Frame) bool         { return lab.Heartbeats(f) }
func (h heartbeat) own(p lab.Process) bool           { return p.IsHeartbeat() }

// keepalived keeps one address by VRRP version 3, without preemption.
type keepalived struct{}

func (keepalived) name() string { return "keepalived" }

func (keepalived) options(t timers) lab.Options {
	conf := `global_defs {
  vrrp_version 3
  vrrp_startup_delay 0
}
vrrp_instance bench {
  state BACKUP
  nopreempt
  interface eth0
  virtual_router_id 51
  priority 250
  advert_int ` + t.advert + `
  virtual_ipaddress {
    ` + vip + `/24 dev eth0
  }
}
`
	return lab.Options{Files: map[string]string{"keepalived.conf": conf}, Lines: [][2]string{}}
}

func (keepalived) start(n *lab.Node) error {
	r := n.Run("/usr/sbin/keepalived", "-D", "-f", "/etc/ha.d/keepalived.conf", "-p", "/run/keepalived.pid", "-r", "/run/keepalived_vrrp.pid")
	if r.Code != 0 {
		return fmt.Errorf("keepalived: exit code %d: %s", r.Code, r.Out)
	}
	return nil
}

func (k keepalived) ready(l *lab.Lab) bool {
	for _, n := range l.Nodes {
		up := 0
		for _, p := range n.Processes() {
			if k.own(p) {
				up++
			}
		}
		if up < 2 { // parent and the VRRP process
			return false
		}
	}
	return true
}

func (keepalived) deadText(*lab.Node) string { return "Entering MASTER STATE" }

// deadAfter is three intervals and the skew of priority 250 (RFC 5798, 6.1).
func (keepalived) deadAfter(t timers) time.Duration {
	advert := map[string]time.Duration{slow.advert: time.Second, fast.advert: 70 * time.Millisecond}[t.advert]
	return 3*advert + advert*6/256
}
func (keepalived) packets(f lab.Frame) bool { return lab.VRRP(f) }
func (keepalived) own(p lab.Process) bool   { return p.Exe == "keepalived" }
