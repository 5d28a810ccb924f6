package config

import "slices"

// newWord is a construct of DRBD 9 (drbd-config 9). All take one value.
type newWord struct {
	// Harmless is set if the word changes nothing for a resource with one peer
	// and the 8.4 protocol, whatever its value; Values are those that change
	// nothing otherwise.
	Harmless bool
	Values   []string
}

func (w newWord) harmless(value string) bool { return w.Harmless || slices.Contains(w.Values, value) }

// drbd9 lists the words of DRBD 9 by section. What makes a block
// (connection-mesh, connection) is in parse_nine.go.
var drbd9 = map[Section]map[string]newWord{
	SectionOptions: {
		"auto-promote":                  {Harmless: true},
		"auto-promote-timeout":          {Harmless: true},
		"peer-ack-window":               {Harmless: true},
		"peer-ack-delay":                {Harmless: true},
		"twopc-timeout":                 {Harmless: true},
		"twopc-retry-timeout":           {Harmless: true},
		"max-io-depth":                  {Harmless: true},
		"quorum":                        {Values: []string{"off"}},
		"quorum-minimum-redundancy":     {Values: []string{"off"}},
		"on-no-quorum":                  {},
		"on-suspended-primary-outdated": {},
	},
	SectionNet: {
		"transport":             {Values: []string{"tcp"}},
		"load-balance-paths":    {Values: []string{"no"}},
		"allow-remote-read":     {Values: []string{"yes"}},
		"tls":                   {Values: []string{"no"}},
		"rdma-ctrl-rcvbuf-size": {Harmless: true},
		"rdma-ctrl-sndbuf-size": {Harmless: true},
	},
	SectionDisk: {
		"bitmap": {Values: []string{"yes"}},
	},
	SectionHandlers: {
		"quorum-lost":  {Harmless: true},
		"disconnected": {Harmless: true},
	},
	SectionHost: {
		"node-id": {Harmless: true},
	},
	SectionResource: {
		"template-file": {},
	},
}

// moduleVersion begins the words that ask for a version of the kernel module;
// they may stand anywhere.
const moduleVersion = "require-drbd-module-version-"

func lookup9(s Section, name string) (newWord, bool) {
	if len(name) > len(moduleVersion) && name[:len(moduleVersion)] == moduleVersion {
		return newWord{}, true
	}
	w, ok := drbd9[s][name]
	return w, ok
}
