package config

import (
	"fmt"
	"strings"
)

// What follows are the options of drbdsetup calls, as --name=value in the order
// of drbdadm 8.4 (drbd-cli 2.2). Values are not quoted for a shell. A finding
// with an exit code means that drbdadm does not make the call.

// ResourceArgs are those of new-resource and resource-options.
func (c *Config) ResourceArgs(r *Resource) []string { return setupArgs(c.Merged(r, SectionOptions)) }

// WaitArgs are those of wait-connect.
func (c *Config) WaitArgs(r *Resource) []string { return setupArgs(c.Merged(r, SectionStartup)) }

// NetArgs are those of connect and net-options. A node that after-sb-0pri names
// becomes local or remote; a name that nobody has becomes remote too (seen).
func (c *Config) NetArgs(r *Resource) []string {
	opts := c.Merged(r, SectionNet)
	for i, o := range opts {
		node, ok := strings.CutPrefix(o.Value, discardNode)
		if !ok || o.Name != "after-sb-0pri" {
			continue
		}
		opts[i].Value = "discard-remote"
		if r.Me != nil && r.Me.Has(node) {
			opts[i].Value = "discard-local"
		}
	}
	return setupArgs(opts)
}

const discardNode = "discard-node-"

// DiskArgs are those of attach and disk-options for one volume. A resync-after
// becomes the minor of the volume that it names.
func (c *Config) DiskArgs(r *Resource, v *Volume) ([]string, Findings) {
	opts := c.DiskOptions(r, v)
	kept := opts[:0]
	var found Findings
	for _, o := range opts {
		if o.Name == "resync-after" {
			minor, f := c.ResyncAfter(r, o.Value)
			found = append(found, f...)
			if minor < 0 {
				continue
			}
			o.Value = itoa(minor)
		}
		kept = append(kept, o)
	}
	return setupArgs(kept), found
}

func setupArgs(opts []Option) []string {
	var args []string
	for _, o := range opts {
		args = append(args, "--"+o.Name+"="+o.Value)
	}
	return args
}

// ResyncAfter is the minor of the volume RESOURCE or RESOURCE/VOLUME on this
// host, -1 if there is none; r is the resource whose option it is.
func (c *Config) ResyncAfter(r *Resource, after string) (minor int, found Findings) {
	f := Finding{Level: Error, Pos: r.Defined, Exit: ExitInvalid}
	low := c.afterResource(after)
	if low == nil || low.Me == nil {
		return -1, Findings{c.unknownAfter(r, after, Warn)}
	}
	volumes := low.Me.Volumes
	_, number, given := strings.Cut(after, "/")
	if !given || low.Name == after {
		if len(volumes) == 1 {
			return volumes[0].Minor, nil
		}
		f.Original = fmt.Sprintf("%s: in resource %s:\n\tresync-after contains '%s', which is ambiguous, since it contains %d volumes\n", r.Defined, r.Name, after, len(volumes))
		f.Remedy = fmt.Sprintf("write resync-after %s/0; or another of its volumes", after)
		return -1, Findings{f}
	}
	n, err := ParseNumber(number, Plain)
	if err != nil {
		ne := err.(*numberError)
		f.Original, f.Exit, f.Stops, f.Remedy = ne.text+"\n", ne.exit, true, "write resync-after RESOURCE/VOLUME"
		return -1, Findings{f}
	}
	if v := findVolume(volumes, int(min(n, 1<<31-1))); v != nil {
		return v.Minor, nil
	}
	return -1, Findings{c.unknownAfter(r, after, Warn)}
}

// unknownAfter is the finding about a resync-after that names nothing here.
func (c *Config) unknownAfter(r *Resource, after string, l Level) Finding {
	where, remedy := "", "leave it out, or correct the name"
	if low := c.afterResource(after); low != nil && low.Ignored {
		where, remedy = " on this host", "no section of it names this host"
	} else if low == nil {
		name, _, _ := strings.Cut(after, "/")
		remedy = suggestResource(c, name)
	}
	return Finding{Level: l, Pos: r.Defined, Remedy: remedy,
		Original: fmt.Sprintf("%s: in resource %s:\n\tresource '%s' mentioned in 'resync-after' option is not known%s.\n", r.Defined, r.Name, after, where)}
}
