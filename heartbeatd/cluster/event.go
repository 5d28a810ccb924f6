package cluster

import "classicha/heartbeatd/message"

// Event is something that happened outside. Step takes one.
type Event interface{ event() }

type (
	// Tick says that Next has been reached, or nothing at all.
	Tick struct{}

	// Packet is a frame that a medium heard, unverified.
	Packet struct {
		Link  string // the medium's link name; for ICMP the ping node's name
		Frame []byte
	}

	// FromScript is a frame that a local program wrote into the FIFO: text, unsigned,
	// trusted because only root can write there.
	FromScript struct{ Frame []byte }

	// Stop asks for a graceful stop (SIGTERM).
	Stop struct{}

	// Reload asks for a restart in place that keeps the resources (SIGHUP, ha.cf changed).
	Reload struct{}

	// NewKeys replaces authkeys.
	NewKeys struct{ Keys *message.Keys }

	// Standby is hb_standby through the control socket.
	Standby struct{ Class Class }

	// Load is the text of /proc/loadavg for the ld field.
	Load struct{ Text string }

	// GroupChanged tells that a running job has begun or ended one group.
	GroupChanged struct {
		Group int
		State GroupState
	}

	// JobDone ends a Run action. Failed lists groups that could not be started (they
	// were given up) or could not be stopped (they may still run).
	JobDone struct {
		Job    uint64
		Failed []int
		Reason string
	}

	// FenceDone ends a Fence action.
	FenceDone struct {
		Node   string
		ID     uint64 // of the Fence
		OK     bool
		Result string // OK, bad, badhost: the word of the stonith message
	}

	// WantReset: somebody who depends on a dead node doing nothing any more (dopd) wants it
	// reset even if it gave its resources up. Without STONITH, or for a node that left, nothing.
	WantReset struct{ Node string }

	// ClientJoined and ClientLeft: a named API client signed on, went away.
	ClientJoined struct{ Name string }
	ClientLeft   struct{ Name, Reason string }

	// FromClient is a message of a named API client for the cluster.
	FromClient struct {
		Name string
		Msg  *message.Message
	}

	// AskClient asks whether a client is online on another node (cl_status clientstatus).
	AskClient struct {
		Node, Client string
		ID           string
	}

	// LocalClients answers: the daemon keeps the core informed of who is signed on
	// by ClientJoined/ClientLeft; nothing else is needed.
)

func (Tick) event()         {}
func (Packet) event()       {}
func (FromScript) event()   {}
func (Stop) event()         {}
func (Reload) event()       {}
func (NewKeys) event()      {}
func (Standby) event()      {}
func (Load) event()         {}
func (GroupChanged) event() {}
func (JobDone) event()      {}
func (FenceDone) event()    {}
func (WantReset) event()    {}
func (ClientJoined) event() {}
func (ClientLeft) event()   {}
func (FromClient) event()   {}
func (AskClient) event()    {}
