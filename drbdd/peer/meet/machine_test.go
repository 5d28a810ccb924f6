package meet

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"classicha/drbdd/wire"
	"classicha/drbdd/wire/digest"
)

// script drives one Machine by hand.
type script struct {
	t   *testing.T
	m   *Machine
	now time.Time
	log []string
	all []Action // of the last step
}

func begun(t *testing.T, cfg Config) *script {
	s := &script{t: t, m: New(cfg), now: time.Unix(1e9, 0)}
	s.step(Tick{})
	return s
}

func (s *script) step(ev Event) string {
	s.t.Helper()
	s.all = append([]Action{}, s.m.Step(s.now, ev)...)
	var short []string
	for _, a := range s.all {
		if l, ok := a.(Log); ok {
			s.log = append(s.log, l.Level.String()+": "+l.Text)
			continue
		}
		name := strings.TrimPrefix(fmt.Sprintf("%T", a), "meet.")
		switch a := a.(type) {
		case Connect:
			name += fmt.Sprint(a.Attempt)
		case Drop:
			name += fmt.Sprint(a.Conn)
		case Send:
			name += fmt.Sprintf("%d %s %s", a.Conn, a.Packet.Cmd, a.Dialect.KindFor(a.Packet.Cmd, 0))
		case Expect:
			name += fmt.Sprintf("%d %s", a.Conn, a.Cmd)
		case Established:
			name += fmt.Sprintf(" %d/%d %d %v", a.Data, a.Meta, a.Dialect.Version, a.ResolveConflicts)
		}
		short = append(short, name)
	}
	return strings.Join(short, ", ")
}

func (s *script) want(ev Event, want string) {
	s.t.Helper()
	if got := s.step(ev); got != want {
		s.t.Fatalf("%#v\ngot  %s\nwant %s", ev, got, want)
	}
}

// pass lets the time of the phase run out.
func (s *script) pass(want string) {
	s.t.Helper()
	s.now = s.m.Next()
	s.want(Tick{}, want)
}

func (s *script) wantLog(lines ...string) {
	s.t.Helper()
	if got, want := strings.Join(s.log, "\n"), strings.Join(lines, "\n"); got != want {
		s.t.Errorf("log:\n%s\nwant:\n%s", got, want)
	}
}

// paired brings a Machine to the features, by the usual way: the peer opens the data
// socket, we the meta socket.
func paired(t *testing.T, cfg Config) *script {
	t.Helper()
	s := begun(t, cfg)
	s.step(ConnectFailed{Attempt: 1})
	s.want(FirstPacket{1, wire.CmdInitialData}, "Check")
	s.want(Checked{}, "Connect2")
	s.want(Connected{2, 2}, "Send2 P_INITIAL_META h80")
	s.pass("Check")
	s.want(Checked{true, true}, "Settled, Send1 P_CONNECTION_FEATURES h80, Expect1 P_CONNECTION_FEATURES")
	return s
}

func features101() Got {
	return Got{Header: wire.Header{Cmd: wire.CmdFeatures, Length: 72}, Body: wire.OwnFeatures(wire.AllFeatures)}
}

const agreed = "info: Handshake successful: Agreed network protocol version 101\n" +
	"info: Feature flags enabled on protocol level: 0xf TRIM THIN_RESYNC WRITE_SAME WRITE_ZEROES."

func TestUsualWay(t *testing.T) {
	s := paired(t, testConfig())
	s.want(features101(), "Established 1/2 101 false")
	s.wantLog(agreed)
	if !s.m.Over() || !s.m.Next().IsZero() {
		t.Error("not over")
	}
	s.want(FirstPacket{9, wire.CmdInitialData}, "Drop9")
	s.want(Connected{2, 10}, "Drop10")
	s.want(Tick{}, "")
}

// TestFirstIsUp: the node that was there first accepts the meta socket.
func TestFirstIsUp(t *testing.T) {
	s := begun(t, testConfig())
	s.want(Connected{1, 1}, "Send1 P_INITIAL_DATA h80")
	s.want(FirstPacket{2, wire.CmdInitialMeta}, "Check")
	s.want(Checked{DataAlive: true}, "")
	s.pass("Check")
	s.step(Checked{true, true})
	s.want(features101(), "Established 1/2 101 true")
}

func TestCrossed(t *testing.T) {
	for seed := range uint64(20) {
		cfg := testConfig()
		cfg.Seed = seed
		s := begun(t, cfg)
		s.want(Connected{1, 1}, "Send1 P_INITIAL_DATA h80")
		s.step(FirstPacket{2, wire.CmdInitialData})
		if got := s.step(Checked{DataAlive: true}); got != "Drop1" && got != "Drop1, Connect2" {
			t.Errorf("seed %d: %s", seed, got)
		}
		s.step(FirstPacket{3, wire.CmdInitialMeta})
		s.step(Checked{DataAlive: true})
		s.step(FirstPacket{4, wire.CmdInitialMeta})
		if got := s.step(Checked{true, true}); !strings.HasPrefix(got, "Drop3") {
			t.Errorf("seed %d: %s", seed, got)
		}
		s.step(FirstPacket{5, wire.CmdInitialData})
		if got := s.step(Checked{false, true}); !strings.HasPrefix(got, "Drop2") || strings.Contains(got, "Drop4") {
			t.Errorf("a dead socket is not crossed: %s", got)
		}
		s.wantLog("warn: initial packet S crossed", "warn: initial packet M crossed")
	}
}

// TestRejects: bad first packets cause at most one attempt of ours a second.
func TestRejects(t *testing.T) {
	s := begun(t, testConfig())
	s.step(ConnectFailed{Attempt: 1})
	attempts := 0
	for i := range 1000 {
		s.now = s.now.Add(10 * time.Millisecond)
		s.step(FirstPacket{Conn(i + 1), wire.CmdData})
		if got := s.step(Checked{}); strings.Contains(got, "Connect") {
			attempts++
			s.step(ConnectFailed{Attempt: s.m.attempt})
		}
	}
	if attempts == 0 || attempts > 10 {
		t.Errorf("%d attempts in 10 s of bad connections", attempts)
	}
}

func TestConnectErrors(t *testing.T) {
	s := begun(t, testConfig())
	s.want(ConnectFailed{1, "connect failed, err = -104", false}, "")
	s.pass("Connect2")
	s.pass("CancelConnect")
	s.want(Connected{2, 7}, "Drop7")
	s.pass("Connect3")
	s.want(ConnectFailed{2, "old", true}, "")
	s.want(ConnectFailed{3, "bind before connect failed, err = -99", true}, "GiveUp")
	s.wantLog("err: connect failed, err = -104", "err: bind before connect failed, err = -99", "warn: Discarding network configuration.")

	s = begun(t, testConfig())
	s.want(ListenFailed{"bind before listen failed, err = -98"}, "CancelConnect, GiveUp")
}

func TestFeatures(t *testing.T) {
	for _, c := range []struct {
		ev   Event
		want string
		log  []string
	}{
		{Got{Header: wire.Header{Cmd: wire.CmdProtocol}}, "Drop1, Drop2, GiveUp",
			[]string{"err: expected ConnectionFeatures packet, received: ReportProtocol (0x000b)", "warn: Discarding network configuration."}},
		{Got{Header: wire.Header{Cmd: wire.CmdFeatures, Length: 8}, Err: errors.New("size")}, "Drop1, Drop2, GiveUp",
			[]string{"err: expected ConnectionFeatures length: 72, received: 8", "warn: Discarding network configuration."}},
		{Got{Header: wire.Header{Cmd: wire.CmdFeatures}, Body: wire.Features{Min: 102, Max: 120}}, "Drop1, Drop2, GiveUp",
			[]string{"err: incompatible DRBD dialects: I support 86-101, peer supports 102-120", "warn: Discarding network configuration."}},
		{Got{Header: wire.Header{Cmd: wire.CmdFeatures}, Body: wire.Features{Min: 86}}, "Established 1/2 86 false",
			[]string{"info: Handshake successful: Agreed network protocol version 86", "info: Feature flags enabled on protocol level: 0x0 none."}},
		{Lost{"sock was shut down by peer"}, "Drop1, Drop2, Retry", []string{"err: sock was shut down by peer"}},
	} {
		s := paired(t, testConfig())
		s.want(c.ev, c.want)
		s.wantLog(c.log...)
		if !s.m.Over() {
			t.Errorf("%#v: not over", c.ev)
		}
	}
	s := paired(t, testConfig())
	s.now = s.now.Add(4*s.m.cfg.PingTimeout - 1)
	s.want(Tick{}, "")
	s.pass("Drop1, Drop2, Retry")
}

func authConfig() Config {
	cfg := testConfig()
	cfg.CramAlg, cfg.Secret = "sha1", "FooFunFactory"
	copy(cfg.Challenge[:], "our challenge")
	return cfg
}

func TestAuth(t *testing.T) {
	ours, peers := authConfig().Challenge, bytes.Repeat([]byte{7}, 64)
	own := ours[:]
	challenge := func(b []byte) Got {
		return Got{Header: wire.Header{Cmd: wire.CmdAuthChallenge, Length: uint32(len(b))}, Payload: b}
	}
	response := func(b []byte) Got {
		return Got{Header: wire.Header{Cmd: wire.CmdAuthResponse, Length: uint32(len(b))}, Payload: b}
	}
	right, err := digest.Response("sha1", "FooFunFactory", own)
	if err != nil {
		t.Fatal(err)
	}
	const ask = "Send1 P_AUTH_CHALLENGE h100, Expect1 P_AUTH_CHALLENGE"
	const answer = "Send1 P_AUTH_RESPONSE h100, Expect1 P_AUTH_RESPONSE"
	const failed, again, discard = "err: Authentication of peer failed", "err: Authentication of peer failed, trying again.", "warn: Discarding network configuration."
	for name, c := range map[string]struct {
		evs  []Event
		want []string
		log  []string
	}{
		"right": {[]Event{challenge(peers), response(right)}, []string{answer, "Established 1/2 101 false"},
			[]string{"info: Peer authenticated using 20 bytes HMAC"}},
		"wrong": {[]Event{challenge(peers), response(make([]byte, 20))}, []string{answer, "Drop1, Drop2, GiveUp"}, []string{failed, discard}},
		"reflected": {[]Event{challenge(own)}, []string{"Drop1, Drop2, GiveUp"},
			[]string{"err: Peer presented the same challenge!", failed, discard}},
		"short challenge": {[]Event{challenge(peers[:63])}, []string{"Drop1, Drop2, GiveUp"},
			[]string{"err: AuthChallenge payload too small.", failed, discard}},
		"long challenge": {[]Event{Got{Header: wire.Header{Cmd: wire.CmdAuthChallenge, Length: 129}, Err: errors.New("size")}}, []string{"Drop1, Drop2, GiveUp"},
			[]string{"err: expected AuthChallenge payload too big.", failed, discard}},
		"no secret there": {[]Event{Got{Header: wire.Header{Cmd: wire.CmdProtocol, Length: 25}}}, []string{"Drop1, Drop2, GiveUp"},
			[]string{"err: expected AuthChallenge packet, received: ReportProtocol (0x000b)", failed, discard}},
		"short response": {[]Event{challenge(peers), response(right[:19])}, []string{answer, "Drop1, Drop2, Retry"},
			[]string{"err: expected AuthResponse payload of wrong size", again}},
		"other packet": {[]Event{challenge(peers), Got{Header: wire.Header{Cmd: wire.CmdPing}}}, []string{answer, "Drop1, Drop2, Retry"},
			[]string{"err: expected AuthResponse packet, received: Ping (0x0013)", again}},
		"cut": {[]Event{Lost{"sock was shut down by peer"}}, []string{"Drop1, Drop2, Retry"},
			[]string{"err: sock was shut down by peer", again}},
	} {
		s := paired(t, authConfig())
		s.want(features101(), ask)
		if p := s.all[2].(Send).Packet.Payload; !bytes.Equal(p, own) {
			t.Errorf("challenge % x", p)
		}
		s.log = nil
		for i, ev := range c.evs {
			s.want(ev, c.want[i])
			if c.want[i] == answer {
				want, _ := digest.Response("sha1", "FooFunFactory", peers)
				if p := s.all[0].(Send).Packet.Payload; !bytes.Equal(p, want) {
					t.Errorf("%s: response % x, want % x", name, p, want)
				}
			}
		}
		s.wantLog(c.log...)
	}
	s := paired(t, authConfig())
	s.step(features101())
	s.pass("Drop1, Drop2, Retry")
	cfg := authConfig()
	cfg.CramAlg = "crc32c"
	s = paired(t, cfg)
	s.step(features101())
	s.want(challenge(peers), "Drop1, Drop2, GiveUp")
}
