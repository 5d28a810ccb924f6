package cluster

import (
	"fmt"
	"time"
)

func (n *Node) log(l Level, format string, args ...any) {
	n.do(Log{Level: l, Text: fmt.Sprintf(format, args...)})
}

func (n *Node) logAs(source string, l Level, format string, args ...any) {
	n.do(Log{Level: l, Source: source, Text: fmt.Sprintf(format, args...)})
}

// complaint bounds what a hostile or broken sender can write into our log.
type complaint struct {
	since time.Time
	more  int
}

const (
	complaintEvery = 10 * time.Minute // the same complaint is logged at most this often
	maxComplaints  = 256
)

// complain counts under counter and logs the text, but the same key only once in
// complaintEvery; what was held back is told when it is logged again.
func (n *Node) complain(counter, key string, l Level, format string, args ...any) {
	n.counters[counter]++
	c := n.complaints[key]
	if c == nil {
		if len(n.complaints) >= maxComplaints {
			return
		}
		c = &complaint{}
		n.complaints[key] = c
	} else if n.now.Sub(c.since) < complaintEvery {
		c.more++
		return
	}
	text := fmt.Sprintf(format, args...)
	if c.more > 0 {
		text += fmt.Sprintf(" (and %d more like this)", c.more)
	}
	c.since, c.more = n.now, 0
	n.do(Log{Level: l, Text: text})
}
