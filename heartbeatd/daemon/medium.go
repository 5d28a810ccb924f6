package daemon

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"slices"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/media"
	"classicha/heartbeatd/message"
	"classicha/internal/hlog"
)

// mediumSpec translates a medium of ha.cf.
func mediumSpec(m config.MediaSpec, log func(hlog.Level, string)) media.Spec {
	host := func(name string, a netip.Addr) string {
		if a.IsValid() {
			return a.String()
		}
		return name
	}
	s := media.Spec{Kind: m.Kind, Port: m.Port, TTL: m.TTL, Loop: m.Loop, Baud: m.Baud, PID: os.Getpid(), Log: log}
	switch m.Kind {
	case media.KindSerial:
		s.TTY = m.Link
	case media.KindPing, media.KindPing6:
		s.Hosts = []string{m.Link} // the name of the node, looked up again when the medium is opened
	case media.KindPingGroup:
		s.Name = m.Link
		for _, h := range m.Members {
			s.Hosts = append(s.Hosts, host(h.Host, h.Addr))
		}
	default:
		s.Interface, s.Address = m.Link, host(m.Host, m.Addr)
	}
	return s
}

// openMedia opens all media of the configuration and logs it as the original does. The
// first that cannot be opened is the error; those before it are open then. After a restart
// in place there is no such error: resources run here, and somebody must look after them.
func (d *Daemon) openMedia() error {
	d.pings = map[string]media.Medium{}
	for _, spec := range d.conf.HA.Media {
		m, err := d.newMedium(mediumSpec(spec, d.log.Log))
		switch {
		case err != nil:
		case d.opt.restart:
			err = m.Persist(d.receive)
		default:
			err = m.Open(d.receive)
		}
		if err != nil {
			err = fmt.Errorf("cannot open %s %s: %w", spec.Kind, spec.Link, err)
			if !d.opt.restart {
				return err
			}
			d.log.Errorf("%v", err)
			if m == nil {
				continue
			}
		}
		for _, line := range m.Describe() {
			d.log.Log(hlog.Info, line)
		}
		d.addMedium(m)
	}
	return nil
}

// tryMedia opens, for a moment, the media that a changed configuration has and this one
// has not. It runs outside of the loop.
func (d *Daemon) tryMedia(next []config.MediaSpec) error {
	for _, spec := range next {
		is := func(m config.MediaSpec) bool { return reflect.DeepEqual(m, spec) }
		if slices.ContainsFunc(d.conf.HA.Media, is) {
			continue
		}
		m, err := d.newMedium(mediumSpec(spec, func(hlog.Level, string) {}))
		if err == nil {
			err = m.Open(func(media.Packet) {})
			m.Close()
		}
		if err != nil {
			return fmt.Errorf("cannot open %s %s: %w", spec.Kind, spec.Link, err)
		}
	}
	return nil
}

func (d *Daemon) addMedium(m media.Medium) {
	d.media = append(d.media, m)
	if m.Ping() {
		d.pings[m.Link()] = m
	}
}

func (d *Daemon) closeMedia() {
	for _, m := range d.media {
		m.Close()
	}
}

// receive is called by the media's readers.
func (d *Daemon) receive(p media.Packet) {
	if d.testing.Enabled && d.losesReceived(p.Frame) {
		return
	}
	if d.log.DebugLevel() >= debugPackets {
		d.logPacket("received on "+p.Link+":", p.Frame)
	}
	d.post(cluster.Packet{Link: p.Link, Frame: p.Frame})
}

// debugPackets is the debug level from which every message is logged.
const debugPackets = 3

// logPacket writes one message into the debug file.
func (d *Daemon) logPacket(what string, frame []byte) {
	if m, _, err := message.Parse(frame, nil); err == nil {
		d.log.Log(hlog.Debug, what+" "+m.String())
	} else {
		d.log.Log(hlog.Debug, fmt.Sprintf("%s %d bytes: %v", what, len(frame), err))
	}
}

// send puts one message on all media that carry messages.
func (d *Daemon) send(a cluster.Send) {
	if d.log.DebugLevel() >= debugPackets {
		d.logPacket("sent:", a.Line)
	}
	for _, m := range d.media {
		switch {
		case m.Ping():
		case m.Text():
			d.put(m, a.Line)
		default:
			d.put(m, a.Datagram)
		}
	}
}

func (d *Daemon) put(m media.Medium, frame []byte) {
	if d.testing.Enabled && rand.Float64() < d.testing.XmitLoss {
		return
	}
	m.Send(frame)
}

// losesReceived is the file OnlyForTesting at work.
func (d *Daemon) losesReceived(frame []byte) bool {
	if rand.Float64() < d.testing.RcvLoss {
		return true
	}
	if len(d.testing.AllowNodes) == 0 {
		return false
	}
	m, _, err := message.Parse(frame, nil)
	return err == nil && !d.testing.Allows(m.Get("src"))
}
