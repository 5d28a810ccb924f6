package drbdadm

import (
	"fmt"
	"strings"
)

// Answers for shell scripts, from the configuration alone.

func (t *tool) line(text string) (int, error) {
	fmt.Fprintln(t.out, text)
	return 0, nil
}

func (t *tool) shResource(x target) (int, error)  { return t.line(x.res.Name) }
func (t *tool) shDev(x target) (int, error)       { return t.line(x.vol.DeviceName()) }
func (t *tool) shMinor(x target) (int, error)     { return t.line(minorOf(x.vol)) }
func (t *tool) shLowDev(x target) (int, error)    { return t.line(x.vol.Disk) }
func (t *tool) shMetaDev(x target) (int, error)   { return t.line(metaDev(x.vol)) }
func (t *tool) shMetaIndex(x target) (int, error) { return t.line(x.vol.MetaIndex) }

func (t *tool) shIP(x target) (int, error) {
	if x.res.Me.Address == nil {
		return 0, nil
	}
	return t.line(x.res.Me.Address.IP)
}

// shNop only says whether the configuration is right, which it is by now.
func (t *tool) shNop() (int, error) { return 0, nil }

func (t *tool) shResources() (int, error) {
	var names []string
	for _, r := range t.here() {
		names = append(names, quoteName(r.Name))
	}
	if len(names) > 0 {
		fmt.Fprintln(t.out, strings.Join(names, " "))
	}
	return 0, nil
}

// Parameters of the kernel module: it was given room for some resources more.
const (
	fewestMinors = 32
	spareMinors  = 3
)

func (t *tool) shModParms() (int, error) {
	n := t.conf.Global.MinorCount
	if n == 0 {
		n = max(fewestMinors, len(t.conf.Resources)+spareMinors)
	}
	return t.line(fmt.Sprintf("minor_count=%d", n))
}

// shUdev gives the names of the links that udev makes.
func (t *tool) shUdev(x target) (int, error) {
	if x.vol == nil {
		fmt.Fprint(t.err, "volume not specified\n")
		return int(exitUsage), nil
	}
	resource := x.res.Name
	if !x.vol.Implicit || t.conf.Global.UdevAlwaysUseVNR {
		resource = fmt.Sprintf("%s/%d", resource, x.vol.Number)
	}
	device := fmt.Sprintf("drbd%d", x.vol.Minor)
	if x.vol.Device != "" {
		device = strings.TrimPrefix(x.vol.Device, "/dev/")
	}
	fmt.Fprintf(t.out, "RESOURCE=%s\nDEVICE=%s\nDISK=%s\n", resource, device, strings.TrimPrefix(x.vol.Disk, "/dev/"))
	return 0, nil
}

// shLower is the resource below a stacked one.
func (t *tool) shLower(x target) (int, error) {
	switch {
	case !t.stacked:
		fmt.Fprint(t.err, "sh-lower-resource only available in stacked mode\n")
		return 0, exitUsage
	case x.res.Me.LowerRes == nil:
		fmt.Fprintf(t.err, "'%s' is not stacked on this host (%s)\n", x.res.Name, t.env.Config.Hostname)
		return 0, exitUsage
	}
	return t.line(x.res.Me.LowerRes.Name)
}
