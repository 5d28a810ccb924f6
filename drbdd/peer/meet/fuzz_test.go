package meet

import (
	"testing"
	"time"

	"classicha/drbdd/wire"
)

// FuzzMachine gives a Machine events in any order. It must not panic, must ask for a
// connection to be dropped at most once, must drop all in the end that it does not
// use, and says nothing more after its last action.
func FuzzMachine(f *testing.F) {
	f.Add([]byte{0, 1, 3, 4, 0, 4, 5}, false)
	f.Add([]byte{0, 2, 3, 4, 1, 0, 4, 5, 5, 5}, true)
	f.Add([]byte{0, 2, 13, 4, 23, 4, 33, 4, 14, 24, 0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, script []byte, auth bool) {
		cfg := testConfig()
		if auth {
			cfg = authConfig()
		}
		m := New(cfg)
		now := time.Unix(1e9, 0)
		held := map[Conn]bool{}
		next := Conn(0)
		conn := func() Conn {
			next++
			held[next] = true
			return next
		}
		over := false
		for _, b := range script {
			arg := int(b / 10)
			var ev Event
			switch b % 10 {
			case 0:
				if now = now.Add(time.Duration(arg) * time.Second); !m.Next().IsZero() && m.Next().After(now) {
					now = m.Next()
				}
				ev = Tick{}
			case 1:
				ev = Connected{m.attempt - arg%2, conn()}
			case 2:
				ev = ConnectFailed{Attempt: m.attempt - arg%2, Fatal: arg == 9}
			case 3:
				ev = FirstPacket{conn(), []wire.Command{wire.CmdInitialData, wire.CmdInitialMeta, 0, wire.CmdPing}[arg%4]}
			case 4:
				ev = Checked{arg&1 == 0, arg&2 == 0}
			case 5:
				ev = features101()
			case 6:
				ev = Got{Header: wire.Header{Cmd: wire.CmdAuthChallenge}, Payload: make([]byte, arg*6)}
			case 7:
				ev = Got{Header: wire.Header{Cmd: wire.CmdAuthResponse}, Payload: make([]byte, arg)}
			case 8:
				ev = Lost{}
			case 9:
				ev = ListenFailed{"x"}
			}
			for _, a := range m.Step(now, ev) {
				if _, drop := a.(Drop); over && !drop {
					t.Fatalf("%#v after the end", a)
				}
				switch a := a.(type) {
				case Drop:
					if !held[a.Conn] {
						t.Fatalf("connection %d dropped twice", a.Conn)
					}
					delete(held, a.Conn)
				case Established:
					over = true
					if len(held) != 2 || !held[a.Data] || !held[a.Meta] || a.Data == a.Meta {
						t.Fatalf("%+v, open: %v", a, held)
					}
				case Retry, GiveUp:
					if over = true; len(held) != 0 {
						t.Fatalf("left open: %v", held)
					}
				}
			}
			if over != m.Over() {
				t.Fatalf("over: %v, want %v", m.Over(), over)
			}
		}
	})
}
