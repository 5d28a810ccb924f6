package outdate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"classicha/heartbeatd/message"
)

// Client is the name of dopd in the client API.
const Client = "dopd"

// Outdater is the name of the program that asks.
const Outdater = "drbd-peer-outdater"

// DefaultTime is how long the outdater waits for an answer.
const DefaultTime = 60 * time.Second

// Exit codes of a fence-peer handler (drbd-cli 7), which are the values in messages.
const (
	Inconsistent = 3  // the peer's data is inconsistent: nothing to outdate
	Outdated     = 4  // done
	Unreachable  = 5  // the peer cannot be asked and counts as dead
	Active       = 6  // the peer is Primary and refused
	Stonithed    = 7  // the peer was reset
	Failed       = 20 // nothing is known: the peer's command failed, its reset has not worked, or see Ignorance
	Busy         = 21 // somebody asks another node about the resource already
)

// Exit codes of drbdadm outdate.
const (
	exitInconsistent = 5
	exitPrimary      = 17
)

// Ignorance is the answer if nothing is known of the peer: nobody there could be asked, nobody
// answered. Without STONITH that is a dead peer, as in the original. With STONITH such a peer may
// be alive, reset this node and take over; then it lacks what is acknowledged from now on.
func Ignorance(stonith bool) int {
	if stonith {
		return Failed
	}
	return Unreachable
}

// valueOf is what an exit code of drbdadm outdate means.
func valueOf(code int) int {
	switch code {
	case 0:
		return Outdated
	case exitInconsistent:
		return Inconsistent
	case exitPrimary:
		return Active
	}
	return Failed
}

// Meaning says a value in words.
func Meaning(value int) string {
	switch value {
	case Inconsistent:
		return "its data is inconsistent"
	case Outdated:
		return "its data is outdated now"
	case Unreachable:
		return "it cannot be reached"
	case Active:
		return "it is Primary"
	case Stonithed:
		return "it was reset"
	case Failed:
		return "nothing is known of it"
	case Busy:
		return "another request for the resource is under way"
	}
	return "unknown value"
}

// Bounds of what is read.
const (
	maxName  = 128
	maxValue = 255
)

// Request is what the outdater asks.
type Request struct{ Peer, Resource string }

// tellField is ours: whoever asks understands Hello.
const tellField = "hbd_tell"

// Message is the request on the socket.
func (r Request) Message() *message.Message {
	return message.New("t", "outdater", "src", Outdater, "outdater_peer", r.Peer, "outdater_res", r.Resource, tellField, "1")
}

// WantsHello tells whether a request is that of an outdater of ours.
func WantsHello(request *message.Message) bool { return request.Get(tellField) == "1" }

const helloType = "hbd_outdater_hello"

// Hello is sent before the answer by a dopd whose heartbeat has a STONITH device: from now on
// the outdater calls nobody unreachable because it hears nothing more.
func Hello(node string) *message.Message {
	return message.New("t", helloType, "src", node)
}

// IsHello tells whether a message is Hello.
func IsHello(m *message.Message) bool { return m.Get("t") == helloType }

// ParseRequest reads a request.
func ParseRequest(m *message.Message) (r Request, err error) {
	if t := m.Get("t"); t != "outdater" {
		return r, fmt.Errorf("message of type %.40q", t)
	}
	r = Request{Peer: strings.ToLower(m.Get("outdater_peer")), Resource: m.Get("outdater_res")}
	if !printable(r.Peer) {
		return r, fmt.Errorf("peer %.40q is no name of a node", r.Peer)
	}
	if !validResource(r.Resource) {
		return r, fmt.Errorf("%.40q is no name of a resource", r.Resource)
	}
	return r, nil
}

// Answer is the reply on the socket.
func Answer(node string, value int) *message.Message {
	return message.New("t", "outdater_rc", "src", node, "dop_value", strconv.Itoa(value))
}

// ParseAnswer reads a reply: the value, and who gave it.
func ParseAnswer(m *message.Message) (value int, src string, err error) {
	if t := m.Get("t"); t != "outdater_rc" {
		return 0, "", fmt.Errorf("message of type %.40q", t)
	}
	value, err = parseValue(m)
	return value, m.Get("src"), err
}

func parseValue(m *message.Message) (int, error) {
	v, err := strconv.Atoi(m.Get("dop_value"))
	if err != nil || v < 0 || v > maxValue {
		return 0, fmt.Errorf("value %.40q is none", m.Get("dop_value"))
	}
	return v, nil
}

// IDField is ours: the number of a question, which its answer repeats. Both are without it
// where a dopd of 3.0.6 asks or answers.
const IDField = "hbd_id"

const maxID = 64

func idOf(m *message.Message) string {
	if id := m.Get(IDField); len(id) <= maxID {
		return id
	}
	return ""
}

func startMessage(src, dest, resource, id string) *message.Message {
	return message.New("t", "start_outdate", "src", src, "dop_res", resource, "dest", dest, IDField, id)
}

func rcMessage(src, dest, resource, id string, value int) *message.Message {
	m := message.New("t", "outdate_rc", "dop_value", strconv.Itoa(value), "dop_res", resource, "src", src, "dest", dest)
	if id != "" {
		m.Add(IDField, id)
	}
	return m
}

// validResource keeps out what drbdadm would take for something else than the name of
// one resource: options, "all", volumes, lists.
func validResource(name string) bool {
	return printable(name) && name[0] != '-' && name != "all" && !strings.ContainsAny(name, "/,:")
}

func printable(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return false
		}
	}
	return true
}
