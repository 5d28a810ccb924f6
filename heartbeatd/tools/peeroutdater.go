package tools

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"classicha/heartbeatd/clientapi"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/outdate"
	"classicha/internal/getopt"
	"classicha/internal/hlog"
)

// Exit codes of drbd-peer-outdater besides those that dopd gives (package outdate).
const (
	outdaterOK    = 0
	outdaterUsage = 1
)

const (
	// dopdPatience is how long a dopd that is not there, or has gone, may take to come
	// (back): heartbeat may be restarting. Then heartbeat does not run.
	dopdPatience = 3 * time.Second
	dopdRetry    = 100 * time.Millisecond
	failedRetry  = time.Second
)

const outdaterHelp = `usage: drbd-peer-outdater -r <string> -p <string> [-t <int>]
	-p <string>	drbd peer
	-r <string>	drbd resource
	-t <int>	timeout in seconds; default: 60

Has the data of a resource on the peer marked as outdated, over the links of
heartbeat. Without -p and -r the variables $DRBD_PEER and $DRBD_RESOURCE count.
Exit code: 3 inconsistent there, 4 outdated, 5 unreachable, 6 it is Primary,
7 it was reset, 20 nothing is known, 21 another node is being asked about the resource.
`

// peerOutdater is one run.
type peerOutdater struct {
	path    string // of dopd's socket
	request outdate.Request
	timeout time.Duration
	stonith bool // heartbeat has a STONITH device
	say     func(level hlog.Level, text string)
}

// PeerOutdater is drbd-peer-outdater: options and exit codes are those of the
// original. args is without the program's name. Its lines go to syslog and to stderr.
func PeerOutdater(args []string, stdout, stderr io.Writer) int {
	log := hlog.New(hlog.Options{Entity: outdate.Outdater}, hlog.Config{Facility: outdaterFacility()})
	defer log.Close()
	say := func(level hlog.Level, text string) {
		fmt.Fprintf(stderr, "%s: %s\n", outdate.Outdater, text)
		log.Log(level, text)
	}
	run := os.Getenv("HA_VARRUN")
	if run == "" {
		run = config.RunDir
	}
	p := peerOutdater{path: run + "/dopd/outdater", timeout: outdate.DefaultTime, say: say}
	p.request = outdate.Request{Peer: os.Getenv("DRBD_PEER"), Resource: os.Getenv("DRBD_RESOURCE")}
	if code, ok := p.options(args, stdout, stderr); !ok {
		return code
	}
	p.stonith = stonithConfigured()
	return p.run()
}

// stonithConfigured tells whether ha.cf has a STONITH device, which matters where no dopd is
// there to say it.
func stonithConfigured() bool {
	dir := os.Getenv("HA_DIR")
	if dir == "" {
		dir = config.HADir
	}
	b, err := os.ReadFile(filepath.Join(dir, config.HACfName))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if w := strings.Fields(line); len(w) > 1 && (strings.EqualFold(w[0], "stonith") || strings.EqualFold(w[0], "stonith_host")) {
			return true
		}
	}
	return false
}

// outdaterFacility is where heartbeat's lines go if it started us, else daemon.
func outdaterFacility() hlog.Facility {
	f, ok := hlog.ParseFacility(os.Getenv("HA_LOGFACILITY"))
	if !ok || f == hlog.NoFacility {
		f, _ = hlog.ParseFacility("daemon")
	}
	return f
}

// options reads the command line; not ok: end with the code.
func (p *peerOutdater) options(args []string, stdout, stderr io.Writer) (code int, ok bool) {
	bad := func(format string, a ...any) (int, bool) {
		p.say(hlog.Error, fmt.Sprintf(format, a...))
		io.WriteString(stderr, outdaterHelp)
		return outdaterUsage, false
	}
	g := getopt.New(outdate.Outdater, args, "hVt:p:r:")
	for o, more := g.Next(); more; o, more = g.Next() {
		if o.Err != nil {
			return bad("%s", strings.TrimPrefix(o.Err.Error(), outdate.Outdater+": "))
		}
		switch o.Short {
		case 'h':
			io.WriteString(stdout, outdaterHelp)
			return outdaterOK, false
		case 'V': // more words in the original's log
		case 'p':
			p.request.Peer = o.Arg
		case 'r':
			p.request.Resource = o.Arg
		case 't':
			n, err := strconv.Atoi(o.Arg)
			if err != nil || n < 0 || n > 1<<20 {
				return bad("-t %s: not a number of seconds", o.Arg)
			}
			p.timeout = time.Duration(n) * time.Second
		}
	}
	if p.request.Peer == "" || p.request.Resource == "" {
		return bad("the peer and the resource must be named")
	}
	p.request.Peer = strings.ToLower(p.request.Peer)
	if _, err := outdate.ParseRequest(p.request.Message()); err != nil {
		return bad("%v", err)
	}
	return 0, true
}

// errNoAnswer: dopd was reached and hung up.
var errNoAnswer = errors.New("dopd hung up without an answer")

// run asks until there is an answer, the time is over, or nobody is there. A peer whose
// drbdadm fails is asked again: it may not have noticed yet that the replication link is
// broken, and until then it refuses. Such a peer is never called unreachable.
func (p *peerOutdater) run() int {
	deadline := time.Now().Add(p.timeout)
	patience := min(dopdPatience, p.timeout)
	giveUp := time.Now().Add(patience)
	last := 0 // nobody has answered
	result := func(level hlog.Level, value int, format string, a ...any) int {
		p.say(level, fmt.Sprintf("resource %s, peer %s: %d (%s)", p.request.Resource, p.request.Peer, value, outdate.Meaning(value))+fmt.Sprintf(format, a...))
		return value
	}
	for {
		value, err := p.ask(deadline)
		now := time.Now()
		pause := dopdRetry
		switch {
		case err == nil && value == outdate.Failed && now.Add(failedRetry).Before(deadline):
			if last != value {
				p.say(hlog.Info, fmt.Sprintf("resource %s: %s refuses or fails, asking again for %v", p.request.Resource, p.request.Peer, time.Until(deadline).Round(time.Second)))
			}
			last, giveUp, pause = value, now.Add(failedRetry+patience), failedRetry
		case err == nil && value == outdate.Failed:
			return result(hlog.Warn, value, "")
		case err == nil:
			return result(hlog.Info, value, "")
		case errors.Is(err, errBadAnswer):
			return result(hlog.Error, outdate.Failed, ": %v", err)
		case errors.Is(err, os.ErrDeadlineExceeded), !now.Add(pause).Before(deadline):
			return result(hlog.Warn, p.orIgnorance(last), ": no answer within %v", p.timeout)
		case errors.Is(err, errNoAnswer): // it lives, or did just now
			giveUp = now.Add(patience)
		case !now.Add(pause).Before(giveUp):
			return result(hlog.Warn, p.orIgnorance(last), ": Could not connect to outdater channel: %v; does heartbeat run, and start dopd (respawn in ha.cf)?", err)
		}
		time.Sleep(pause)
	}
}

// orIgnorance is the result of a run whose time is over: what was answered, if anything was.
func (p *peerOutdater) orIgnorance(last int) int {
	if last == 0 {
		return outdate.Ignorance(p.stonith)
	}
	return last
}

// errBadAnswer: what came is no answer.
var errBadAnswer = errors.New("unknown message from server")

// ask asks once.
func (p *peerOutdater) ask(deadline time.Time) (int, error) {
	conn, err := net.Dial("unix", p.path)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return 0, err
	}
	if _, err := conn.Write(clientapi.AppendFrame(nil, p.request.Message())); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if m, err := clientapi.ReadFrame(conn); err == nil && outdate.IsHello(m) {
			p.stonith = true // it went before it could read
		}
		return 0, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	m, err := clientapi.ReadFrame(conn)
	if err == nil && outdate.IsHello(m) {
		p.stonith = true
		m, err = clientapi.ReadFrame(conn)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, err
	case errors.Is(err, clientapi.ErrFrame):
		return 0, fmt.Errorf("%w: %w", errBadAnswer, err)
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	value, _, err := outdate.ParseAnswer(m)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errBadAnswer, err)
	}
	return value, nil
}
