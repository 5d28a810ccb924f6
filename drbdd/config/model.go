package config

import (
	"slices"
	"strconv"
	"strings"
)

// Config is one configuration: a file with everything it includes.
type Config struct {
	// File is the absolute name of the main file, as dump prints it.
	File string
	// Global is the section of that name; its zero value stands for the
	// defaults except where a field says otherwise.
	Global Global
	// Common is the section of that name; nil if there is none. It has no
	// hosts.
	Common *Resource
	// Resources are those of the file in its order, ignored ones included.
	Resources []*Resource
}

// Resource finds a resource by its name.
func (c *Config) Resource(name string) *Resource {
	for _, r := range c.Resources {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// UsageCount is the value of usage-count.
type UsageCount uint8

// Values of usage-count; the zero value is the default.
const (
	UsageAsk UsageCount = iota
	UsageYes
	UsageNo
)

func (u UsageCount) String() string { return [...]string{"ask", "yes", "no"}[u] }

// Global is the section global (drbd-config 4.7).
type Global struct {
	Pos                   Pos // of the keyword; the zero value if there is no section
	DisableIPVerification bool
	UdevAlwaysUseVNR      bool
	MinorCount            int // 0: not given
	DialogRefresh         int // seconds
	Usage                 UsageCount
	// Time limits for the programs that drbdadm calls, seconds; 0: none.
	CmdTimeoutShort, CmdTimeoutMedium, CmdTimeoutLong int
}

// Resource is a section resource, or the section common.
type Resource struct {
	Name string
	// Pos is where the brace opens; File is the name as opened. Defined is the
	// same with the absolute name, as dump prints it.
	Pos, Defined Pos

	Hosts []*Host
	// Volumes are the statements device, disk, meta-disk and volume outside of
	// host sections: what hosts leave out comes from there.
	Volumes []*Volume

	// The option sections in file order, older words already in today's form
	// and at today's place. Protocol is an option of Net.
	Options, Net, Disk, Startup, Proxy, Handlers []Option
	// BecomePrimaryOn and StackedTimeouts are the two statements of startup
	// that are no plain options.
	BecomePrimaryOn []string
	StackedTimeouts bool
	ProxyPlugins    []string

	// OnDisconnect is the 0.7 option (reconnect, stand_alone, freeze_io); 8.4
	// has no word for it, so it is not printed. Empty: not given.
	OnDisconnect string

	// Me is the host section of this machine, Peer the other one if there are
	// exactly two. Ignored means that this machine is not named; Stacked that
	// Me lies on a lower resource.
	Me, Peer *Host
	Ignored  bool
	Stacked  bool

	group    int      // 0.7 "group"; -1: not given
	diskRead []Option // Disk before a resync-after without resource was dropped
}

// Section returns the options of a section of the resource.
func (r *Resource) Section(s Section) []Option {
	if p := r.section(s); p != nil {
		return *p
	}
	return nil
}

func (r *Resource) section(s Section) *[]Option {
	switch s {
	case SectionOptions:
		return &r.Options
	case SectionNet:
		return &r.Net
	case SectionDisk:
		return &r.Disk
	case SectionStartup:
		return &r.Startup
	case SectionProxy:
		return &r.Proxy
	case SectionHandlers:
		return &r.Handlers
	}
	return nil
}

// HostKind tells the kinds of host sections apart.
type HostKind uint8

// Kinds of host sections.
const (
	On       HostKind = iota // on NAME {NAME}
	Floating                 // floating ADDR
	Stacked                  // stacked-on-top-of RESOURCE
	ThisHost                 // _this_host, in the output of drbdsetup show
	RemoteHost
)

// Host is one host section.
type Host struct {
	Pos  Pos // where the brace opens
	Kind HostKind
	// Names are those of "on"; of a floating section ADDR:PORT; of a stacked
	// one the names of the lower resource's host on which it runs.
	Names []string
	// Lower is the name of the lower resource of a stacked section, LowerRes
	// the resource itself.
	Lower    string
	LowerRes *Resource

	Address    *Address
	AltAddress *Address
	Options    []Option
	Volumes    []*Volume // sorted by number
	Proxy      *Proxy
}

// Name is the first name; the original prints all of them, see NameList.
func (h *Host) Name() string {
	if len(h.Names) == 0 {
		return "UNKNOWN"
	}
	return h.Names[0]
}

// NameList is all names, with blanks between them.
func (h *Host) NameList() string {
	if len(h.Names) == 0 {
		return "UNKNOWN"
	}
	return strings.Join(h.Names, " ")
}

// Has reports whether the section is for the host of that name.
func (h *Host) Has(name string) bool { return slices.Contains(h.Names, name) }

// Volume finds a volume by its number.
func (h *Host) Volume(number int) *Volume { return findVolume(h.Volumes, number) }

func findVolume(vs []*Volume, number int) *Volume {
	for _, v := range vs {
		if v.Number == number {
			return v
		}
	}
	return nil
}

// Values of Volume.MetaIndex that are no slot numbers.
const (
	MetaInternal = "internal"
	MetaFlexible = "flexible"
)

// Volume is one volume of a host, or the pattern for it at resource level.
type Volume struct {
	Pos    Pos
	Number int
	// Implicit is set if the statements stand in the host section itself,
	// without "volume 0".
	Implicit bool
	// Device is the name with /dev/ in front, empty if only the minor is given.
	Device string
	Minor  int // -1: not given
	Disk   string
	// MetaDisk is "internal" or a device; MetaIndex is MetaInternal,
	// MetaFlexible or the digits of a slot.
	MetaDisk, MetaIndex string
	DiskOptions         []Option
}

// Diskless reports whether the host has no disk of its own: "disk none" of
// DRBD 9, which drbdadm 8.4 takes for a file name.
func (v *Volume) Diskless() bool { return v.Disk == "none" }

// DeviceName is Device, or the usual name for the minor.
func (v *Volume) DeviceName() string {
	if v.Device != "" || v.Minor < 0 {
		return v.Device
	}
	return "/dev/drbd" + strconv.Itoa(v.Minor)
}

// Address is an address with its port, both as written.
type Address struct {
	Pos    Pos
	Family string // ipv4, ipv6, ssocks, sdp
	IP     string // without brackets
	Port   string
}

// String is the form of dump: "ipv4 10.0.0.1:7788", "ipv6 [fd00::1]:7788".
func (a *Address) String() string {
	return a.Family + " " + a.hostPort()
}

// Setup is the form of drbdsetup's arguments: "ipv4:10.0.0.1:7788".
func (a *Address) Setup() string { return a.Family + ":" + a.hostPort() }

func (a *Address) hostPort() string {
	if a.Family == "ipv6" {
		return "[" + a.IP + "]:" + a.Port
	}
	return a.IP + ":" + a.Port
}

// Proxy is a section "proxy on" of a host.
type Proxy struct {
	Pos             Pos
	Names           []string
	Inside, Outside *Address
	Options         []Option
	Plugins         []string
}

// Option is one option as it stands in a section, in today's words.
type Option struct {
	// Def is the option's row in the table.
	Def *OptionDef
	// Name is that of the table; Value what was written, "yes" or "no" for a
	// boolean.
	Name, Value string
	Pos         Pos
}

// Last finds the value in force in a list of options: the last one of that
// name (drbd-config 3).
func Last(opts []Option, name string) (Option, bool) {
	for i := len(opts) - 1; i >= 0; i-- {
		if opts[i].Name == name {
			return opts[i], true
		}
	}
	return Option{}, false
}
