package clientapi

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/message"
)

func TestClient(t *testing.T) {
	w := newWorld(t, everybody("anon", "foo")...)
	w.b.Edit(func(v *cluster.View, _ map[string]string) { v.Nodes[2].Links[1].Status = "dead" })
	c, err := Dial(w.path, "", time.Now().Add(waitTime))
	if err != nil {
		t.Fatal(err)
	}
	if c.Node != "node1" || !strings.HasPrefix(c.Version, "3.0.6") || c.Deadtime != 3*time.Second || c.Keepalive != time.Second {
		t.Errorf("signon said %+v", c)
	}
	nodes, err := c.Nodes()
	if want := []NodeInfo{{"node2", "normal", "active"}, {"node1", "normal", "active"}, {"192.168.77.254", "ping", "ping"}}; err != nil || !reflect.DeepEqual(nodes, want) {
		t.Errorf("nodes %v %v, want %v", nodes, err, want)
	}
	w.s.Deliver(message.New("t", "status", "st", "dead")) // comes between replies
	links, err := c.Links("node2")
	if err != nil || !reflect.DeepEqual(links, []string{"eth1", "eth0"}) {
		t.Errorf("links %v %v", links, err)
	}
	param, ok, err := c.Param("deadtime")
	_, unknown, _ := c.Param("nosuch")
	if param != "3" || !ok || err != nil || unknown {
		t.Errorf("param %s %v %v %v", param, ok, err, unknown)
	}
	for name, f := range map[string]func() (string, error){
		"active":  func() (string, error) { return c.NodeStatus("node2") },
		"normal":  func() (string, error) { return c.NodeType("node2") },
		"100":     func() (string, error) { return c.NodeWeight("node2") },
		"":        func() (string, error) { return c.NodeSite("node2") },
		"dead":    func() (string, error) { return c.LinkStatus("node2", "eth1") },
		"local":   c.Resources,
		"online":  func() (string, error) { return c.ClientStatus("node2", "ipfail", time.Second) },
		"offline": func() (string, error) { return c.ClientStatus("node1", "nosuch", time.Second) },
	} {
		if got, err := f(); got != name || err != nil {
			t.Errorf("got %q %v, want %q", got, err, name)
		}
	}
	var refused *Refused
	if _, err := c.Links("nosuch"); !errors.As(err, &refused) || refused.Info != "EINVAL" {
		t.Errorf("links of an unknown node: %v", err)
	}
	if m, err := c.Receive(); err != nil || m.String() != "t=status st=dead" {
		t.Errorf("received %v %v", m, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	w.wait("leave " + me() + ": signoff")
}

func TestClientErrors(t *testing.T) {
	w := newWorld(t, everybody("foo")...)
	if _, err := Dial(w.path+"x", "", time.Time{}); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("no socket: %v", err)
	}
	var refused *Refused
	if _, err := Dial(w.path, "", time.Time{}); !errors.As(err, &refused) || fmt.Sprint(err) != "no default client auth" {
		t.Errorf("casual without a rule: %v", err)
	}
	c, err := Dial(w.path, "foo", time.Now().Add(waitTime))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SendToCluster(message.New("t", "hello")); err != nil {
		t.Error(err)
	}
	w.wait("message from foo: t=hello")
	c.uc.SetDeadline(time.Now())
	if _, err := c.Receive(); !errors.Is(err, ErrTimeout) {
		t.Errorf("after the deadline: %v", err)
	}
}

// Any bytes to the reader of frames.
func FuzzReadFrame(f *testing.F) {
	f.Add(string(appendFrame(nil, message.New("t", "x"))))
	f.Add("\xff\xff\x03\x00\xcd\xab\x00\x00###\n")
	f.Fuzz(func(t *testing.T, s string) {
		r := strings.NewReader(s)
		for {
			if _, err := readFrame(r); err != nil {
				return
			}
		}
	})
}

// Any bytes to a server, before and after signon.
func FuzzServer(f *testing.F) {
	for _, kind := range []string{"nodelist", "iflist", "getuuid", "setfilter", "clientstatus", "signoff"} {
		f.Add(string(appendFrame(nil, message.New("t", "hbapi-req", "reqtype", kind, "node", "node2", "cn", "x"))), true)
	}
	f.Add("\x05\x00\x00\x00\xcd\xab\x00\x00hello", false)
	f.Fuzz(func(t *testing.T, s string, signedOn bool) {
		w := newWorld(t, everybody("foo")...)
		var r *raw
		if signedOn {
			r = w.signon("foo")
		} else {
			r = w.dial()
		}
		r.Write([]byte(s))
		r.CloseWrite()
		for {
			if _, err := r.nextBody(); err != nil {
				break
			}
		}
		if err := w.s.Close(); err != nil {
			t.Error(err)
		}
	})
}
