package media

// Packet is a frame that came in.
type Packet struct {
	Link  string // the medium's Link
	Frame []byte // the receiver owns it
}

// Medium is one way to the other nodes, or one ping node or group.
type Medium interface {
	// Link is the name of the link in logs and status: the interface, the tty,
	// the ping host, or the name of the ping group.
	Link() string
	// Kind is the directive of ha.cf that asks for such a medium.
	Kind() string
	// Text says that Send wants the classic text form, without a final NUL.
	Text() bool
	// Ping says that this is a ping medium: Send gets the frame that shall come
	// back, whose src is the ping node.
	Ping() bool
	// Open opens the medium and starts its goroutines. recv is called from one
	// of them, for one packet at a time, and must not wait for whoever calls
	// Close. An error means that nothing was started; a medium is opened once.
	Open(recv func(Packet)) error
	// Persist is Open for one that must not give up: a medium that cannot be opened
	// now is tried again and again, like one that was lost. The error says why it is
	// not open yet.
	Persist(recv func(Packet)) error
	// Send hands a frame to the system, or to the queue of a serial line. It never
	// blocks and may be called from anywhere; the frame must not be changed
	// afterwards.
	Send(frame []byte)
	// Stats may be called from anywhere.
	Stats() Stats
	// Close ends the medium and waits for its goroutines. What waits in the queue
	// is lost. Further calls do nothing.
	Close() error
	// Describe is what the original logs when it starts such a medium, one info
	// line each.
	Describe() []string
}

// Stats are counts since Open.
type Stats struct {
	Sent, SentBytes         uint64 // frames handed to the system
	Received, ReceivedBytes uint64 // frames handed to recv
	QueueDrops              uint64 // frames given up because the queue, or the socket's buffer, was full
	SendErrors              uint64 // frames that the system refused, or that met a closed medium
	ReceiveErrors           uint64 // failed reads
	Garbage                 uint64 // input that is no frame: foreign ICMP, spoiled serial frames
	Reopens                 uint64 // times the medium was opened again
	Open                    bool   // the socket or line is open now
	LastError               string // "" while all is well
}

// The kinds of media.
const (
	KindBcast     = "bcast"
	KindUcast     = "ucast"
	KindMcast     = "mcast"
	KindUcast6    = "ucast6"
	KindMcast6    = "mcast6"
	KindSerial    = "serial"
	KindPing      = "ping"
	KindPing6     = "ping6"
	KindPingGroup = "ping_group"
)
