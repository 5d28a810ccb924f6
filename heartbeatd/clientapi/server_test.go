package clientapi

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/message"

	"golang.org/x/sys/unix"
)

// heartbeat-behaviour 6, the texts as seen on 3.0.6.
func TestSignonRefused(t *testing.T) {
	rules := append(everybody("anon", "good"), Rule{Client: "strict", UIDs: []int{os.Geteuid() + 1}, GIDs: []int{os.Getegid() + 1}})
	w := newWorld(t, rules...)
	uid, gid := fmt.Sprint(os.Geteuid()), fmt.Sprint(os.Getegid())
	w.signon("good")
	for _, c := range []struct {
		name, info string
		kv         []string
	}{
		{"uid", "incorrect/false credentials", []string{"pid", me(), "from_id", me(), "uid", "7", "gid", gid}},
		{"gid", "incorrect/false credentials", []string{"pid", me(), "from_id", me(), "uid", uid, "gid", "7"}},
		{"pid", "bad pid", []string{"pid", "1", "from_id", "1", "uid", uid, "gid", gid}},
		{"no pid", "EINVAL", []string{"from_id", me(), "uid", uid, "gid", gid}}, // kills 3.0.6
		{"no from_id", "EINVAL", []string{"pid", me(), "uid", uid, "gid", gid}},
		{"no uid", "EINVAL", []string{"pid", me(), "from_id", me(), "gid", gid}},
		{"unknown name", "no default client auth", []string{"pid", me(), "from_id", "foo", "uid", uid, "gid", gid}},
		{"number of another process", "no default client auth", []string{"pid", me(), "from_id", "1", "uid", uid, "gid", gid}},
		{"not in the lists", "client failed authorization", []string{"pid", me(), "from_id", "strict", "uid", uid, "gid", gid}},
		{"name taken", "duplicate add request", []string{"pid", me(), "from_id", "good", "uid", uid, "gid", gid}},
		{"name with newline", "bad client name", []string{"pid", me(), "from_id", "a\nb", "uid", uid, "gid", gid}},
		{"long name", "bad client name", []string{"pid", me(), "from_id", strings.Repeat("x", 200), "uid", uid, "gid", gid}},
	} {
		r := w.dial()
		r.send(append([]string{"t", "hbapi-req", "reqtype", "signon", "dest", "node1"}, c.kv...)...)
		want := "t=hbapi-resp | reqtype=signon | info=" + c.info + " | result=badreq | deadtime=bb8 | keepalive=3e8 | node=node1 | hbversion="
		if got := r.next(); !strings.HasPrefix(got, want) {
			t.Errorf("%s:\n got %s\nwant %s...", c.name, got, want)
		}
		r.wantEOF(c.name)
	}
	for _, want := range []string{"WARN: Client [foo] pid " + me() + " failed authorization [no default client auth]",
		"ERROR: api_process_registration_msg: cannot add client(foo)", "WARN: api_add_client: bad pid [1]",
		"WARN: duplicate client add request [good] [" + me() + "]"} {
		if !w.log.has(want) {
			t.Errorf("not logged: %s", want)
		}
	}
	// "default" rules names without a rule of their own; a group will do.
	w = newWorld(t, Rule{Client: "default", GIDs: []int{os.Getegid()}}, Rule{Client: "strict"})
	w.signon("foo")
	r := w.dial()
	r.request("strict", "signon", "uid", uid, "gid", gid)
	if got := r.next(); !strings.Contains(got, "info=client failed authorization") {
		t.Errorf("an empty rule let somebody in: %s", got)
	}
}

func TestRequests(t *testing.T) {
	w := newWorld(t, everybody("anon")...)
	w.b.Edit(func(v *cluster.View, _ map[string]string) { v.Nodes[2].Site = "here" })
	r := w.signon(me())
	bad := func(kind string) string { return "t=hbapi-resp | reqtype=" + kind + " | result=badreq | info=EINVAL" }
	for _, c := range []struct {
		kind string
		kv   []string
		want []string // after t and reqtype, or whole if it begins with t=
	}{
		{"nodelist", nil, []string{"node=192.168.77.254 | nodetype=ping | st=ping | result=ok/more",
			"node=node1 | nodetype=normal | st=active | result=ok/more", "node=node2 | nodetype=normal | st=active | result=OK"}},
		{"nodestatus", []string{"node", "NODE2"}, []string{"st=active | result=OK"}},
		{"nodestatus", []string{"node", "x"}, []string{bad("nodestatus")}},
		{"nodestatus", nil, []string{bad("nodestatus")}},
		{"nodetype", []string{"node", "192.168.77.254"}, []string{"nodetype=ping | result=OK"}},
		{"nodeweight", []string{"node", "node2"}, []string{"weight=100 | result=OK"}},
		{"nodesite", []string{"node", "node2"}, []string{"site=here | result=OK"}},
		{"nodesite", []string{"node", "node1"}, []string{"site= | result=OK"}},
		{"iflist", []string{"node", "node2"}, []string{"ifname=eth0 | st=up | result=ok/more", "ifname=eth1 | st=up | result=OK"}},
		{"iflist", []string{"node", "192.168.77.254"}, []string{"ifname=192.168.77.254 | st=up | result=OK"}},
		{"iflist", []string{"node", "x"}, []string{bad("iflist")}},
		{"ifstatus", []string{"node", "node2", "ifname", "eth0"}, []string{"st=up | result=OK"}},
		{"ifstatus", []string{"node", "node2", "ifname", "zz"}, []string{bad("ifstatus")}},
		{"ifstatus", []string{"node", "node2"}, []string{bad("ifstatus")}},
		{"numnodes", nil, []string{"numnodes=2 | result=OK"}},
		{"getrsc", nil, []string{"rsc_hold=local | result=OK"}},
		{"getparm", []string{"pname", "deadtime"}, []string{"pvalue=3 | result=OK"}},
		{"getparm", []string{"pname", "xx"}, []string{"result=OK"}},
		{"getparm", nil, []string{bad("getparm")}},
		{"getuuid", []string{"queryname", "node2"}, []string{"(1)queryuuid=EBESExQVFhcYGRobHB0eHw== | result=OK"}},
		{"getuuid", []string{"queryname", "zz"}, []string{"result=OK"}},
		{"getuuid", nil, []string{bad("getuuid")}},
		{"getnodename", nil, []string{bad("getnodename")}},
		{"setfilter", []string{"fmask", "1"}, []string{"result=OK"}},
		{"setfilter", []string{"fmask", "zz"}, []string{bad("setfilter")}},
		{"setfilter", []string{"fmask", "0"}, []string{bad("setfilter")}},
		{"setfilter", nil, []string{bad("setfilter")}},
		{"setsignal", []string{"signal", "0"}, []string{"result=OK"}},
		{"setsignal", []string{"signal", "9"}, []string{bad("setsignal")}},
		{"setsignal", []string{"signal", "19"}, []string{bad("setsignal")}},
		{"setsignal", []string{"signal", "99"}, []string{bad("setsignal")}},
		{"setsignal", []string{"signal", "-1"}, []string{bad("setsignal")}},
		{"clientstatus", []string{"node", "node1", "cn", me()}, []string{"subt=respond-cstatus | cs=online | result=OK"}},
		{"clientstatus", []string{"node", "node1", "cn", "zz"}, []string{"subt=respond-cstatus | cs=offline | result=OK"}},
		{"clientstatus", []string{"node", "192.168.77.254", "cn", "zz"}, []string{"subt=respond-cstatus | cs=offline | result=OK"}},
		{"clientstatus", []string{"node", "zz", "cn", "zz"}, []string{bad("clientstatus")}},
		{"clientstatus", []string{"node", "node1"}, []string{bad("clientstatus")}},
		{"clientstatus", []string{"node", "node2", "cn", "ipfail"}, []string{"t=respond-cstatus | dest=node1 | result=OK | cn=ipfail | to_id=" + me() + " | cs=online | src=node2"}},
		{"signon", nil, []string{"result=badreq"}},
		{"bogus", nil, []string{"result=badreq"}},
	} {
		r.request(me(), c.kind, c.kv...)
		for _, want := range c.want {
			if !strings.HasPrefix(want, "t=") {
				want = "t=hbapi-resp | reqtype=" + c.kind + " | " + want
			}
			if got := r.next(); got != want {
				t.Errorf("%s %v:\n got %s\nwant %s", c.kind, c.kv, got, want)
			}
		}
	}
	// No reply to these; the next request is answered.
	r.send("t", "hbapi-req", "dest", "node1")
	r.request(me(), "set_sendqlen", "sendqlen", "300")
	r.request(me(), "set_sendqlen", "sendqlen", "-1")
	r.body(">>>\nt=hbapi-req\nreqtype=getnodename\n(1)queryuuid=EBESExQVFhcYGRobHB0eHw==\n<<<\n\x00")
	if got, want := r.next(), "t=hbapi-resp | reqtype=getnodename | queryname=node2 | result=OK"; got != want {
		t.Errorf("getnodename: got %s, want %s", got, want)
	}
	r.request(me(), "signoff")
	r.wantEOF("signoff")
	for _, want := range []string{"ERROR: api_process_request: bad request [nodestatus]", "ERROR: Unknown API request",
		"ERROR: api_process_request: no fromid/pid/reqtype in message.", "ERROR: MSG[1] : [reqtype=nodestatus]",
		"info: the send queue length from heartbeat to client " + me() + " is set to 300", "ERROR: api_set_sendqlen: invalid length value(-1)"} {
		if !w.log.has(want) {
			t.Errorf("not logged: %s", want)
		}
	}
}

func (w *world) wait(event string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitTime)
	defer cancel()
	if events, ok := w.b.Wait(ctx, event); !ok {
		w.t.Fatalf("no %q; there were %q", event, events)
	}
}

func TestClientsAndTheCluster(t *testing.T) {
	w := newWorld(t, everybody("anon", "ipfail", "foo")...)
	r := w.signon("ipfail")
	w.wait("join ipfail")
	if !w.s.Online("ipfail") || w.s.Online("foo") {
		t.Error("Online")
	}
	// How ipfail asks for standby.
	r.send("t", "ask_resources", "rsc_hold", "all", "src", "node1", "info", "me")
	w.wait("message from ipfail: t=ask_resources rsc_hold=all src=node1 info=me")
	// The API's own types do not go to the cluster.
	r.send("t", "hbapi-clstat", "st", "leave", "from_id", "foo")
	r.request("ipfail", "signoff")
	r.wantEOF("signoff")
	w.wait("leave ipfail: signoff")
	if n := len(w.b.Messages()); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	// Casual clients may not send to the cluster: it costs the connection.
	r = w.signon(me())
	w.wait("join casual")
	r.send("t", "ask_resources", "rsc_hold", "all", "info", "me")
	r.wantEOF("message of a casual client")
	w.wait("leave " + me() + ": general message from casual client")
	// One that just goes.
	r = w.signon("foo")
	r.Close()
	w.wait("leave foo: EOF")
}

func TestDeliver(t *testing.T) {
	w := newWorld(t, everybody("anon", "ipfail", "foo")...)
	ipfail, foo, casual := w.signon("ipfail"), w.signon("foo"), w.signon(me())
	status := message.New("t", "status", "st", "dead", "src", "node2", "seq", "1")
	w.s.Deliver(status)
	for name, r := range map[string]*raw{"ipfail": ipfail, "foo": foo, "casual": casual} {
		if got, want := r.next(), "t=status | st=dead | src=node2 | seq=1"; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	// A message to a name goes to that client alone.
	w.s.Deliver(message.New("t", "num_ping_nodes", "num_ping", "2", "to_id", "ipfail"))
	w.s.Deliver(message.New("t", "x", "to_id", "nobody"))
	w.s.Deliver(message.New("t", "respond-cstatus", "to_id", me(), "cs", "online"))
	if got, want := ipfail.next(), "t=num_ping_nodes | num_ping=2 | to_id=ipfail"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := casual.next(), "t=respond-cstatus | to_id="+me()+" | cs=online"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// Other classes only for who asked; and who asked for those alone does not get the rest.
	if w.s.Wants(FilterNoChange) {
		t.Error("somebody wants unchanged statuses")
	}
	if os.Geteuid() == 0 {
		foo.request("foo", "setfilter", "fmask", "2")
		foo.next()
		if !w.s.Wants(FilterNoChange) {
			t.Error("foo wants unchanged statuses")
		}
		w.s.Deliver(status)
		w.s.DeliverAs(FilterNoChange, message.New("t", "status", "same", "1"))
		if got, want := foo.next(), "t=status | same=1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSignal(t *testing.T) {
	w := newWorld(t, everybody("foo")...)
	r := w.signon("foo")
	got := make(chan os.Signal, 10)
	signal.Notify(got, unix.SIGUSR1)
	defer signal.Stop(got)
	r.request("foo", "setsignal", "signal", fmt.Sprint(int(unix.SIGUSR1)))
	r.next()
	w.s.Deliver(message.New("t", "status"))
	r.next()
	select {
	case <-got:
	case <-time.After(waitTime):
		t.Error("no signal came with the message")
	}
}

func TestClose(t *testing.T) {
	w := newWorld(t, everybody("anon", "foo")...)
	r, silent := w.signon("foo"), w.dial()
	if err := NewServer(Options{Path: w.path}, w.b).Listen(); err == nil || !strings.Contains(err.Error(), "another daemon") {
		t.Errorf("a second server on the socket: %v", err)
	}
	if err := w.s.Close(); err != nil {
		t.Error(err)
	}
	r.wantEOF("close")
	silent.wantEOF("close")
	if _, err := os.Stat(w.path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	// A socket of a dead daemon is replaced; a file is not.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Bind(fd, &unix.SockaddrUnix{Name: w.path})
	unix.Close(fd)
	s := NewServer(Options{Path: w.path}, w.b)
	if err := s.Listen(); err != nil {
		t.Error(err)
	}
	if fi, err := os.Stat(w.path); err != nil || fi.Mode().Perm() != 0o777 {
		t.Errorf("%v %v, want mode 0777", fi, err)
	}
	s.Close()
	os.WriteFile(w.path, nil, 0o600)
	if err := NewServer(Options{Path: w.path}, w.b).Listen(); err == nil {
		t.Error("a file was replaced")
	}
}
