package pair

import (
	"fmt"
	"strings"
)

// Config says what the pair runs and how it is configured. The zero value of
// each field has a default.
type Config struct {
	Roles     [2]string // "real" or "ours", of node1 and node2
	Media     string    // bcast (default), ucast, mcast, serial, all
	Auth      string    // sha1 (default), md5, crc
	Failback  string    // on (default), off, legacy
	Keepalive string    // 200ms
	Deadtime  string    // 1
	Initdead  string    // 3
	Resources string    // haresources; default: group a (of two) on node1, b on node2
	Extra     []string  // further lines of ha.cf
	Authkeys  string    // whole file instead of Auth
	// Allow lists texts; a line of level ERROR or worse on a real node fails
	// the test unless it contains one of them.
	Allow []string
}

// Default groups: a node may have several resources in a group, and a2 tells
// whether the whole group moved.
const defaultResources = "node1 LabRsc::a LabRsc::a2\nnode2 LabRsc::b\n"

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// haCf is the ha.cf of both nodes.
func (c *Config) haCf() string {
	lines := []string{
		"logfacility local0",
		"keepalive " + or(c.Keepalive, "200ms"),
		"deadtime " + or(c.Deadtime, "1"),
		"initdead " + or(c.Initdead, "3"),
		"udpport 694",
	}
	ucast := func(dev, net string) []string {
		return []string{"ucast " + dev + " " + net + ".1", "ucast " + dev + " " + net + ".2"}
	}
	switch or(c.Media, "bcast") {
	case "bcast":
		lines = append(lines, "bcast eth0")
	case "ucast":
		lines = append(lines, ucast("eth0", "192.168.77")...)
	case "mcast":
		lines = append(lines, "mcast eth0 225.0.0.1 694 1 0")
	case "serial":
		lines = append(lines, "serial /dev/ttyS0")
	case "all":
		lines = append(lines, "bcast eth0", "mcast eth1 225.0.0.1 695 1 0", "serial /dev/ttyS0")
		lines = append(lines, ucast("eth1", "10.77.0")...)
	default:
		panic("pair: medium " + c.Media)
	}
	lines = append(lines, "auto_failback "+or(c.Failback, "on"), "node node1", "node node2")
	lines = append(lines, c.Extra...)
	return strings.Join(lines, "\n") + "\n"
}

func (c *Config) authkeys() string {
	switch {
	case c.Authkeys != "":
		return c.Authkeys
	case c.Auth == "crc":
		return "auth 1\n1 crc\n"
	default:
		return fmt.Sprintf("auth 1\n1 %s labsecret\n", or(c.Auth, "sha1"))
	}
}

func (c *Config) files() map[string]string {
	return map[string]string{
		"ha.cf":       c.haCf(),
		"haresources": or(c.Resources, defaultResources),
		"authkeys":    c.authkeys(),
	}
}

// groups reads the LabRsc names out of haresources: node of the line, names.
func (c *Config) groups() map[string][]string {
	out := map[string][]string{}
	for line := range strings.Lines(or(c.Resources, defaultResources)) {
		words := strings.Fields(line)
		for _, w := range words[1:] {
			if name, ok := strings.CutPrefix(w, "LabRsc::"); ok {
				out[words[0]] = append(out[words[0]], name)
			}
		}
	}
	return out
}
