package meet

import (
	"errors"
	"fmt"
	"time"

	"classicha/drbdd/wire"
	"classicha/drbdd/wire/digest"
)

// settled: both sockets are alive after the pause. The handshake on the data socket
// begins.
func (m *Machine) settled() {
	m.do(Settled{m.data, m.meta})
	m.dropQueue()
	m.send(wire.Packet{Cmd: wire.CmdFeatures, Body: m.cfg.Features})
	m.expect(features, wire.CmdFeatures)
}

func (m *Machine) send(p wire.Packet) { m.do(Send{m.data, m.dialect, p}) }

// expect waits for a packet of the peer; each has four times ping-timeout.
func (m *Machine) expect(p phase, cmd wire.Command) {
	m.enter(p, 4*m.cfg.PingTimeout)
	m.do(Expect{m.data, m.dialect, cmd})
}

func (m *Machine) got(ev Got) {
	switch m.phase {
	case features:
		m.gotFeatures(ev)
	case challenge:
		m.gotChallenge(ev)
	case response:
		m.gotResponse(ev)
	}
}

func (m *Machine) lost(ev Lost) {
	if m.phase >= features && m.phase < over {
		m.stepLost(ev.Text)
	}
}

// stepLost: the connection ended in the handshake, or was silent for too long.
func (m *Machine) stepLost(text string) {
	if text != "" {
		m.log(Err, text)
	}
	if m.phase == features {
		if text == "" {
			text = "no ConnectionFeatures packet in time"
		}
		m.retry(text)
		return
	}
	m.authAgain()
}

func unexpected(want string, h wire.Header) string {
	return fmt.Sprintf("expected %s packet, received: %s (0x%04x)", want, h.Cmd.LogName(), uint16(h.Cmd))
}

func (m *Machine) gotFeatures(ev Got) {
	fail := func(text string) {
		m.log(Err, text)
		m.giveUp(text)
	}
	if ev.Header.Cmd != wire.CmdFeatures {
		fail(unexpected("ConnectionFeatures", ev.Header))
		return
	}
	peer, ok := ev.Body.(wire.Features)
	if ev.Err != nil || !ok {
		fail(fmt.Sprintf("expected ConnectionFeatures length: %d, received: %d", len(m.cfg.Features.Append(nil)), ev.Header.Length))
		return
	}
	d, err := wire.Agree(m.cfg.Features, peer)
	if err != nil {
		fail(err.Error())
		return
	}
	m.dialect = d
	m.log(Info, fmt.Sprintf("Handshake successful: Agreed network protocol version %d", d.Version))
	m.log(Info, fmt.Sprintf("Feature flags enabled on protocol level: %s.", d.Features))
	if m.cfg.CramAlg == "" {
		m.established()
		return
	}
	m.send(wire.Packet{Cmd: wire.CmdAuthChallenge, Payload: m.cfg.Challenge[:]})
	m.expect(challenge, wire.CmdAuthChallenge)
}

// authFailed gives up; text says why, if the kernel does.
func (m *Machine) authFailed(text string) {
	if text != "" {
		m.log(Err, text)
	}
	m.log(Err, "Authentication of peer failed")
	m.giveUp("Authentication of peer failed")
}

func (m *Machine) authAgain() {
	const text = "Authentication of peer failed, trying again."
	m.log(Err, text)
	m.retry(text)
}

func (m *Machine) gotChallenge(ev Got) {
	switch {
	case ev.Header.Cmd != wire.CmdAuthChallenge:
		m.authFailed(unexpected("AuthChallenge", ev.Header))
		return
	case ev.Err != nil:
		m.authFailed("expected AuthChallenge payload too big.")
		return
	}
	err := digest.CheckChallenge(m.cfg.Challenge[:], ev.Payload)
	switch {
	case errors.Is(err, digest.ErrSameChallenge):
		m.authFailed(err.Error())
		return
	case err != nil && len(ev.Payload) < digest.ChallengeSize:
		m.authFailed("AuthChallenge payload too small.")
		return
	case err != nil:
		m.authFailed("expected AuthChallenge payload too big.")
		return
	}
	answer, err := digest.Response(m.cfg.CramAlg, m.cfg.Secret, ev.Payload)
	if err != nil {
		m.authFailed(err.Error())
		return
	}
	m.send(wire.Packet{Cmd: wire.CmdAuthResponse, Payload: answer})
	m.expect(response, wire.CmdAuthResponse)
}

func (m *Machine) gotResponse(ev Got) {
	if ev.Header.Cmd != wire.CmdAuthResponse {
		m.log(Err, unexpected("AuthResponse", ev.Header))
		m.authAgain()
		return
	}
	err := ev.Err
	if err == nil {
		err = digest.CheckResponse(m.cfg.CramAlg, m.cfg.Secret, m.cfg.Challenge[:], ev.Payload)
	}
	switch {
	case err == nil:
		m.log(Info, fmt.Sprintf("Peer authenticated using %d bytes HMAC", len(ev.Payload)))
		m.established()
	case errors.Is(err, digest.ErrWrongResponse):
		m.authFailed("")
	default:
		m.log(Err, "expected AuthResponse payload of wrong size")
		m.authAgain()
	}
}

func (m *Machine) established() {
	m.do(Established{Data: m.data, Meta: m.meta, Dialect: m.dialect, ResolveConflicts: m.resolve})
	m.phase, m.deadline = over, time.Time{}
}
