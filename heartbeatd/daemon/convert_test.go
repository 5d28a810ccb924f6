package daemon

import (
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/media"
	"classicha/heartbeatd/message"
	"classicha/heartbeatd/resource"
)

// parse reads ha.cf and haresources as a machine called node1 would, nothing on it checked.
func parse(t *testing.T, ha, haresources string) *config.Config {
	t.Helper()
	files := config.Files{
		HA:          config.File{Name: "/etc/ha.d//ha.cf", Data: []byte("logfacility local0\nnode node1 node2\n" + ha)},
		Authkeys:    config.File{Name: "/etc/ha.d//authkeys", Data: []byte("auth 1\n1 crc\n"), Mode: 0o600},
		Haresources: config.File{Name: "/etc/ha.d//haresources", Data: []byte(haresources)},
		Ext:         config.File{Err: os.ErrNotExist},
	}
	c, found := config.Load(files, config.Env{Hostname: "node1"})
	if found.Refused() {
		t.Fatalf("refused: %v", found)
	}
	return c
}

func TestCoreConfig(t *testing.T) {
	c := parse(t, "bcast eth0 eth1\nserial /dev/ttyS0\nucast eth1 10.0.0.2\nping 10.0.0.254\nping_group gw 10.0.0.1 10.0.0.2\n"+
		"keepalive 500ms\ndeadtime 5\nwarntime 2\ninitdead 30\ndeadping 4\nhopfudge 3\nauto_failback off\nmsgfmt netstring\n"+
		"traditional_compression on\ncompression_threshold 4\nstonith_host * null x\nrespawn root /usr/lib/heartbeat/ipfail\n",
		"node1 IPaddr2::10.0.0.9/24/eth0 apache\nNODE2 10.0.0.10\n")
	got := coreConfig(c, options{}, 77)
	want := cluster.Config{
		Node: "node1", Nodes: []string{"node1", "node2"},
		Ping:      []cluster.PingNode{{Name: "10.0.0.254", Kind: "ping"}, {Name: "gw", Kind: "ping_group"}},
		Links:     []string{"eth0", "eth1", "/dev/ttyS0"},
		Keepalive: 500 * time.Millisecond, Deadtime: 5 * time.Second, Warntime: 2 * time.Second, Initdead: 30 * time.Second, Deadping: 4 * time.Second,
		MaxRexmitDelay: 250 * time.Millisecond, HopFudge: 3, AutoFailback: cluster.FailbackOff,
		Groups: []cluster.Group{
			{Home: "node1", Key: "IPaddr2::10.0.0.9/24/eth0", Resources: []string{"IPaddr2::10.0.0.9/24/eth0", "apache"}},
			{Home: "node2", Key: "10.0.0.10", Resources: []string{"10.0.0.10"}},
		},
		Keys: c.Keys, Netstring: true, CompressAbove: 4096, LogBadPack: true, Fencing: true, Ipfail: true, Pid: 77,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if coreConfig(c, options{noManage: true}, 1).Ipfail || !coreConfig(c, options{noManage: true}, 1).NoResources {
		t.Error("-M: resources are managed, or ipfail runs")
	}
	legacy := parse(t, "bcast eth0\nauto_failback legacy\nrespawn root /usr/lib/heartbeat/ipfail\n", "")
	if coreConfig(legacy, options{}, 1).Ipfail {
		t.Error("ipfail runs in legacy mode; the original's refuses")
	}
	groups := scriptGroups(c)
	if len(groups) != 2 || groups[1].Key() != "10.0.0.10" || groups[1].Resources[0].Script != "IPaddr" {
		t.Errorf("groups for the scripts: %+v", groups)
	}
	if ips := addresses(groups[0]); !slices.Equal(ips, []netip.Addr{netip.MustParseAddr("10.0.0.9")}) {
		t.Errorf("addresses of the first group: %v", ips)
	}
}

func TestMediumSpec(t *testing.T) {
	c := parse(t, "udpport 700\nbaud 38400\nbcast eth0\nucast eth1 10.0.0.2\nmcast eth2 225.0.0.1 695 2 1\nserial /dev/ttyS1\nping 10.0.0.254\nping_group gw 10.0.0.1 10.0.0.2\n", "")
	var got []string
	for _, m := range c.HA.Media {
		s := mediumSpec(m, nil)
		got = append(got, strings.Join([]string{s.Kind, s.Interface, s.Address, s.TTY, s.Name, strings.Join(s.Hosts, "+")}, ","))
		switch s.Kind {
		case media.KindBcast, media.KindUcast:
			if s.Port != 700 {
				t.Errorf("%s: port %d, want 700", s.Kind, s.Port)
			}
		case media.KindMcast:
			if s.Port != 695 || s.TTL != 2 || !s.Loop {
				t.Errorf("mcast: %+v", s)
			}
		case media.KindSerial:
			if s.Baud != 38400 {
				t.Errorf("serial: %d baud", s.Baud)
			}
		}
		if _, err := media.New(s); err != nil {
			t.Errorf("%s: %v", s.Kind, err)
		}
	}
	want := []string{"bcast,eth0,,,,", "ucast,eth1,10.0.0.2,,,", "mcast,eth2,225.0.0.1,,,", "serial,,,/dev/ttyS1,,", "ping,,,,,10.0.0.254", "ping_group,,,,gw,10.0.0.1+10.0.0.2"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestChildEnv(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/x")
	t.Setenv("WATCHDOG_USEC", "1")
	t.Setenv("HEARTBEATD_CHILD", "3")
	t.Setenv("HA_CURHOST", "somebody")
	c := parse(t, "bcast eth0\nkeepalive 2\ndebugfile /var/log/ha-debug\nenv SITE=a b=c\nauto_failback on\n", "")
	p := Paths{Conf: "/etc/ha.d", State: config.StateDir}
	env := childEnv(c, p)
	for name, want := range map[string]string{
		"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "", "HEARTBEATD_CHILD": "",
		"HA_DIR": "/etc/ha.d", "HA_FUNCS": "/etc/ha.d/shellfuncs", "HA_CURHOST": "node1", "HA_DATEFMT": "%Y/%m/%d_%T\t", "OCF_ROOT": "/usr/lib/ocf",
		"HA_LOGFACILITY": "local0", "HA_LOGFILE": "/dev/null", "HA_DEBUGLOG": "/var/log/ha-debug", "HA_LOGD": "no", "HA_COMPRESSION": "zlib",
		"HA_keepalive": "2", "HA_auto_failback": "on", "HA_hopfudge": "1", "HA_SITE": "a", "HA_FIFO": "",
	} {
		if got := lookupEnv(env, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := strings.Join(modeEnv(c, "active"), " "); got != "HA_OSTATUS=active HA_NICEFAILBACK=yes" {
		t.Errorf("mode: %s", got)
	}
	c.HA.AutoFailback = config.FailbackLegacy
	if got := strings.Join(modeEnv(c, "up"), " "); got != "HA_OSTATUS=up" {
		t.Errorf("legacy mode: %s", got)
	}
}

func TestDevicesLastLineFirst(t *testing.T) {
	c := parse(t, "bcast eth0\nstonith_host * null a\nstonith_host node2 null b\nstonith_host node1 meatware node2\n", "")
	want := []resource.Device{{Type: "meatware", Params: []string{"node2"}}, {Type: "null", Params: []string{"a"}}}
	if got := devices(c.HA); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestOptionsAgain(t *testing.T) {
	o, ok := parseOptions("heartbeat", []string{"-ddM", "-lf"}, os.Stderr)
	if !ok {
		t.Fatal("refused")
	}
	args := o.again("foreign")
	if got := strings.Join(args, " "); got != "-R -C foreign -d -d -M -l -f" {
		t.Errorf("got %s", got)
	}
	again, ok := parseOptions("heartbeat", args, os.Stderr)
	if !ok || !again.restart || again.held != "foreign" || again.debug != 2 || !again.noManage || !again.noRealtime || !again.foreground {
		t.Errorf("what is executed again is read as %+v %v", again, ok)
	}
}

func TestStatusLine(t *testing.T) {
	v := cluster.View{Node: "node1", Status: "active", Holds: "all", Stable: true}
	if got := statusLine(&v); got != "node1 is active, holds all resources" {
		t.Errorf("got %q", got)
	}
	v.Stable, v.Warnings = false, []string{"node node2 is dead", "x"}
	if got := statusLine(&v); got != "node1 is active, holds all resources (in transition); node node2 is dead and 1 more" {
		t.Errorf("got %q", got)
	}
}

func TestStringFields(t *testing.T) {
	m := message.New("t", "status", "st", "dead")
	m.SetBin("srcuuid", []byte("0123456789abcdef"))
	m.Add("st", "up")
	want := [][2]string{{"t", "status"}, {"st", "dead"}, {"st", "up"}}
	if got := stringFields(m); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
