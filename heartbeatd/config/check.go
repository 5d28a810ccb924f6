package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Check is what heartbeatd --check prints: the findings of all parsers, then
// those that need more than one line or file, and an OK line for each file that
// can be used. It needs an Env with all functions to say everything.
func Check(files Files, env Env) Findings {
	c, found := Load(files, env)
	k := &checker{c: c, env: &env, found: found}
	if c.HA != nil {
		k.file = c.HA.File
		k.media()
		k.times()
		k.fencing()
		k.helpers()
		k.logs()
	}
	if c.Resources != nil {
		k.file = c.Resources.File
		k.addresses()
		k.storage()
		k.wakes()
	}
	k.summaries(files)
	return k.found
}

type checker struct {
	c     *Config
	env   *Env
	file  string
	found Findings
}

func (k *checker) add(level Level, pos Pos, text, remedy string) {
	if pos.File == "" {
		pos.File = k.file
	}
	k.found = append(k.found, Finding{Level: level, Stage: StageCheck, Pos: pos, Text: text, Remedy: remedy})
}

func (k *checker) warn(pos Pos, text, remedy string) { k.add(Warn, pos, text, remedy) }

// media looks for redundancy: a cluster with one link splits when it breaks.
func (k *checker) media() {
	var links []string
	for _, m := range k.c.HA.Media {
		if strings.HasPrefix(m.Kind, "ping") {
			continue
		}
		if !slices.Contains(links, m.Link) {
			links = append(links, m.Link)
		}
		if m.Kind == "serial" {
			continue
		}
		if i, ok := k.env.iface(m.Link); ok && !i.Up {
			k.warn(m.Pos, fmt.Sprintf("interface %s is down", m.Link), "bring it up before heartbeatd starts")
		}
	}
	if len(links) == 1 && len(k.c.HA.Nodes) > 1 {
		k.warn(Pos{}, "heartbeats travel over one link only ("+links[0]+"): when it breaks, each node takes the other for dead and both serve",
			"add a second link, such as a cross cable or a serial line")
	}
	if len(k.c.HA.Nodes) == 1 {
		k.warn(Pos{}, "the cluster has one node only", "add the other node")
	}
}

// times looks at relations that the original does not check.
func (k *checker) times() {
	ha := k.c.HA
	switch {
	case ha.Warntime >= ha.Deadtime && ha.Warntime > 0:
		k.warn(Pos{}, fmt.Sprintf("warntime %s is not shorter than deadtime %s: a late node is dead before it is warned about", ha.Warntime, ha.Deadtime), "write half of deadtime")
	case ha.Warntime < ha.Keepalive && ha.Warntime > 0:
		k.warn(Pos{}, fmt.Sprintf("warntime %s is shorter than keepalive %s: every heartbeat is late", ha.Warntime, ha.Keepalive), "write half of deadtime")
	}
	if ha.Deadtime > 2*ha.Keepalive && ha.Deadtime < 3*ha.Keepalive {
		k.warn(Pos{}, fmt.Sprintf("deadtime %s allows for two lost heartbeats only (keepalive %s)", ha.Deadtime, ha.Keepalive), "write at least four times keepalive")
	}
}

func (k *checker) fencing() {
	ha := k.c.HA
	if len(ha.Stonith) == 0 && len(ha.Nodes) > 1 {
		k.warn(Pos{}, "no STONITH device is configured. Shared disks are not protected", "add a stonith_host line, or see that nothing is shared")
	}
	if ha.Watchdog != "" && k.env.stat(ha.Watchdog, CharDevice).Kind != CharDevice {
		k.warn(Pos{}, fmt.Sprintf("the watchdog device %s does not exist; the daemon would run without", ha.Watchdog), "load the driver of the watchdog, or softdog")
	}
}

// helpers looks at ping nodes and the helper that acts on them.
func (k *checker) helpers() {
	ha := k.c.HA
	pings := slices.ContainsFunc(ha.Media, func(m MediaSpec) bool { return strings.HasPrefix(m.Kind, "ping") })
	i := slices.IndexFunc(ha.Respawn, func(r RespawnSpec) bool { return r.Builtin == "ipfail" })
	switch {
	case pings && i < 0:
		k.warn(Pos{}, "there are ping nodes but no ipfail: nothing happens when they are unreachable", "add respawn hacluster "+BinDir+"/ipfail")
	case !pings && i >= 0:
		k.warn(ha.Respawn[i].Pos, "ipfail has no ping node to look at", "add a line ping ADDRESS")
	case i >= 0 && ha.AutoFailback == FailbackLegacy:
		k.warn(ha.Respawn[i].Pos, "ipfail does not work with auto_failback legacy", "write auto_failback on or off")
	}
}

func (k *checker) logs() {
	log := k.c.HA.Log
	for _, file := range []string{log.LogFile, log.DebugFile} {
		if i := strings.LastIndexByte(file, '/'); i > 0 && k.env.stat(file[:i], Directory).Kind != Directory {
			k.warn(Pos{}, fmt.Sprintf("the directory of %s does not exist", file), "make it")
		}
	}
}

// addresses looks at the addresses of all groups.
func (k *checker) addresses() {
	seen := map[netip.Addr]Resource{}
	var asks []AddressAsk
	groupOf := map[netip.Addr]int{}
	for g, group := range k.c.Resources.Groups {
		for _, r := range group.Resources {
			ip, is, err := r.Address()
			if !is {
				continue
			}
			if err != nil {
				k.add(Fail, r.Pos, fmt.Sprintf("%s: %v", r.Raw, err), "write ADDRESS/BITS/INTERFACE, as in 192.168.1.10/24/eth0")
				continue
			}
			if nic, _, _ := strings.Cut(ip.NIC, ":"); nic != "" {
				if _, ok := k.env.iface(nic); !ok {
					k.add(Fail, r.Pos, fmt.Sprintf("%s: there is no interface %q on this machine", r.Raw, nic), "correct the name, or leave it out so that the address finds its network")
				}
			}
			if a := ip.Addr; a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a == ip.Broadcast {
				k.add(Fail, r.Pos, fmt.Sprintf("%s: %s cannot be an address of a service", r.Raw, a), "write a free address of your network")
			}
			if other, again := seen[ip.Addr]; again {
				level, text := Fail, fmt.Sprintf("address %s is also in the group of line %d: two nodes could have it at once", ip.Addr, other.Pos.Line)
				if groupOf[ip.Addr] == g {
					level, text = Warn, fmt.Sprintf("address %s stands twice in this group", ip.Addr)
				}
				k.add(level, r.Pos, text, "remove one of them")
				continue
			}
			seen[ip.Addr], groupOf[ip.Addr] = r, g
			nic, _, _ := strings.Cut(ip.NIC, ":")
			asks = append(asks, AddressAsk{Addr: ip.Addr, NIC: nic})
		}
	}
	if k.env.Answering == nil || len(asks) == 0 {
		return
	}
	for _, a := range k.env.Answering(asks, k.peers()) {
		r := seen[a.Addr]
		text := fmt.Sprintf("%s: %s is answered on %s by another machine, %s", r.Raw, a.Addr, a.NIC, a.MAC)
		free := "take the address away there, or write another one"
		switch {
		case a.Node != "":
			k.add(Info, r.Pos, fmt.Sprintf("%s: %s is answered on %s by %s (%s), which runs the group now", r.Raw, a.Addr, a.NIC, a.Node, a.MAC), "")
		case a.Foreign:
			k.add(Fail, r.Pos, text+", which is no node of this cluster", free)
		default:
			k.warn(r.Pos, text, "if that is not the other node of this cluster: "+free)
		}
	}
}

// peers are the other nodes.
func (k *checker) peers() []string {
	if k.c.HA == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(k.c.HA.Nodes), func(n string) bool { return n == k.c.HA.Node })
}

// wakes looks at the hardware addresses of WakeOnLan.
func (k *checker) wakes() {
	for _, group := range k.c.Resources.Groups {
		for _, r := range group.Resources {
			if !strings.EqualFold(r.Script, "WakeOnLan") {
				continue
			}
			if len(r.Args) == 0 || !isMAC(r.Args[0]) {
				k.add(Fail, r.Pos, r.Raw+": WakeOnLan needs the hardware address of a network card", "write WakeOnLan::00:11:22:33:44:55, as ip link prints it on the machine that is to wake up")
				continue
			}
			if len(r.Args) > 1 {
				if _, ok := k.env.iface(r.Args[1]); !ok {
					k.add(Fail, r.Pos, fmt.Sprintf("%s: there is no interface %q on this machine", r.Raw, r.Args[1]), "correct the name, or leave it out: then all interfaces are used")
				}
			}
		}
	}
}

// isMAC reads six pairs of hexadecimal digits with colons, dashes or nothing between.
func isMAC(s string) bool {
	for _, sep := range []string{":", "-"} {
		if strings.Count(s, sep) == 5 {
			parts := strings.Split(s, sep)
			if slices.ContainsFunc(parts, func(p string) bool { return len(p) != 2 }) {
				return false
			}
			s = strings.Join(parts, "")
		}
	}
	return len(s) == 12 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// summaries adds an OK line for each file that nothing refuses or fails.
func (k *checker) summaries(files Files) {
	sum := func(file File, text string) {
		name := plainName(file.Name)
		for _, f := range k.found {
			if f.Pos.File == name && f.Level == Fail {
				return
			}
		}
		k.add(OK, Pos{File: name}, text, "")
	}
	if ha := k.c.HA; ha != nil {
		var media []string
		for _, m := range ha.Media {
			media = append(media, m.Kind+" "+m.Link)
		}
		sum(files.HA, fmt.Sprintf("%s; %s; %s; keepalive %s, deadtime %s, auto_failback %s",
			count(len(ha.Nodes), "node", ha.Nodes), "this is "+ha.Node, count(len(media), "medium", media), ha.Keepalive, ha.Deadtime, ha.AutoFailback))
	}
	if keys := k.c.Keys; keys != nil {
		sum(files.Authkeys, fmt.Sprintf("key %d (%s) signs; %s", keys.Current, keys.ByNum[keys.Current].Method, count(len(keys.ByNum), "key", nil)))
	}
	if h := k.c.Resources; h != nil {
		n, keys := 0, []string(nil)
		for _, g := range h.Groups {
			n += len(g.Resources)
			keys = append(keys, g.Home+" "+g.Key)
		}
		sum(files.Haresources, fmt.Sprintf("%s; %s", count(len(h.Groups), "group", keys), count(n, "resource", nil)))
	}
	if files.Ext.Err == nil {
		sum(files.Ext, count(len(k.c.Ext.Statements), "setting", nil))
	}
}

// count is "2 nodes (a, b)".
func count(n int, what string, names []string) string {
	s := fmt.Sprintf("%d %s", n, what)
	if n != 1 {
		s = fmt.Sprintf("%d %s", n, strings.Replace(what+"s", "mediums", "media", 1))
	}
	if len(names) > 0 {
		s += " (" + strings.Join(names, ", ") + ")"
	}
	return s
}
