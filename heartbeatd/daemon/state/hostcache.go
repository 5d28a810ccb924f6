package state

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Host is one line of hostcache or delhostcache: name, uuid, weight and site
// separated by tabs (heartbeat-wire 15). In haresources mode the original does
// not write them; reading them lets a machine of another mode be replaced.
type Host struct {
	Name   string
	UUID   [uuidSize]byte
	Weight int
	Site   string
}

// ParseHosts reads such a file; lines that make no sense are left out and
// counted.
func ParseHosts(data []byte) (hosts []Host, bad int) {
	for _, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, "\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if h, ok := parseHost(line); ok {
			hosts = append(hosts, h)
		} else {
			bad++
		}
	}
	return hosts, bad
}

func parseHost(line string) (h Host, ok bool) {
	f := strings.Split(line, "\t")
	if len(f) < 2 || f[0] == "" {
		return Host{}, false
	}
	id, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(f[1]), "-", ""))
	if err != nil || len(id) != uuidSize {
		return Host{}, false
	}
	h = Host{Name: f[0], UUID: [uuidSize]byte(id), Weight: 100}
	if len(f) > 2 {
		if h.Weight, err = strconv.Atoi(strings.TrimSpace(f[2])); err != nil {
			return Host{}, false
		}
	}
	if len(f) > 3 {
		h.Site = f[3]
	}
	return h, true
}

// AppendHosts is the inverse of ParseHosts.
func AppendHosts(b []byte, hosts []Host) []byte {
	for _, h := range hosts {
		u := hex.EncodeToString(h.UUID[:])
		b = fmt.Appendf(b, "%s\t%s-%s-%s-%s-%s\t%d\t%s\n", h.Name, u[:8], u[8:12], u[12:16], u[16:20], u[20:], h.Weight, h.Site)
	}
	return b
}

// WriteHosts replaces such a file.
func WriteHosts(path string, hosts []Host) error {
	return writeDurably(path, AppendHosts(nil, hosts), 0o644)
}
