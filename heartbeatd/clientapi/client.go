package clientapi

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"classicha/heartbeatd/message"
)

// ErrNoDaemon: nothing answers at the socket. Its text is the original's.
var ErrNoDaemon = errors.New("hb_api_signon: Can't initiate connection to heartbeat")

// ErrTimeout: the answer did not come in time.
var ErrTimeout = errors.New("No timely response.")

// Refused is a reply of the daemon that refuses.
type Refused struct {
	Request string
	Info    string // the daemon's reason, may be empty
}

func (e *Refused) Error() string { return e.Info }

// Client is a connection to a daemon, ours or the original. It is for one
// goroutine.
type Client struct {
	// Node, Version: the daemon's name and what it calls its version.
	Node, Version       string
	Deadtime, Keepalive time.Duration

	uc       *net.UnixConn
	r        *bufio.Reader
	id       string
	dest     string
	deadline time.Time
	// Other holds messages of the cluster that came between replies.
	Other []*message.Message
}

// signoffTime bounds the wait of Close.
const signoffTime = 300 * time.Millisecond

// maxOther bounds Client.Other; older messages are dropped.
const maxOther = 1000

// Dial signs on. id is the client's name; empty means a casual client. All
// that is done with the Client must end before deadline.
func Dial(path, id string, deadline time.Time) (*Client, error) {
	if path == "" {
		path = DefaultPath
	}
	uc, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, ErrNoDaemon
	}
	uc.SetDeadline(deadline)
	c := &Client{uc: uc, r: bufio.NewReader(uc), id: id, deadline: deadline}
	if c.id == "" {
		c.id = strconv.Itoa(os.Getpid())
	}
	host, err := os.Hostname()
	if err != nil {
		uc.Close()
		return nil, fmt.Errorf("own node's name: %w", err)
	}
	c.dest = strings.ToLower(host)
	resp, err := c.one("signon", "uid", strconv.Itoa(os.Geteuid()), "gid", strconv.Itoa(os.Getegid()))
	if err != nil {
		uc.Close()
		return nil, err
	}
	c.Node, c.Version = resp.Get("node"), resp.Get("hbversion")
	c.Deadtime, c.Keepalive = hexMS(resp.Get("deadtime")), hexMS(resp.Get("keepalive"))
	return c, nil
}

func hexMS(s string) time.Duration {
	ms, _ := strconv.ParseInt(s, 16, 64)
	return time.Duration(ms) * time.Millisecond
}

// Close signs off and waits until the daemon has hung up, so that the same
// client can sign on again at once.
func (c *Client) Close() error {
	err := c.send(c.newRequest("signoff"))
	if err == nil {
		c.uc.SetReadDeadline(time.Now().Add(signoffTime))
		for readErr := error(nil); readErr == nil; {
			_, readErr = c.r.Discard(1)
		}
	}
	return errors.Join(err, c.uc.Close())
}

func (c *Client) newRequest(reqtype string, kv ...string) *message.Message {
	m := message.New("t", "hbapi-req", "reqtype", reqtype, "dest", c.dest,
		"pid", strconv.Itoa(os.Getpid()), "from_id", c.id)
	for i := 0; i+1 < len(kv); i += 2 {
		m.Add(kv[i], kv[i+1])
	}
	return m
}

func (c *Client) send(m *message.Message) error {
	_, err := c.uc.Write(appendFrame(nil, m))
	return timeoutOr(err)
}

// SendToCluster sends a message of a named client.
func (c *Client) SendToCluster(m *message.Message) error { return c.send(m) }

// Receive returns the next message of the cluster.
func (c *Client) Receive() (*message.Message, error) {
	if len(c.Other) > 0 {
		m := c.Other[0]
		c.Other = c.Other[1:]
		return m, nil
	}
	m, err := readFrame(c.r)
	return m, timeoutOr(err)
}

func timeoutOr(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrTimeout
	}
	return err
}

// Request sends a request and returns its replies, of which there may be many.
func (c *Client) Request(reqtype string, kv ...string) (replies []*message.Message, err error) {
	if err := c.send(c.newRequest(reqtype, kv...)); err != nil {
		return nil, err
	}
	for {
		m, err := readFrame(c.r)
		if err != nil {
			return nil, timeoutOr(err)
		}
		if m.Get("t") != "hbapi-resp" || m.Get("reqtype") != reqtype {
			if c.Other = append(c.Other, m); len(c.Other) > maxOther {
				c.Other = c.Other[1:]
			}
			continue
		}
		switch m.Get("result") {
		case "OK":
			return append(replies, m), nil
		case "ok/more":
			if replies = append(replies, m); len(replies) > message.MaxElements {
				return nil, fmt.Errorf("request %s: too many replies", reqtype)
			}
		default:
			return nil, &Refused{Request: reqtype, Info: m.Get("info")}
		}
	}
}

// one is a Request with one reply.
func (c *Client) one(reqtype string, kv ...string) (*message.Message, error) {
	replies, err := c.Request(reqtype, kv...)
	if err != nil {
		return nil, err
	}
	return replies[len(replies)-1], nil
}

// ask returns one field of one reply.
func (c *Client) ask(field, reqtype string, kv ...string) (string, error) {
	m, err := c.one(reqtype, kv...)
	if err != nil {
		return "", err
	}
	return m.Get(field), nil
}

// NodeInfo is a node as nodelist tells it.
type NodeInfo struct{ Name, Type, Status string }

// Nodes lists the nodes in the order in which the original's library hands them
// out: the last configured first.
func (c *Client) Nodes() ([]NodeInfo, error) {
	replies, err := c.Request("nodelist")
	if err != nil {
		return nil, err
	}
	var nodes []NodeInfo
	for _, m := range slices.Backward(replies) {
		nodes = append(nodes, NodeInfo{m.Get("node"), m.Get("nodetype"), m.Get("st")})
	}
	return nodes, nil
}

// NodeStatus is init, up, active, dead or ping.
func (c *Client) NodeStatus(node string) (string, error) {
	return c.ask("st", "nodestatus", "node", node)
}

// NodeType is normal or ping.
func (c *Client) NodeType(node string) (string, error) {
	return c.ask("nodetype", "nodetype", "node", node)
}

// NodeWeight is decimal.
func (c *Client) NodeWeight(node string) (string, error) {
	return c.ask("weight", "nodeweight", "node", node)
}

// NodeSite may be empty.
func (c *Client) NodeSite(node string) (string, error) {
	return c.ask("site", "nodesite", "node", node)
}

// Links lists the links of a node, the last configured first.
func (c *Client) Links(node string) ([]string, error) {
	replies, err := c.Request("iflist", "node", node)
	if err != nil {
		return nil, err
	}
	var links []string
	for _, m := range slices.Backward(replies) {
		links = append(links, m.Get("ifname"))
	}
	return links, nil
}

// LinkStatus is up or dead.
func (c *Client) LinkStatus(node, link string) (string, error) {
	return c.ask("st", "ifstatus", "node", node, "ifname", link)
}

// Resources is what the node holds: none, local, foreign, all or transition.
func (c *Client) Resources() (string, error) { return c.ask("rsc_hold", "getrsc") }

// Param is a directive of ha.cf; ok is false if there is none of that name.
func (c *Client) Param(name string) (value string, ok bool, err error) {
	m, err := c.one("getparm", "pname", name)
	if err != nil {
		return "", false, err
	}
	value, ok = m.Lookup("pvalue")
	return value, ok, nil
}

// ClientStatus is online or offline. Another node's answer is waited for until
// timeout.
func (c *Client) ClientStatus(node, client string, timeout time.Duration) (string, error) {
	if err := c.send(c.newRequest("clientstatus", "node", node, "cn", client)); err != nil {
		return "", err
	}
	until := time.Now().Add(timeout)
	if !c.deadline.IsZero() && c.deadline.Before(until) {
		until = c.deadline
	}
	c.uc.SetReadDeadline(until)
	defer c.uc.SetReadDeadline(c.deadline)
	for {
		m, err := readFrame(c.r)
		if err != nil {
			return "", timeoutOr(err)
		}
		switch {
		case m.Get("t") == "respond-cstatus" && m.Get("cn") == client:
			return m.Get("cs"), nil
		case m.Get("t") == "hbapi-resp" && m.Get("reqtype") == "clientstatus":
			if m.Get("result") != "OK" {
				// The original's library waits in vain here.
				return "", &Refused{Request: "clientstatus", Info: m.Get("info")}
			}
			return m.Get("cs"), nil
		}
	}
}
