package drbdsetup

import (
	"context"
	"fmt"
	"io"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/status"
)

// follow calls each for every answer until it returns false; the first answer may
// be an error.
func (t *tool) follow(ctx context.Context, c *call, each func(a control.Answer) bool) error {
	c.req.Options = nil
	var refused error
	err := control.Follow(ctx, t.socket, c.req, func(a control.Answer) bool {
		if refused = report(c.object, a); refused != nil {
			return false
		}
		return each(a)
	})
	if refused != nil {
		return refused
	}
	if err != nil && ctx.Err() == nil {
		return t.noAnswer(c.req.Cmd, c.object, err)
	}
	return err
}

// lines writes lines at once.
func (t *tool) lines(lines []string) {
	t.show(func(w io.Writer) {
		for _, l := range lines {
			fmt.Fprintln(w, l)
		}
	})
}

// selected are the resources of an answer, with one volume where a minor was asked
// for.
func selected(c *call, a control.Answer) []control.Resource {
	rs := make([]control.Resource, 0, len(a.Resources))
	for _, r := range a.Resources {
		if r = only(r, c.req.Minor); c.req.Minor < 0 || len(r.View.Volumes) > 0 {
			rs = append(rs, r)
		}
	}
	return rs
}

// events84 is the command events. It ends with the daemon.
func events84(t *tool, c *call) error {
	var prev []control.Resource // nil before the first answer
	seq := 0
	return t.follow(context.Background(), c, func(a control.Answer) bool {
		if a.Helper != nil {
			t.lines([]string{status.Events84Helper(*a.Helper, prev, &seq)})
			return true
		}
		now := selected(c, a)
		t.lines(status.Events84(prev, now, &seq))
		prev = now
		return true
	})
}

func events2(t *tool, c *call) error {
	given := c.req.Options
	o := status.EventOptions{Statistics: given["statistics"] != "", Timestamps: given["timestamps"] != ""}
	if given["now"] != "" {
		a, err := t.ask(c)
		if err != nil {
			return err
		}
		o.Now = clock(a)
		t.lines(status.Events2Initial(a.Resources, o))
		return nil
	}
	var prev []control.Resource
	first := true
	return t.follow(context.Background(), c, func(a control.Answer) bool {
		o.Now = clock(a)
		if a.Helper != nil {
			t.lines([]string{status.Events2Helper(*a.Helper, prev, o)})
			return true
		}
		if first {
			t.lines(status.Events2Initial(a.Resources, o))
		} else {
			t.lines(status.Events2(prev, a.Resources, o))
		}
		prev, first = a.Resources, false
		return true
	})
}

// clock is the daemon's time of an answer.
func clock(a control.Answer) time.Time {
	if a.Now == 0 {
		return time.Now()
	}
	return time.Unix(0, a.Now)
}
