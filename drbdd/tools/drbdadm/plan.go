package drbdadm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"classicha/drbdd/config"
)

// The argument lists of calls (drbd-cli 2.2). Words for drbdsetup from our own
// command line come last.

func (t *tool) setupCall(words ...string) []string {
	return slices.Concat([]string{t.setup}, words, t.opts)
}

// plainCall is one that gets no words of the command line.
func (t *tool) plainCall(words ...string) []string {
	return append([]string{t.setup}, words...)
}

// metaCall is a call of drbdmeta for one volume.
func (t *tool) metaCall(v *config.Volume, words ...string) []string {
	dev, index := v.MetaDisk, v.MetaIndex
	switch index {
	case config.MetaInternal:
		dev = v.Disk
	case config.MetaFlexible:
		index = "flex-external"
	}
	return append([]string{t.meta, minorOf(v), "v08", dev, index}, words...)
}

func minorOf(v *config.Volume) string { return strconv.Itoa(v.Minor) }

// metaDev is the device that holds the metadata.
func metaDev(v *config.Volume) string {
	if v.MetaIndex == config.MetaInternal {
		return v.Disk
	}
	return v.MetaDisk
}

func (t *tool) attachCall(r *config.Resource, v *config.Volume) ([]string, error) {
	disk, err := t.diskArgs(r, v)
	return t.setupCall(append([]string{"attach", minorOf(v), v.Disk, metaDev(v), v.MetaIndex}, disk...)...), err
}

// diskArgs are the disk options in force, but for those that 8.4 has no more.
func (t *tool) diskArgs(r *config.Resource, v *config.Volume) ([]string, error) {
	args, found := t.conf.DiskArgs(r, v)
	for _, f := range found {
		if f.Level == config.Error {
			fmt.Fprint(t.err, f.Original)
		}
	}
	if found.Refused() {
		return nil, exit(found.ExitCode())
	}
	return without(args, "use-bmbv"), nil
}

// without leaves out options by name.
func without(args []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool {
		name, _, _ := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		return slices.Contains(names, name)
	})
}

// only keeps one option.
func only(args []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return !strings.HasPrefix(a, "--"+name+"=") })
}

// endpoints are LOCAL and REMOTE; a proxy on our side is what we connect to.
func endpoints(r *config.Resource) (local, remote string, ok bool) {
	local, remote = "N/A", "N/A"
	if r.Me.Address != nil {
		local = r.Me.Address.Setup()
	}
	switch {
	case r.Peer == nil || r.Peer.Address == nil:
		return local, remote, false
	case r.Me.Proxy != nil && r.Me.Proxy.Inside != nil:
		remote = r.Me.Proxy.Inside.Setup()
	default:
		remote = r.Peer.Address.Setup()
	}
	return local, remote, local != "N/A"
}

func (t *tool) connectCall(r *config.Resource) (argv []string, ok bool) {
	local, remote, ok := endpoints(r)
	return t.setupCall(append([]string{"connect", r.Name, local, remote}, t.conf.NetArgs(r)...)...), ok
}

// waitArgs are the options of wait-connect. A stacked resource waits for twice
// the time between two attempts to connect, unless stacked-timeouts says that
// its own times count.
func (t *tool) waitArgs(r *config.Resource) []string {
	own := r.StackedTimeouts || t.conf.Common != nil && t.conf.Common.StackedTimeouts
	if !r.Stacked || own {
		return t.conf.WaitArgs(r)
	}
	seconds := uint64(10)
	if o, ok := config.Last(t.conf.Merged(r, config.SectionNet), "connect-int"); ok {
		if n, err := o.Number(); err == nil {
			seconds = n
		}
	}
	return []string{"--wfc-timeout", strconv.FormatUint(2*seconds, 10)}
}
