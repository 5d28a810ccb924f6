package options

import (
	"maps"
	"slices"

	"classicha/drbdd/config"
	"classicha/drbdd/replica"
)

// once are options of connect that are no part of a configuration: they are
// neither shown nor kept when options are set again.
var once = map[string]bool{"discard-my-data": true, "tentative": true}

// kept are disk options that only attach sets: disk-options --set-defaults leaves
// them.
var kept = map[string]bool{"size": true, "max-bio-bvecs": true}

// Net are the core's options of a connection; what m does not name has its
// default. Names of the section net without a field are checked only.
func Net(m map[string]string) (replica.NetOptions, error) {
	o := replica.DefaultNetOptions()
	return o, fill(&o, config.SectionNet, m, netFields)
}

// SocketOptions are those options of a connection that the core does not know.
func SocketOptions(m map[string]string) (Socket, error) {
	o := Socket{Cork: true}
	return o, fill(&o, config.SectionNet, m, socketFields)
}

// Disk are the core's options of a disk.
func Disk(m map[string]string) (replica.DiskOptions, error) {
	o := replica.DefaultDiskOptions()
	return o, fill(&o, config.SectionDisk, m, diskFields)
}

// Resource are the core's options of a resource.
func Resource(m map[string]string) (replica.ResourceOptions, error) {
	var o replica.ResourceOptions
	return o, fill(&o, config.SectionOptions, m, resourceFields)
}

func fill[T any](o *T, s config.Section, m map[string]string, fields map[string]field[T]) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		v, err := checked(s, name, m[name])
		if err != nil {
			return err
		}
		if f, ok := fields[name]; ok {
			f.set(o, v)
		}
	}
	return nil
}

// Check looks at names and values of a section; the error is that of the first, by
// name, that cannot be taken.
func Check(s config.Section, m map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if _, err := checked(s, name, m[name]); err != nil {
			return err
		}
	}
	return nil
}

func checked(s config.Section, name, value string) (string, error) {
	if s == config.SectionNet && once[name] {
		return Bool(name, value)
	}
	if s == config.SectionDisk && name == "on-io-error" && value == "panic" {
		return value, nil // a word of 0.7; drbdsetup 8.4 does not let it through
	}
	d := config.Lookup(s, name)
	if d == nil {
		return "", refuse("Option --%s: unknown in section %s", name, s)
	}
	return Value(d, value)
}

// FromNet, FromDisk and FromResource list what differs from the default, as Net,
// Disk and Resource take it.
func FromNet(o replica.NetOptions) map[string]string {
	return list(&o, config.SectionNet, netFields)
}

// FromDisk: see FromNet.
func FromDisk(o replica.DiskOptions) map[string]string {
	return list(&o, config.SectionDisk, diskFields)
}

// FromResource: see FromNet.
func FromResource(o replica.ResourceOptions) map[string]string {
	return list(&o, config.SectionOptions, resourceFields)
}

func list[T any](o *T, s config.Section, fields map[string]field[T]) map[string]string {
	m := map[string]string{}
	for name, f := range fields {
		if v := f.get(o); v != defaultOf(s, name) {
			m[name] = v
		}
	}
	return m
}

func defaultOf(s config.Section, name string) string {
	if d := config.Lookup(s, name); d != nil {
		return Default(d)
	}
	return "no" // discard-my-data, tentative
}

// Merge is the options that were set before, changed by a command: with defaults
// those that the command does not name go back to their default. What equals its
// default is left out, and so is what holds for one connect only.
func Merge(s config.Section, before, change map[string]string, defaults bool) map[string]string {
	m := map[string]string{}
	for name, v := range before {
		if !defaults || s == config.SectionDisk && kept[name] {
			m[name] = v
		}
	}
	maps.Copy(m, change)
	maps.DeleteFunc(m, func(name, v string) bool {
		return s == config.SectionNet && once[name] || v == defaultOf(s, name)
	})
	return m
}
