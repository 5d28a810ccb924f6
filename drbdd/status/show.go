package status

import (
	"fmt"
	"io"

	"classicha/drbdd/config"
	"classicha/drbdd/control"
)

// Show is `drbdsetup show` (drbd-cli 2.4), which drbdadm's adjust reads back;
// with defaults it is `show --show-defaults`. Nothing is printed for no
// resources: that is how adjust learns that there is nothing.
func Show(w io.Writer, rs []control.Resource, defaults bool) {
	for i, r := range rs {
		if i > 0 {
			fmt.Fprintln(w)
		}
		showResource(w, r, defaults)
	}
}

func showResource(w io.Writer, r control.Resource, defaults bool) {
	const in = "    "
	fmt.Fprintf(w, "resource %s {\n", r.View.Name)
	section(w, in, "options", config.SectionOptions, showOptions, r.Options, defaults)
	if hasNet(r) {
		section(w, in, "net", config.SectionNet, showNet, r.Net, defaults)
	}
	if r.Remote != "" {
		fmt.Fprintf(w, in+"_remote_host {\n"+in+in+"address\t\t\t%s;\n"+in+"}\n", address(r.Remote))
	}
	fmt.Fprint(w, in+"_this_host {\n")
	if r.Local != "" {
		fmt.Fprintf(w, in+in+"address\t\t\t%s;\n", address(r.Local))
	}
	for _, v := range r.View.Volumes {
		_, c, _ := volume(r, v.Vol)
		fmt.Fprintf(w, in+in+"volume %d {\n"+in+in+in+"device\t\t\tminor %d;\n", v.Vol, v.Minor)
		if c.Disk != "" {
			fmt.Fprintf(w, in+in+in+"disk\t\t\t%s;\n"+in+in+in+"meta-disk\t\t\t%s;\n", quote(c.Disk), metaDisk(c))
			section(w, in+in+in, "disk", config.SectionDisk, showDisk, c.Options, defaults)
		}
		fmt.Fprint(w, in+in+"}\n")
	}
	fmt.Fprint(w, in+"}\n}\n")
}

// metaDisk is what stands behind meta-disk.
func metaDisk(c control.Volume) string {
	switch c.Index {
	case "internal", "":
		return "internal"
	case "flexible":
		return quote(c.Meta)
	}
	return fmt.Sprintf("%s [ %s ]", quote(c.Meta), c.Index)
}
