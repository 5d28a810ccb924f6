package drbdadm

import (
	"fmt"
	"strings"
	"time"

	"classicha/drbdd/control"
	md "classicha/drbdd/metadata"
	"classicha/drbdd/replica"
	"classicha/drbdd/replica/gi"
	"classicha/drbdd/wire"
)

// split is all that is known of both copies of a volume on this node.
type split struct {
	name, res  string
	host, peer string
	v          replica.VolumeView
	said       control.Split
	now        time.Time
	b          strings.Builder
}

func (s *split) line(format string, a ...any) { fmt.Fprintf(&s.b, format+"\n", a...) }

// report is the text and the exit code.
func (s *split) report() (string, int) {
	if s.peer == "" {
		s.peer = "the peer"
	}
	code := s.judge()
	return s.b.String(), code
}

// judge compares as the handshake does. What the peer said counts only if the nodes
// did not agree then: what they agreed on is the past of both.
func (s *split) judge() int {
	v, p := &s.v, s.said.Peer
	if v.Conn >= wire.Connected {
		s.line("%s: no split brain: the nodes are connected (%s).", s.name, v.Conn)
		return 0
	}
	changed := v.UUIDs.Bitmap != 0 && v.UUIDs.Current&^1 != md.JustCreated
	if p != nil && !p.Accepted {
		switch c := gi.Compare(s.compare(p.UUIDs)); {
		case c.Result == gi.SplitBrain || c.Result == gi.HardSplitBrain:
			s.found()
			return splitFound
		case c.Result == gi.Unrelated:
			s.line("%s: no split brain, but unrelated data: the two disks have no generation in common.", s.name)
			s.line("  Decide which one counts. On the other node: drbdadm down, create-md, up; it is copied as a whole then.")
			return 0
		case c.Result < 0:
			s.line("%s: no split brain: %s has newer data (as it said %s), and this node changed nothing of its own.", s.name, s.peer, s.heard())
			return 0
		case c.Result == 0:
			s.line("%s: no split brain: both copies are of the same generation (as %s said %s).", s.name, s.peer, s.heard())
			return 0
		}
	}
	if !changed {
		s.line("%s: no split brain: this node changed nothing since it last agreed with %s.", s.name, s.peer)
		s.line("  The connection is %s; whether %s changed something is not known here, and does no harm.", v.Conn, s.peer)
		return 0
	}
	s.line("%s: this node changed its copy; whether %s changed its copy, too, is not known here.", s.name, s.peer)
	s.own()
	switch {
	case p == nil:
		s.line("  %s: nothing was heard of it since drbdd runs here.", s.peer)
	case p.Accepted:
		s.line("  %s: last heard %s, before the copies parted.", s.peer, s.heard())
	default:
		s.line("  %s: as it said %s, it had changed nothing of its own.", s.peer, s.heard())
	}
	s.line("  The connection is %s. Ask there as well: drbdadm split-brain %s", v.Conn, s.res)
	return splitUnknown
}

func (s *split) compare(u wire.UUIDs) gi.CompareInput {
	return gi.CompareInput{
		Self: s.v.UUIDs, Peer: md.UUIDs{Current: u.Current, Bitmap: u.Bitmap, History0: u.History0, History1: u.History1},
		SelfPrimary: s.v.Role == wire.Primary, PeerPrimary: s.said.Peer.Role == wire.Primary,
		SelfCrashed: s.v.Flags.Has(md.CrashedPrimary), PeerCrashed: u.Flags&wire.UUIDCrashedPrimary != 0,
		Version: wire.MaxVersion, Features: wire.AllFeatures,
	}
}

// heard is when the peer said what we know of it.
func (s *split) heard() string { return s.at(s.said.Peer.At) }

func (s *split) at(ns int64) string {
	t := time.Unix(0, ns)
	return fmt.Sprintf("at %s, %s ago", stamp(t), max(0, s.now.Sub(t)).Round(time.Second))
}

// own tells of this node's copy.
func (s *split) own() {
	v, g := &s.v, &s.said
	s.line("  %s (this node): %s changed", s.host, amount(v.OOS))
	since, known := "not known: it began before this drbdd saw the disk, see the log for \"new current UUID\"", g.Current == v.UUIDs.Current&^1 && g.Since != 0
	if known {
		since = s.at(g.Since)
	}
	s.line("    since:      %s", since)
	role := v.Role.String() + " now"
	if known {
		role = g.Role.String() + " then, " + role
	}
	if v.Role != wire.Primary && g.Until > 0 {
		role += ", was Primary until " + stamp(time.Unix(0, g.Until))
	}
	s.line("    role:       %s", role)
	s.line("    generation: %016X, of %016X", v.UUIDs.Current, v.UUIDs.Bitmap)
}

// found tells of a split brain, and of the ways out.
func (s *split) found() {
	v, p := &s.v, s.said.Peer
	s.line("%s: SPLIT BRAIN: both copies changed after the nodes lost each other.", s.name)
	s.own()
	s.line("  %s (the peer): %s changed, as it said %s", s.peer, amount(p.UUIDs.DirtyBits), s.heard())
	s.line("    since:      not known here; there: drbdadm split-brain %s", s.res)
	role := "Primary then: nobody else changes a copy"
	switch {
	case p.Role != wire.RoleUnknown:
		role += "; " + p.Role.String() + " when it said so"
	case p.UUIDs.Current&1 != 0:
		role += "; Primary when it said so"
	default:
		role += "; what it is since is not known"
	}
	s.line("    role:       %s", role)
	s.line("    generation: %016X, of %016X", p.UUIDs.Current, p.UUIDs.Bitmap)
	s.line("  The connection is %s. One copy has to be given up; only what differs is then copied over it.", v.Conn)
	s.way(s.host+" (this node)", s.peer, v.OOS, true)
	s.way(s.peer, s.host+" (this node)", p.UUIDs.DirtyBits, false)
}

// way is how one copy is given up.
func (s *split) way(victim, other string, blocks uint64, here bool) {
	s.line("  To give up the %d KiB of %s:", blocks<<2, victim)
	s.line("    on %s:", victim)
	if s.v.Role == wire.Primary || !here {
		s.line("      drbdadm secondary %s            # end what uses the device first", s.res)
	} else {
		s.line("      drbdadm secondary %s", s.res)
	}
	if !here || s.v.Conn != wire.StandAlone {
		s.line("      drbdadm disconnect %s           # if it is not StandAlone", s.res)
	}
	s.line("      drbdadm split-brain --save=FILE %s   # keeps the blocks in a file", s.name)
	s.line("      drbdadm connect --discard-my-data %s", s.res)
	s.line("    on %s, if it is StandAlone:", other)
	s.line("      drbdadm connect %s", s.res)
}
