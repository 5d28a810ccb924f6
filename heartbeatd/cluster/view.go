package cluster

import "time"

// View is the state of a node as its status outputs show it: hb_mon, cl_status,
// the client API and the JSON all print this and nothing else. It is a copy.
type View struct {
	Node       string    `json:"node"`       // our name
	Version    string    `json:"version"`    // set by the daemon
	Generation uint64    `json:"generation"` // hg of this run
	Started    time.Time `json:"started"`
	Now        time.Time `json:"now"`
	Status     string    `json:"status"`   // init, up, active, dead
	CommUp     bool      `json:"comm_up"`  // the client API is open
	Shutdown   bool      `json:"shutdown"` // a graceful stop has begun

	AutoFailback string `json:"auto_failback"`  // on, off, legacy
	ResState     string `json:"resource_state"` // init, starting, bothstarting, rscrcvd, stable, shutdown
	Holds        string `json:"holds"`          // none, local, foreign, all (ours, cl_status's classes)
	Stable       bool   `json:"stable"`         // false: cl_status rscstatus says "transition"
	Standby      string `json:"standby"`        // "", or "me foreign", "other all", "done local"
	Fencing      bool   `json:"fencing"`        // a STONITH device is configured

	Nodes    []NodeView       `json:"nodes"`    // order of ha.cf, ping nodes last
	Groups   []GroupView      `json:"groups"`   // order of haresources
	Warnings []string         `json:"warnings"` // conditions that stand now
	Counters map[string]int64 `json:"counters"` // dropped frames by cause, retransmissions, ...

	DeadtimeMS, KeepaliveMS int64
}

// NodeView is one node as we see it.
type NodeView struct {
	Name   string     `json:"name"`
	Type   string     `json:"type"`   // normal, ping
	Status string     `json:"status"` // init, up, active, dead, ping
	UUID   string     `json:"uuid"`   // 32 hex digits, empty if unknown
	Ours   bool       `json:"ours"`   // runs this program (not Heartbeat 3.0.6)
	Holds  string     `json:"holds"`  // none, local, foreign, all, from its own point of view; "unknown"
	Stable bool       `json:"stable"`
	Links  []LinkView `json:"links"`
	Weight int        `json:"weight"`
	Site   string     `json:"site"`
	LastMS int64      `json:"last_ms"`         // since its last status; -1 never
	Left   bool       `json:"left,omitempty"`  // it stopped gracefully
	Reset  bool       `json:"reset,omitempty"` // it is dead and was reset some seconds ago (STONITH)
}

// LinkView is one medium on which a node can be heard.
type LinkView struct {
	Name   string `json:"name"`   // eth0, /dev/ttyS0, a ping host
	Status string `json:"status"` // up, dead
}

// GroupView is one line of haresources.
type GroupView struct {
	Key       string   `json:"key"`  // its second word
	Home      string   `json:"home"` // its first word
	Resources []string `json:"resources"`
	Owner     string   `json:"owner"`  // node that claims it; "" nobody or unknown
	State     string   `json:"state"`  // stopped, starting, running, stopping, failed, unknown
	Reason    string   `json:"reason"` // why it failed, for people
}
