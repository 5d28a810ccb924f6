package drbdadm

import (
	"context"
	"fmt"
	"os"
	"time"

	"classicha/drbdd/status"
)

// styles of /proc/drbd by the version whose text it is.
var styles = map[string]status.Style{"0.7": status.Style07, "8.0": status.Style80, "8.3": status.Style83, "8.4": status.Style84}

// procLimit bounds asking the daemon.
const procLimit = 5 * time.Second

// proc prints the text of /proc/drbd: that which the daemon keeps in a file, or
// with --style that of another version.
func (t *tool) proc() (int, error) {
	if t.style == "" {
		data, err := os.ReadFile(t.env.ProcFile)
		if err == nil {
			t.out.Write(data)
			return 0, nil
		}
		t.style = "8.4"
	}
	style, ok := styles[t.style]
	if !ok {
		fmt.Fprintf(t.err, "%s: proc: unknown style '%s': it is one of 0.7, 8.0, 8.3, 8.4\n", t.prog, t.style)
		return 0, exitUsage
	}
	ctx, cancel := context.WithTimeout(context.Background(), procLimit)
	defer cancel()
	rs, err := t.env.Status(ctx)
	if err != nil {
		fmt.Fprintf(t.err, "%s: proc: %v\n", t.prog, err)
		return 0, exitExec
	}
	status.Proc(t.out, rs, style, buildTag)
	return 0, nil
}
