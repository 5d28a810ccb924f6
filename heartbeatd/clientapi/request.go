package clientapi

import (
	"context"
	"strconv"
	"strings"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/message"
)

// errEINVAL is the info of most refusals.
const errEINVAL = "EINVAL"

// badRequest is why a request is refused: the reply's info, may be empty.
type badRequest string

// handlers are the requests of a client that has signed on (heartbeat-behaviour
// 6). A handler adds its fields to resp; a *badRequest refuses.
var handlers = map[string]func(c *conn, req, resp *message.Message) *badRequest{
	"nodelist":     (*conn).nodeList,
	"nodestatus":   ofNode("st", func(n *cluster.NodeView) string { return n.Status }),
	"nodetype":     ofNode("nodetype", func(n *cluster.NodeView) string { return n.Type }),
	"nodeweight":   ofNode("weight", func(n *cluster.NodeView) string { return strconv.Itoa(n.Weight) }),
	"nodesite":     ofNode("site", func(n *cluster.NodeView) string { return n.Site }),
	"iflist":       (*conn).linkList,
	"ifstatus":     (*conn).linkStatus,
	"clientstatus": (*conn).clientStatus,
	"numnodes":     (*conn).numNodes,
	"getparm":      (*conn).param,
	"getrsc":       (*conn).resources,
	"getuuid":      (*conn).uuidOf,
	"getnodename":  (*conn).nameOf,
	"setfilter":    (*conn).setFilter,
	"setsignal":    (*conn).setSignal,
}

// noReply is returned by a handler that has answered, or will answer, by itself.
var noReply = new(badRequest)

func invalid() *badRequest { b := badRequest(errEINVAL); return &b }

// request answers one request. A reason ends the connection.
func (c *conn) request(m *message.Message) (reason string) {
	kind, ok := m.Lookup("reqtype")
	if !ok {
		c.logf("ERROR", "api_process_request: no fromid/pid/reqtype in message.")
		return ""
	}
	switch kind {
	case "signoff":
		return "signoff"
	case "set_sendqlen":
		c.setQueueLen(m)
		return ""
	}
	resp := message.New("t", "hbapi-resp", "reqtype", kind)
	h, known := handlers[kind]
	if !known {
		c.logf("ERROR", "Unknown API request")
		none := badRequest("")
		c.refuse(m, kind, &none)
		return ""
	}
	switch bad := h(c, m, resp); bad {
	case nil:
		resp.Add("result", "OK")
		c.reply(resp)
	case noReply:
	default:
		c.refuse(m, kind, bad)
	}
	return ""
}

func (c *conn) refuse(m *message.Message, kind string, bad *badRequest) {
	c.logf("ERROR", "api_process_request: bad request [%s]", printable(kind))
	c.dump(m)
	resp := message.New("t", "hbapi-resp", "reqtype", kind, "result", "badreq")
	if *bad != "" {
		resp.Add("info", string(*bad))
	}
	c.reply(resp)
}

// findNode looks a node up, whatever the letter case.
func findNode(v *cluster.View, name string) *cluster.NodeView {
	for i := range v.Nodes {
		if strings.EqualFold(v.Nodes[i].Name, name) {
			return &v.Nodes[i]
		}
	}
	return nil
}

// ofNode makes a handler that returns one property of a node.
func ofNode(field string, get func(*cluster.NodeView) string) func(*conn, *message.Message, *message.Message) *badRequest {
	return func(c *conn, req, resp *message.Message) *badRequest {
		v := c.s.backend.View()
		n := findNode(&v, req.Get("node"))
		if n == nil {
			return invalid()
		}
		resp.Add(field, get(n))
		return nil
	}
}

// nodeList sends a reply for each node, in the order of ha.cf; the client
// library hands them out in reverse.
func (c *conn) nodeList(req, resp *message.Message) *badRequest {
	v := c.s.backend.View()
	if len(v.Nodes) == 0 {
		return invalid()
	}
	for i, n := range v.Nodes {
		r := message.New("t", "hbapi-resp", "reqtype", "nodelist",
			"node", n.Name, "nodetype", n.Type, "st", n.Status, "result", more(i, len(v.Nodes)))
		c.reply(r)
	}
	return noReply
}

// more is the result of the i-th of n replies.
func more(i, n int) string {
	if i+1 < n {
		return "ok/more"
	}
	return "OK"
}

func (c *conn) linkList(req, resp *message.Message) *badRequest {
	v := c.s.backend.View()
	n := findNode(&v, req.Get("node"))
	if n == nil || len(n.Links) == 0 {
		return invalid()
	}
	for i, l := range n.Links {
		c.reply(message.New("t", "hbapi-resp", "reqtype", "iflist",
			"ifname", l.Name, "st", l.Status, "result", more(i, len(n.Links))))
	}
	return noReply
}

func (c *conn) linkStatus(req, resp *message.Message) *badRequest {
	v := c.s.backend.View()
	if n := findNode(&v, req.Get("node")); n != nil {
		for _, l := range n.Links {
			if l.Name == req.Get("ifname") {
				resp.Add("st", l.Status)
				return nil
			}
		}
	}
	return invalid()
}

func (c *conn) numNodes(req, resp *message.Message) *badRequest {
	n := 0
	for _, node := range c.s.backend.View().Nodes {
		if node.Type != "ping" {
			n++
		}
	}
	resp.Add("numnodes", strconv.Itoa(n))
	return nil
}

// param answers without a value when there is none, as seen.
func (c *conn) param(req, resp *message.Message) *badRequest {
	name, ok := req.Lookup("pname")
	if !ok {
		return invalid()
	}
	if value, ok := c.s.backend.Param(name); ok {
		resp.Add("pvalue", value)
	}
	return nil
}

func (c *conn) resources(req, resp *message.Message) *badRequest {
	v := c.s.backend.View()
	held := v.Holds
	switch {
	case v.AutoFailback == "legacy":
		held = "none" // legacy mode keeps no account
	case !v.Stable:
		held = "transition"
	case held == "":
		held = "none"
	}
	resp.Add("rsc_hold", held)
	return nil
}

func (c *conn) uuidOf(req, resp *message.Message) *badRequest {
	name, ok := req.Lookup("queryname")
	if !ok {
		return invalid()
	}
	if uuid, ok := c.s.backend.UUIDOf(strings.ToLower(name)); ok {
		resp.SetBin("queryuuid", uuid)
	}
	return nil
}

func (c *conn) nameOf(req, resp *message.Message) *badRequest {
	uuid := req.Bin("queryuuid")
	if len(uuid) != 16 {
		return invalid()
	}
	if name, ok := c.s.backend.NameOf(uuid); ok {
		resp.Add("queryname", name)
	}
	return nil
}

// clientStatus answers for our own node and for nodes that cannot answer. For
// another active node the answer comes later, as that node's message.
func (c *conn) clientStatus(req, resp *message.Message) *badRequest {
	v := c.s.backend.View()
	n, client := findNode(&v, req.Get("node")), req.Get("cn")
	if n == nil || client == "" {
		return invalid()
	}
	online := false
	switch {
	case strings.EqualFold(n.Name, v.Node):
		online = c.s.Online(client)
		if !online {
			ctx, cancel := context.WithTimeout(c.s.ctx, queryTimeout)
			online, _ = c.s.backend.ClientStatus(ctx, n.Name, client)
			cancel()
		}
	case n.Type != "ping" && (n.Status == "active" || n.Status == "up"):
		return c.askOther(n.Name, client)
	}
	resp.Add("subt", "respond-cstatus")
	resp.Add("cs", onOff(online))
	return nil
}

func onOff(online bool) string {
	if online {
		return "online"
	}
	return "offline"
}

// askOther starts a query to another node.
func (c *conn) askOther(node, client string) *badRequest {
	if c.queries.Add(1) > maxQueries {
		c.queries.Add(-1)
		busy := badRequest("EAGAIN")
		return &busy
	}
	// The reader, which runs here, holds a count of wg: it is not zero.
	c.s.wg.Add(1)
	go func() {
		defer c.s.wg.Done()
		defer c.queries.Add(-1)
		ctx, cancel := context.WithTimeout(c.s.ctx, queryTimeout)
		defer cancel()
		online, err := c.s.backend.ClientStatus(ctx, node, client)
		if err != nil {
			return // the client has a timeout of its own, and no word for this
		}
		frame := appendFrame(nil, message.New("t", "respond-cstatus", "dest", c.s.backend.View().Node,
			"result", "OK", "cn", client, "to_id", c.name, "cs", onOff(online), "src", node))
		c.q.put(frame, false) // a client that does not read has no use for it
	}()
	return noReply
}
