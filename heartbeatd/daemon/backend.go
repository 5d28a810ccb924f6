package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"classicha/heartbeatd/clientapi"
	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/message"
	"classicha/internal/hlog"
)

// backend answers the client API from the loop. Its methods run in the server's
// goroutines.
type backend struct{ d *Daemon }

var _ clientapi.Backend = backend{}

func newClients(d *Daemon) *clientapi.Server {
	opt := clientapi.Options{
		Path: d.paths.register(), LogFacility: d.conf.HA.Log.FacilityCode,
		Log: func(level, text string) {
			l, _ := hlog.ParseLevel(level)
			d.log.Log(l, text)
		},
	}
	for _, a := range d.conf.HA.APIAuth {
		opt.Rules = append(opt.Rules, clientapi.Rule{Client: a.Client, UIDs: a.UIDs, GIDs: a.GIDs})
	}
	return clientapi.NewServer(opt, backend{d})
}

// viewPatience is how long a status output waits for the loop. It is never that busy;
// what was published last is better than nothing.
const viewPatience = 500 * time.Millisecond

// freshView asks the loop for the state of this moment.
func (d *Daemon) freshView(ctx context.Context) (cluster.View, error) {
	ctx, cancel := context.WithTimeout(ctx, viewPatience)
	defer cancel()
	answer := make(chan cluster.View, 1)
	select {
	case d.calls <- func() { answer <- d.snapshot() }:
	case <-d.done:
		return d.lastView()
	case <-ctx.Done():
		return d.lastView()
	}
	select {
	case v := <-answer:
		return v, nil
	case <-d.done:
	case <-ctx.Done():
	}
	return d.lastView()
}

func (d *Daemon) lastView() (cluster.View, error) {
	if v := d.view.Load(); v != nil {
		return *v, nil
	}
	return cluster.View{}, errors.New("heartbeat is starting")
}

func (b backend) View() cluster.View {
	v, _ := b.d.freshView(b.d.ctx)
	return v
}

func (b backend) Param(name string) (string, bool) { return b.d.conf.HA.Param(name) }

func (b backend) ClientJoined(name string, pid int, casual bool) {
	if !casual {
		b.d.post(cluster.ClientJoined{Name: name})
	}
}

func (b backend) ClientLeft(name, reason string) {
	b.d.post(cluster.ClientLeft{Name: name, Reason: reason})
}

func (b backend) FromClient(name string, m *message.Message) {
	b.d.post(cluster.FromClient{Name: name, Msg: m})
}

// ClientStatus asks the core, which asks the other node.
func (b backend) ClientStatus(ctx context.Context, node, client string) (bool, error) {
	d := b.d
	answer := make(chan cluster.Answer, 1)
	id := fmt.Sprintf("hbd-%d", d.questions.Add(1))
	ask := func() {
		d.answers[id] = answer
		d.step(cluster.AskClient{Node: node, Client: client, ID: id})
	}
	if !d.call(ask) {
		return false, errors.New("heartbeat is stopping")
	}
	select {
	case a := <-answer:
		if a.Err != "" {
			return false, errors.New(a.Err)
		}
		return a.Online, nil
	case <-ctx.Done():
		d.call(func() { delete(d.answers, id) })
		return false, ctx.Err()
	case <-d.done:
		return false, errors.New("heartbeat is stopping")
	}
}

func (b backend) UUIDOf(node string) ([]byte, bool) {
	v := b.View()
	for _, n := range v.Nodes {
		if n.Name == node && n.UUID != "" {
			id, err := hex.DecodeString(n.UUID)
			return id, err == nil
		}
	}
	return nil, false
}

func (b backend) NameOf(uuid []byte) (string, bool) {
	v := b.View()
	for _, n := range v.Nodes {
		if n.UUID == hex.EncodeToString(uuid) {
			return n.Name, true
		}
	}
	return "", false
}

// extOf is haext.cf, or its meaning when absent.
func extOf(c *config.Config) *config.Ext {
	if c.Ext != nil {
		return c.Ext
	}
	return config.DefaultExt()
}
