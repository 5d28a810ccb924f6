package daemon

import (
	"path/filepath"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/daemon/dopd"
	"classicha/heartbeatd/daemon/state"
	"classicha/heartbeatd/message"
	"classicha/heartbeatd/outdate"
)

// startDopd starts dopd if ha.cf asks for it.
func (d *Daemon) startDopd() {
	if d.dopd != nil || !d.wantDopd {
		return
	}
	path := d.paths.outdater()
	err := state.MakeRunDir(filepath.Dir(path), state.ClusterIDs())
	if err == nil {
		d.dopd, err = dopd.Listen(dopd.Options{
			Path: path, Node: d.conf.HA.Node, Cluster: dopdCluster{d}, Fencing: len(d.conf.HA.Stonith) > 0, Log: d.log.As("dopd", 0).Log,
			Env: childEnv(d.conf, d.paths), Start: d.starter.Start,
		})
	}
	if err != nil {
		d.log.Errorf("%v: nobody can have the data of a DRBD peer outdated", err)
	}
}

// dopdCluster is the daemon as dopd sees it: it is a client that is inside.
type dopdCluster struct{ d *Daemon }

var _ dopd.Cluster = dopdCluster{}

func (c dopdCluster) Joined() { c.d.post(cluster.ClientJoined{Name: outdate.Client}) }
func (c dopdCluster) Left() {
	c.d.post(cluster.ClientLeft{Name: outdate.Client, Reason: "signoff"})
}

func (c dopdCluster) Send(m *message.Message) {
	c.d.post(cluster.FromClient{Name: outdate.Client, Msg: m})
}

func (c dopdCluster) Node(name string) dopd.Node {
	v, _ := c.d.freshView(c.d.ctx)
	for _, n := range v.Nodes {
		if n.Name == name {
			return dopd.Node{Type: n.Type, Status: n.Status, Left: n.Left, Reset: n.Reset}
		}
	}
	return dopd.Node{}
}

func (c dopdCluster) Reset(name string) { c.d.post(cluster.WantReset{Node: name}) }
