package drbdadm

import "fmt"

// shStatus prints what the configuration says of each resource of this host, the
// stacked ones too, and behind it what drbdsetup says of its volumes.
func (t *tool) shStatus() (int, error) {
	if !t.dry {
		fmt.Fprintf(t.out, "_drbd_version=%s\n_drbd_api=%d\n_config_file=%s\n\n\n", quoteWord(version), apiVersion, quoteWord(t.conf.File))
	}
	for _, r := range t.conf.Resources {
		if r.Ignored {
			continue
		}
		t.current = r.Name
		fmt.Fprintf(t.out, "_conf_res_name=%s\n_conf_file_line=%s:%d\n\n", quoteWord(r.Name), quoteWord(r.Defined.File), r.Defined.Line)
		if r.Stacked {
			fmt.Fprintf(t.out, "_stacked_on=%s\n", quoteWord(r.Me.Lower))
		} else {
			fmt.Fprint(t.out, "_stacked_on=\n_stacked_on_device=\n_stacked_on_minor=\n")
		}
		for _, v := range r.Me.Volumes {
			if r.Stacked && r.Me.LowerRes != nil && r.Me.LowerRes.Me != nil {
				if low := r.Me.LowerRes.Me.Volume(v.Number); low != nil {
					fmt.Fprintf(t.out, "_stacked_on_device=%s\n_stacked_on_minor=%d\n", quoteWord(low.DeviceName()), low.Minor)
				}
			}
			fmt.Fprintf(t.out, "_conf_volume=%d\n", v.Number)
			if code, err := t.call(t.setupCall("sh-status", minorOf(v)), short); code != 0 || err != nil {
				return code, err
			}
		}
	}
	return 0, nil
}
