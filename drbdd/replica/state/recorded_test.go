package state

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"classicha/drbdd/wire"
	"classicha/drbdd/wire/recorded"
)

var (
	word     = regexp.MustCompile(`([a-z_]+)\( (\S+) -> (\S+) \) ?`)
	wordLine = regexp.MustCompile(`^(block drbd0|drbd r0): ((?:[a-z_]+\( \S+ -> \S+ \) ?)+)$`)
)

// parsed finds the number of a name.
func parsed[T interface {
	~uint8
	fmt.Stringer
}](t *testing.T, name string) T {
	t.Helper()
	for i := T(0); i < 32; i++ {
		if i.String() == name {
			return i
		}
	}
	t.Fatalf("no %T is called %q", T(0), name)
	return 0
}

// set sets one word of a line of the log; susp only tells that it changed.
func set(t *testing.T, s *State, name, value string) {
	switch name {
	case "role":
		s.Role = parsed[wire.Role](t, value)
	case "peer":
		s.Peer = parsed[wire.Role](t, value)
	case "conn":
		s.Conn = parsed[wire.ConnState](t, value)
	case "disk":
		s.Disk = parsed[wire.DiskState](t, value)
	case "pdsk":
		s.PDisk = parsed[wire.DiskState](t, value)
	case "aftr_isp":
		s.AftrISP = value == "1"
	case "peer_isp":
		s.PeerISP = value == "1"
	case "user_isp":
		s.UserISP = value == "1"
	}
}

// The changes that the kernels of the recordings logged, one after the other:
// each is what Decide makes of it, and prints as it was logged.
func TestRecordedChanges(t *testing.T) {
	total, alone := 0, 0
	for _, scenario := range recorded.Scenarios() {
		if scenario == "two_volumes" {
			continue
		}
		for _, node := range strings.Split(recorded.KernelLog(scenario), "# kernel messages of ")[1:] {
			var lines [][][]string
			var texts []string
			for line := range strings.Lines(node) {
				if m := wordLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
					text := strings.TrimSpace(m[2]) + " "
					if n := len(texts) - 1; m[1] == "drbd r0" && n >= 0 && texts[n] == "peer_isp( 1 -> 0 ) " {
						// Two lines of one change, see DiffWide.
						text += texts[n]
						lines, texts = lines[:n], texts[:n]
					}
					lines, texts = append(lines, word.FindAllStringSubmatch(text, -1)), append(texts, text)
				}
			}
			// A word begins as what it first changes from. Two nodes were in a state that
			// their logs do not tell, but their P_STATE.
			s := State{Role: sec, Disk: up, PDisk: dunno}
			switch {
			case strings.HasPrefix(scenario, "bitmap_multi_") && strings.HasPrefix(node, "node1"):
				s.Role, s.UserISP = pri, true
			case scenario == "size_mismatch" && strings.HasPrefix(node, "node2"):
				s.Disk = bad
			}
			for _, l := range slices.Backward(lines) {
				for _, w := range l {
					set(t, &s, w[1], w[2])
				}
			}
			susp := ""
			for i, l := range lines {
				env := Env{Version: 101, VerifyAlg: true, TwoPrimaries: true, AttachDisk: up, AttachPDisk: dunno}
				want, conn := s, ""
				for _, w := range l {
					set(t, &want, w[1], w[3])
					switch w[1] {
					case "conn":
						conn = w[3]
					case "susp":
						susp = w[3]
					}
				}
				switch {
				case !strings.Contains(texts[i], "susp("):
				case susp == "0":
					want.SuspFen, want.Susp = false, false
				case conn != "": // by the loss of the connection
					want.SuspFen, env.Fencing = true, ResourceAndStonith
				default: // by the user
					want.Susp = true
				}
				if got := Diff(s, want); got != texts[i] {
					t.Fatalf("%s: got %q, logged %q", scenario, got, texts[i])
				}
				at := scenario + " " + strconv.Itoa(i) + ": " + texts[i]
				ns, rc, _ := Decide(s, SetAll(want), env, true)
				if rc != wire.Success || ns != want {
					t.Errorf("%s: %d, %v to\n%v, not\n%v", at, rc, s, ns, want)
				}
				// A new connection state alone implies the rest, where nothing else was told.
				if conn != "" && want.Conn < wire.Connected && want.PDisk != out && want.Disk == s.Disk {
					alone++
					if ns, _, _ := Decide(s, SetConn(want.Conn), env, true); ns != want {
						t.Errorf("%s: by conn alone %v to\n%v, not\n%v", at, s, ns, want)
					}
				}
				total++
				s = want
			}
		}
	}
	if total < 400 || alone < 200 {
		t.Errorf("only %d changes found, %d of them of the connection", total, alone)
	}
	t.Logf("%d changes, %d of them of the connection alone", total, alone)
}

var stateWord = regexp.MustCompile(` P_STATE .*(0x[0-9a-f]{8})`)

// Every state word that was sent is one we know, and is a state that fits.
func TestRecordedWords(t *testing.T) {
	n := 0
	for _, scenario := range recorded.Scenarios() {
		lines, err := recorded.Timeline(scenario)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			m := stateWord.FindStringSubmatch(l.Text)
			if m == nil {
				continue
			}
			x, err := strconv.ParseUint(m[1], 0, 32)
			if err != nil {
				t.Fatal(err)
			}
			n++
			s := FromWord(wire.State(x))
			if u := s; uint64(s.Word()) != x || !s.Legal() || u.clamp() != "" || u != s {
				t.Errorf("%s: %s is %v, which should fit", scenario, l.Text, s)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d words found", n)
	}
	t.Logf("%d words", n)
}
