package media

import (
	"fmt"
	"os"

	"classicha/internal/hlog"
)

// DefaultPort is the UDP port of heartbeats, DefaultBaud the speed of serial
// lines, DefaultLockDir where UUCP lock files are.
const (
	DefaultPort    = 694
	DefaultBaud    = 19200
	DefaultLockDir = "/var/lock"
)

// Spec says which medium is wanted. Each kind looks only at its own fields.
type Spec struct {
	Kind string

	Interface string // bcast, ucast, mcast and the IPv6 twins
	Address   string // ucast: address or name of the peer; mcast: the group
	Port      int    // UDP, 0: DefaultPort
	TTL       int    // mcast: TTL or hop limit
	Loop      bool   // mcast: a node hears itself

	TTY     string // serial: full path
	Baud    int    // serial, 0: DefaultBaud
	LockDir string // serial, "": DefaultLockDir

	Name  string   // ping_group
	Hosts []string // ping, ping6: one address or name; ping_group: its members
	PID   int      // ping: identifies our echo requests, 0: this process

	// Log gets lines about failures and recoveries. It must not block.
	Log func(level hlog.Level, text string)
	// Enter runs a function where sockets shall be made and interfaces looked
	// up, such as another network namespace. nil: here.
	Enter func(f func() error) error
}

// New makes a medium of the kind that the spec names. The medium is not open
// yet; only what can be seen without the system is checked.
func New(s Spec) (Medium, error) {
	make, ok := map[string]func(Spec) (Medium, error){
		KindBcast: NewBcast, KindUcast: NewUcast, KindMcast: NewMcast, KindUcast6: NewUcast6, KindMcast6: NewMcast6,
		KindSerial: NewSerial, KindPing: NewPing, KindPing6: NewPing6, KindPingGroup: NewPingGroup,
	}[s.Kind]
	if !ok {
		return nil, fmt.Errorf("no such medium: %q", s.Kind)
	}
	return make(s)
}

// complete fills in what was left open.
func (s Spec) complete(kind string) Spec {
	s.Kind = kind
	if s.Port == 0 {
		s.Port = DefaultPort
	}
	if s.Baud == 0 {
		s.Baud = DefaultBaud
	}
	if s.LockDir == "" {
		s.LockDir = DefaultLockDir
	}
	if s.PID == 0 {
		s.PID = os.Getpid()
	}
	if s.Log == nil {
		s.Log = func(hlog.Level, string) {}
	}
	if s.Enter == nil {
		s.Enter = func(f func() error) error { return f() }
	}
	return s
}

// needInterface and needPort check what all UDP media need.
func (s Spec) needUDP() error {
	if s.Interface == "" || len(s.Interface) > 15 {
		return fmt.Errorf("%s: bad interface name %q", s.Kind, s.Interface)
	}
	if s.Port < 1 || s.Port > 65535 {
		return fmt.Errorf("%s %s: bad port %d", s.Kind, s.Interface, s.Port)
	}
	return nil
}
