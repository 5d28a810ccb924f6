package clientapi

import (
	"strconv"
	"time"

	"classicha/heartbeatd/message"
)

// signon handles a connection's first message. Anything but a signon that may
// be granted ends the connection; the reply says why. (3.0.6 itself dies of a
// signon without pid, as seen.)
func (c *conn) signon(m *message.Message) (reason string) {
	if m.Get("t") != "hbapi-req" || m.Get("reqtype") != "signon" {
		c.logf("ERROR", "api_process_registration_msg: bad message")
		c.dump(m)
		return "bad message"
	}
	name := m.Get("from_id")
	info := c.mayJoin(m, name)
	if info == "" && !c.s.register(name, c) {
		c.logf("WARN", "duplicate client add request [%s] [%d]", name, c.cred.Pid)
		info = "duplicate add request"
	}
	resp := message.New("t", "hbapi-resp", "reqtype", "signon")
	if info != "" {
		resp.Add("info", info)
		resp.Add("result", "badreq")
	} else {
		resp.Add("result", "OK")
	}
	v := c.s.backend.View()
	resp.Add("deadtime", strconv.FormatInt(v.DeadtimeMS, 16))
	resp.Add("keepalive", strconv.FormatInt(v.KeepaliveMS, 16))
	resp.Add("node", v.Node)
	resp.Add("hbversion", v.Version)
	resp.Add("pacemaker", "false")
	resp.Add("logfacility", strconv.Itoa(c.s.opt.LogFacility))
	c.q.put(appendFrame(nil, resp), true)
	if info != "" {
		c.logf("ERROR", "api_process_registration_msg: cannot add client(%s)", printable(name))
		return info
	}
	c.name = name
	c.casual = name == pidName(c.cred.Pid)
	c.uc.SetReadDeadline(time.Time{}) // a client may be silent for ever
	c.s.backend.ClientJoined(name, int(c.cred.Pid), c.casual)
	return ""
}

// mayJoin checks credentials and apiauth; a text says why not.
func (c *conn) mayJoin(m *message.Message, name string) (info string) {
	uid, uok := number(m, "uid")
	gid, gok := number(m, "gid")
	pid, pok := number(m, "pid")
	switch {
	case name == "" || !uok || !gok || !pok:
		return "EINVAL"
	case uid != int64(c.cred.Uid) || gid != int64(c.cred.Gid):
		return "incorrect/false credentials"
	case pid != int64(c.cred.Pid):
		c.logf("WARN", "api_add_client: bad pid [%d]", pid)
		return "bad pid"
	case len(name) > maxName || printable(name) != name:
		return "bad client name"
	}
	ruleName := name
	if name == pidName(c.cred.Pid) {
		ruleName = "anon"
	}
	r, ok := c.s.rule(ruleName)
	switch {
	case !ok:
		info = "no default client auth"
	case !r.allows(c.cred.Uid, c.cred.Gid):
		info = "client failed authorization"
	}
	if info != "" {
		c.logf("WARN", "Client [%s] pid %d failed authorization [%s]", name, c.cred.Pid, info)
	}
	return info
}

// maxName bounds the name of a client.
const maxName = 128

// printable makes a name fit for a log line.
func printable(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c <= ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b[:min(len(b), maxName)])
}

// number reads a decimal field.
func number(m *message.Message, field string) (int64, bool) {
	n, err := strconv.ParseInt(m.Get(field), 10, 64)
	return n, err == nil
}
