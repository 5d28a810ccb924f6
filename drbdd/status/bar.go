package status

import (
	"fmt"
	"strings"

	"classicha/drbdd/replica"
)

// ProgressBar is the line that `drbdadm wait-sync` draws on a terminal: name,
// bar, per cent, speed and the time that is left. It begins with a carriage
// return and fills all but the last column of width (0: 80), so that a new line
// covers the one before; the bar takes what room there is.
func ProgressBar(name string, p *replica.Progress, width int) string {
	if width <= 0 {
		width = defaultWidth
	}
	s := speedOf(p)
	done := percentOf(p)
	eta := "-:--:--"
	if s.now > 0 {
		eta = s.clock()
	}
	tail := fmt.Sprintf(" %5.1f%% %10s K/sec %9s", done, thousands(s.now), eta)
	room := width - 1 - len(name) - len(tail) - len(" []")
	bar := ""
	if room >= 3 {
		head := int(done * float64(room) / 100)
		body := strings.Repeat("=", head)
		if head < room {
			body += ">" + strings.Repeat(".", room-head-1)
		}
		bar = " [" + body + "]"
	}
	line := name + bar + tail
	if len(line) > width-1 {
		line = line[:max(width-1, 0)]
	}
	return "\r" + line + strings.Repeat(" ", max(0, width-1-len(line)))
}
