package lab

import (
	"fmt"
	"os/exec"
	"sort"
	"strings"
)

// fabric is what the switches do to frames between nodes, besides forwarding.
// It is kept as nftables rules of the hub's bridges: no carrier is lost, and
// each direction can be treated alone. The hub itself always hears everyone.
type fabric struct {
	lossPermille int
	cut          map[direction]bool
	on           bool // rules are loaded
}

// direction is one way between two nodes, on one segment or on all.
type direction struct {
	from, to string
	seg      int
}

const everySegment = -1

// SetLoss drops the given share of frames between nodes, at random.
func (l *Lab) SetLoss(percent float64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fabric.lossPermille = int(percent * 10)
	return l.loadFabric()
}

// CutOneWay drops all frames from one node to another, on all segments.
func (l *Lab) CutOneWay(from, to string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fabric.cut[direction{from, to, everySegment}] = true
	return l.loadFabric()
}

// CutSegment drops all frames from one node to another on one segment.
func (l *Lab) CutSegment(seg int, from, to string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fabric.cut[direction{from, to, seg}] = true
	return l.loadFabric()
}

// Partition cuts all Ethernet segments and serial lines between the nodes. The
// client in the hub reaches all of them still.
func (l *Lab) Partition() error {
	for _, line := range l.lines {
		line.Cut()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.Nodes {
		for _, b := range l.Nodes {
			if a != b {
				l.fabric.cut[direction{a.spec.Name, b.spec.Name, everySegment}] = true
			}
		}
	}
	return l.loadFabric()
}

// Heal undoes SetLoss, CutOneWay, CutSegment and Partition.
func (l *Lab) Heal() error {
	for _, line := range l.lines {
		line.Join()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fabric.lossPermille = 0
	clear(l.fabric.cut)
	return l.loadFabric()
}

// loadFabric makes the rules what the fields say, in one transaction.
func (l *Lab) loadFabric() error {
	f := &l.fabric
	var rules []string
	for c := range f.cut {
		for i := range l.opt.Segments {
			if c.seg == i || c.seg == everySegment {
				rules = append(rules, fmt.Sprintf("iifname %q oifname %q drop", portName(c.from, i), portName(c.to, i)))
			}
		}
	}
	sort.Strings(rules)
	if f.lossPermille > 0 {
		rules = append(rules, fmt.Sprintf("numgen random mod 1000 < %d drop", f.lossPermille))
	}
	if len(rules) == 0 && !f.on {
		return nil
	}
	f.on = true
	text := "add table bridge lab\ndelete table bridge lab\ntable bridge lab {\nchain f {\ntype filter hook forward priority 0\n" +
		strings.Join(rules, "\n") + "\n}\n}\n"
	out := new(strings.Builder)
	err := l.hub.do(func() error {
		nft := exec.Command("nft", "-f", "-")
		nft.Stdin, nft.Stdout, nft.Stderr = strings.NewReader(text), out, out
		return nft.Run()
	})
	if err != nil {
		return fmt.Errorf("nft (package nftables): %w: %s", err, strings.TrimSpace(out.String()))
	}
	return nil
}
