package config

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Mirrors is what drbd.conf says, as far as haresources depends on it.
type Mirrors struct {
	File    string // the one that was read, or where it was looked for
	Missing bool   // there is none
	Problem string // why it cannot be used; empty: it can
	List    []Mirror
}

// Mirror is one resource of drbd.conf.
type Mirror struct {
	Name    string
	Stacked bool
	// Hosts are those that the resource is for; Here says that this machine is
	// one of them. Devices and Disks are then those of this machine, else those
	// of the first host: what is mounted, and what lies below (metadata devices
	// included).
	Hosts          []string
	Here           bool
	Devices, Disks []string
	// Alone says that drbd.conf itself makes it Primary here (become-primary-on):
	// then no drbddisk is needed.
	Alone bool
	// Outdater says that its handler fence-peer is drbd-peer-outdater.
	Outdater bool
	// OutdaterTime is how long that waits for the answer.
	OutdaterTime time.Duration
	// Floating says that a host has no name, only an address.
	Floating bool
}

func (m Mirrors) find(name string) (Mirror, bool) {
	i := slices.IndexFunc(m.List, func(r Mirror) bool { return r.Name == name })
	if i < 0 {
		return Mirror{}, false
	}
	return m.List[i], true
}

// owner is the resource that has a device, and the one that lies on it.
func (m Mirrors) owner(dev string, of func(Mirror) []string) (Mirror, bool) {
	i := slices.IndexFunc(m.List, func(r Mirror) bool { return slices.Contains(of(r), dev) })
	if i < 0 {
		return Mirror{}, false
	}
	return m.List[i], true
}

func (m Mirrors) names() []string {
	var out []string
	for _, r := range m.List {
		out = append(out, r.Name)
	}
	return out
}

// storage checks what groups say about disks: DRBD resources, devices, mount
// points, and that no two of them get into each other's way.
type storage struct {
	*checker
	mirrors   *Mirrors // read when the first line needs it
	primaries []promotion
	mounts    []mount
}

// promotion is a drbddisk or drbdupper.
type promotion struct {
	r       Resource
	group   int
	index   int    // in the group
	name    string // "all" stands for every resource
	guessed bool   // the script's name is wrong, which was said already
}

func (p promotion) of(name string) bool { return p.name == name || p.name == "all" }

// mount is a Filesystem.
type mount struct {
	r            Resource
	group, index int
	dev, dir     string // dev: links followed
	fstype       string
	options      string
}

func (k *checker) storage() {
	s := &storage{checker: k}
	for g, group := range k.c.Resources.Groups {
		for i, r := range group.Resources {
			switch script := strings.ToLower(r.Script); {
			case script == "filesystem":
				s.filesystem(r, g, i)
			case script == "drbddisk" || script == "drbdupper":
				s.drbd(r, g, i, false)
			case editDistance(script, "drbddisk", 3) < 3:
				s.drbd(r, g, i, true)
			case script == "ocf" && strings.Contains(strings.ToLower(strings.Join(r.Args, " ")), "drbd"):
				s.primaries = append(s.primaries, promotion{r: r, group: g, index: i, name: "all", guessed: true})
			}
		}
	}
	s.outdaters()
	s.sharedResources()
	s.sharedVolumeGroups()
	s.sharedMounts()
	for _, m := range s.mounts {
		s.mirrored(m)
	}
}

func (s *storage) fail(r Resource, text, remedy string) { s.add(Fail, r.Pos, text, remedy) }

func (s *storage) home(g int) string { return s.c.Resources.Groups[g].Home }

// conf is drbd.conf; ok is false if nothing can be said about it.
func (s *storage) conf() (m Mirrors, ok bool) {
	if s.env.Mirrors == nil {
		return m, false
	}
	if s.mirrors == nil {
		read := s.env.Mirrors()
		s.mirrors = &read
	}
	return *s.mirrors, !s.mirrors.Missing && s.mirrors.Problem == ""
}

// drbd checks that drbd.conf has what drbddisk or drbdupper names.
func (s *storage) drbd(r Resource, group, index int, guessed bool) {
	p := promotion{r: r, group: group, index: index, name: "all", guessed: guessed}
	if len(r.Args) > 0 {
		p.name, _, _ = strings.Cut(r.Args[0], "/") // RESOURCE/VOLUME
	}
	s.primaries = append(s.primaries, p)
	known := s.mirrors != nil
	m, ok := s.conf()
	if s.env.Mirrors == nil {
		return
	}
	if !ok {
		if known {
			return // said once
		}
		if m.Missing {
			s.fail(r, fmt.Sprintf("%s: there is no drbd.conf (looked for %s): starting the group would fail", r.Raw, m.File),
				"copy drbd.conf from the other node, or remove "+r.Raw)
		} else {
			s.fail(r, fmt.Sprintf("%s: drbd.conf cannot be used: %s", r.Raw, m.Problem), "correct it; drbdadm dump says everything that is wrong with it")
		}
		return
	}
	if p.name == "all" {
		if len(m.List) == 0 {
			s.fail(r, fmt.Sprintf("%s: %s has no resource", r.Raw, m.File), "write one there, or remove "+r.Raw)
		}
		return
	}
	res, ok := m.find(p.name)
	upper := strings.EqualFold(r.Script, "drbdupper")
	switch {
	case !ok:
		remedy := "there are: " + strings.Join(m.names(), ", ")
		if near := nearest(p.name, m.names()); near != "" {
			remedy = fmt.Sprintf("did you mean %q?", near)
		} else if len(m.List) == 0 {
			remedy = "it has none at all"
		}
		s.fail(r, fmt.Sprintf("%s: %s has no resource %q: starting the group would fail", r.Raw, m.File, p.name), remedy)
	case !res.Here:
		if ha := s.c.HA; ha != nil && !slices.Contains(ha.Nodes, s.env.node()) {
			break // it is no node of the cluster either, which was said
		}
		level := Warn
		if s.home(group) == s.env.node() {
			level = Fail
		}
		s.add(level, r.Pos, fmt.Sprintf("%s: in %s the resource %s is for %s, not for this machine: the group cannot run here", r.Raw, m.File, p.name, strings.Join(res.Hosts, " and ")),
			"the names after \"on\" must be what uname -n prints there")
	case upper && !res.Stacked:
		s.fail(r, fmt.Sprintf("%s: %s is no stacked resource", r.Raw, p.name), "write drbddisk::"+p.name)
	case res.Stacked && !upper && !guessed:
		s.fail(r, fmt.Sprintf("%s: %s is a stacked resource", r.Raw, p.name), "write drbdupper::"+p.name)
	}
}

// sharedResources: two groups must not pull a DRBD resource hither and thither.
func (s *storage) sharedResources() {
	for i, p := range s.primaries {
		for _, q := range s.primaries[:i] {
			if p.guessed || q.guessed || p.name != q.name && p.name != "all" && q.name != "all" {
				continue
			}
			text := fmt.Sprintf("%s stands twice in this group", p.r.Raw)
			level := Warn
			if p.group != q.group {
				text = fmt.Sprintf("%s: the group of line %d has %s too: the one that stops takes the disk away from the other", p.r.Raw, q.r.Pos.Line, q.r.Raw)
				if s.home(p.group) != s.home(q.group) {
					level, text = Fail, fmt.Sprintf("%s: the group of line %d, which belongs on another node, has %s too: only one of them can be Primary", p.r.Raw, q.r.Pos.Line, q.r.Raw)
				}
			}
			s.add(level, p.r.Pos, text, "remove one of them, or make one group of both")
			break
		}
	}
}

// sharedVolumeGroups: as sharedResources, for LVM.
func (s *storage) sharedVolumeGroups() {
	type place struct {
		r Resource
		g int
	}
	seen := map[string]place{}
	for g, group := range s.c.Resources.Groups {
		for _, r := range group.Resources {
			if !strings.EqualFold(r.Script, "LVM") || len(r.Args) == 0 {
				continue
			}
			if q, again := seen[r.Args[0]]; again && q.g != g {
				s.fail(r, fmt.Sprintf("%s: the group of line %d uses the volume group %s too: two nodes could have it at once", r.Raw, q.r.Pos.Line, r.Args[0]), "remove one of them, or make one group of both")
				continue
			}
			seen[r.Args[0]] = place{r, g}
		}
	}
}

// filesystem checks DEVICE and MOUNTPOINT of one Filesystem.
func (s *storage) filesystem(r Resource, group, index int) {
	if len(r.Args) < 2 {
		s.fail(r, r.Raw+": Filesystem needs a device and a mount point", "write Filesystem::/dev/DEVICE::/MOUNTPOINT::TYPE")
		return
	}
	m := mount{r: r, group: group, index: index, dev: s.realDevice(r.Args[0]), dir: path.Clean(r.Args[1])}
	if len(r.Args) > 2 {
		m.fstype = r.Args[2]
	}
	if len(r.Args) > 3 {
		m.options = r.Args[3]
	}
	if dev := r.Args[0]; !strings.HasPrefix(dev, "/") && !strings.ContainsAny(dev, ":=") && !strings.HasPrefix(dev, "-") && !m.deviceless() {
		s.fail(r, fmt.Sprintf("%s: %q is not a device", r.Raw, dev), "write /dev/"+dev)
	}
	if !strings.HasPrefix(r.Args[1], "/") {
		s.fail(r, fmt.Sprintf("%s: the mount point %q has no slash", r.Raw, r.Args[1]), "write /"+r.Args[1])
		m.dir = "/" + m.dir
	} else {
		s.mountPoint(m)
	}
	s.mounts = append(s.mounts, m)
}

// deviceless file systems have a word of any kind in the device's place.
func (m mount) deviceless() bool {
	return slices.Contains([]string{"tmpfs", "overlay", "proc", "sysfs", "9p"}, m.fstype) || strings.HasPrefix(m.fstype, "fuse")
}

// shared file systems may be mounted by many nodes; a bind mount has no device.
func (m mount) shared() bool {
	bind := slices.ContainsFunc(strings.Split(m.options, ","), func(o string) bool { return o == "bind" || o == "rbind" })
	return m.deviceless() || bind || slices.Contains([]string{"nfs", "nfs4", "cifs", "smb3", "smbfs", "glusterfs", "ceph", "ocfs2", "gfs2"}, m.fstype) ||
		!strings.HasPrefix(m.dev, "/dev/") && !strings.HasPrefix(m.dev, "-") && !strings.Contains(m.dev, "=")
}

func (s *storage) mountPoint(m mount) {
	switch info := s.env.stat(m.dir, Directory); {
	case m.dir == "/":
		s.fail(m.r, fmt.Sprintf("%s: the mount point / is the system's own", m.r.Raw), "write a directory for this file system")
	case info.Kind == Directory:
	case info.Kind != NoFile:
		s.fail(m.r, fmt.Sprintf("%s: the mount point %s is not a directory", m.r.Raw, m.dir), "move it out of the way, then mkdir -p "+m.dir)
	case slices.ContainsFunc(s.mounts, func(o mount) bool { return o.group == m.group && below(m.dir, o.dir) }):
		// It lies in a file system that the group has mounted by then.
	default:
		s.warn(m.r.Pos, fmt.Sprintf("%s: the mount point %s does not exist", m.r.Raw, m.dir), "mkdir -p "+m.dir)
	}
}

func below(dir, of string) bool {
	return of != dir && strings.HasPrefix(dir, strings.TrimSuffix(of, "/")+"/")
}

// sharedMounts: a device or a mount point that two lines name.
func (s *storage) sharedMounts() {
	for i, m := range s.mounts {
		for _, o := range s.mounts[:i] {
			where := fmt.Sprintf("in the group of line %d", o.r.Pos.Line)
			if o.group == m.group {
				where = "in this group"
			}
			switch {
			case m.dev == o.dev && !m.shared() && !o.shared() && o.group != m.group:
				s.fail(m.r, fmt.Sprintf("%s: the group of line %d has the device %s too: two nodes could mount it at once", m.r.Raw, o.r.Pos.Line, m.r.Args[0]), "give each its own device, or put both into one group")
			case m.dev == o.dev && !m.shared() && !o.shared() && m.dir != o.dir && !strings.Contains(m.options+o.options, "subvol"):
				s.warn(m.r.Pos, fmt.Sprintf("%s: the device %s stands twice in this group", m.r.Raw, m.r.Args[0]), "mount it once, and write a bind mount for the second directory")
			case m.dir == o.dir:
				s.fail(m.r, fmt.Sprintf("%s: %s, %s is mounted on %s too: the second start fails", m.r.Raw, where, o.r.Args[0], m.dir), "give each its own mount point")
			case o.group == m.group && below(o.dir, m.dir):
				s.fail(m.r, fmt.Sprintf("%s: %s is mounted below it before, and would be hidden: the start fails", m.r.Raw, o.dir), fmt.Sprintf("write it in front of %s", o.r.Raw))
			default:
				continue
			}
			break
		}
	}
}

// realDevice follows links, and knows the names that udev gives to DRBD devices.
func (s *storage) realDevice(dev string) string {
	if !strings.HasPrefix(dev, "/") {
		return dev
	}
	dev = path.Clean(dev)
	if s.env.RealPath != nil {
		if real := s.env.RealPath(dev); real != "" {
			dev = real
		}
	}
	name, ok := strings.CutPrefix(dev, "/dev/drbd/by-res/")
	if !ok {
		return dev
	}
	m, _ := s.conf()
	name, volume, _ := strings.Cut(name, "/")
	if r, ok := m.find(name); ok {
		if n, whole := atoi(volume); whole && n < len(r.Devices) {
			return r.Devices[n]
		} else if len(r.Devices) > 0 {
			return r.Devices[0]
		}
	}
	return dev
}

// isMirror tells whether a path is a device of DRBD by its name.
func isMirror(dev string) bool {
	n, ok := strings.CutPrefix(dev, "/dev/drbd")
	return ok && (strings.HasPrefix(n, "/by-res/") || scanDigits(n) == len(n) && n != "")
}

// mirrored checks a file system on a DRBD device, or on a disk below one.
func (s *storage) mirrored(m mount) {
	mirror := isMirror(m.dev)
	if !mirror && (!strings.HasPrefix(m.dev, "/dev/") || len(s.primaries) == 0 && s.mirrors == nil) {
		return
	}
	conf, ok := s.conf()
	if !ok {
		if mirror && s.env.Mirrors != nil && len(s.primaries) == 0 {
			why := "there is no drbd.conf"
			if conf.Problem != "" {
				why = "drbd.conf cannot be used: " + conf.Problem
			}
			s.fail(m.r, fmt.Sprintf("%s: %s", m.r.Raw, why), "see that drbdadm dump succeeds")
		} else if mirror {
			s.promoted(m, Mirror{})
		}
		return
	}
	if !mirror {
		if r, ok := conf.owner(m.dev, func(r Mirror) []string { return r.Disks }); ok {
			remedy := "write another device"
			if len(r.Devices) > 0 {
				remedy = "write " + r.Devices[max(0, min(slices.Index(r.Disks, m.dev), len(r.Devices)-1))]
			}
			s.fail(m.r, fmt.Sprintf("%s: %s is the disk below the DRBD resource %s: what is written there is not mirrored, and breaks the mirror", m.r.Raw, m.r.Args[0], r.Name), remedy)
		}
		return
	}
	r, ok := conf.owner(m.dev, func(r Mirror) []string { return r.Devices })
	if ok {
		s.promoted(m, r)
		return
	}
	var known []string
	for _, r := range conf.List {
		for _, d := range r.Devices {
			known = append(known, d+" ("+r.Name+")")
		}
	}
	remedy := "write a resource for it"
	if len(known) > 0 {
		remedy = "its devices are " + strings.Join(known, ", ")
	}
	s.fail(m.r, fmt.Sprintf("%s: %s has no resource with the device %s", m.r.Raw, conf.File, m.r.Args[0]), remedy)
}

// promoted checks that something makes the device's resource Primary before it is
// mounted. Without a name (drbd.conf is not known) any drbddisk will do.
func (s *storage) promoted(m mount, r Mirror) {
	if r.Alone {
		return
	}
	var later, other *promotion
	for i, p := range s.primaries {
		fits := r.Name == "" || p.of(r.Name)
		switch {
		case p.group == m.group && p.index < m.index && (fits || p.guessed):
			return
		case p.group == m.group && p.index < m.index:
			other = &s.primaries[i]
		case p.group == m.group && fits:
			later = &s.primaries[i]
		case p.group < m.group && fits && s.home(p.group) == s.home(m.group):
			s.warn(m.r.Pos, fmt.Sprintf("%s: the device becomes Primary in another group, that of line %d", m.r.Raw, p.r.Pos.Line), "put "+p.r.Raw+" and this file system into one group")
			return
		}
	}
	name := r.Name
	if name == "" {
		name = "RESOURCE"
	}
	word := "drbddisk::" + name
	if r.Stacked {
		word = "drbdupper::" + name
	}
	switch {
	case later != nil:
		s.fail(m.r, fmt.Sprintf("%s: %s stands after it: a Secondary cannot be mounted", m.r.Raw, later.r.Raw), "write "+later.r.Raw+" in front of it")
	case other != nil:
		text := fmt.Sprintf("%s: %s is a device of the DRBD resource %s, but this group makes %s Primary", m.r.Raw, m.r.Args[0], name, other.name)
		remedy := "write " + word
		if conf, ok := s.conf(); ok {
			if o, ok := conf.find(other.name); ok && len(o.Devices) > 0 {
				remedy += ", or the device " + o.Devices[0]
			}
		}
		s.fail(m.r, text, remedy)
	default:
		s.fail(m.r, fmt.Sprintf("%s: nothing in this group makes the DRBD resource %s Primary: a Secondary cannot be mounted", m.r.Raw, name), "write "+word+" in front of it")
	}
}
