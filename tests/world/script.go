package world

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"classicha/drbdd/replica"
	"classicha/heartbeatd/cluster"
)

// ReadScript reads a bad day with a name: lines "set NAME VALUE" for what is not as in
// defaults, then faults with their times; # begins a comment.
func ReadScript(r io.Reader) (Config, error) {
	c := defaults()
	for in, line := bufio.NewScanner(r), 1; in.Scan(); line++ {
		text, _, _ := strings.Cut(in.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		var err error
		if words[0] == "set" && len(words) == 3 {
			err = c.set(words[1], words[2])
		} else {
			var f Fault
			if f, err = parseFault(words); err == nil {
				c.Faults = append(c.Faults, f)
				c.Chaos = max(c.Chaos, f.At+second)
			}
		}
		if err != nil {
			return c, fmt.Errorf("line %d: %w", line, err)
		}
	}
	return c, nil
}

// parseFault reads "TIME WHAT [MACHINE] [TIME]".
func parseFault(words []string) (f Fault, err error) {
	if f.At, err = time.ParseDuration(words[0]); err != nil {
		return f, err
	}
	words = words[1:]
	if n := len(words); n > 0 {
		if d, err := time.ParseDuration(words[n-1]); err == nil {
			f.For, words = d, words[:n-1]
		}
	}
	if n := len(words); n > 0 && strings.HasPrefix(words[n-1], "serv-") {
		f.On, words = words[n-1], words[:n-1]
	}
	f.Do = strings.Join(words, " ")
	if faults[f.Do] == nil && !strings.HasPrefix(f.Do, "group ") {
		return f, fmt.Errorf("no such fault: %q", f.Do)
	}
	return f, nil
}

// set changes one value.
func (c *Config) set(name, value string) (err error) {
	word := func(p *int, words ...string) {
		for i, w := range words {
			if w == value {
				*p = i
				return
			}
		}
		err = fmt.Errorf("%s is one of %v", name, words)
	}
	duration := func(p *time.Duration) { *p, err = time.ParseDuration(value) }
	var n int
	switch name {
	case "seed":
		c.Seed, err = strconv.ParseUint(value, 10, 64)
	case "protocol":
		word(&n, "A", "B", "C")
		c.Protocol = "ABC"[n]
	case "fencing":
		word(&n, "dont-care", "resource-only", "resource-and-stonith")
		c.Fencing = []replica.Fencing{replica.DontCare, replica.ResourceOnly, replica.ResourceAndStonith}[n]
	case "auto_failback":
		word(&n, "legacy", "on", "off")
		c.Failback = []cluster.Failback{cluster.FailbackLegacy, cluster.FailbackOn, cluster.FailbackOff}[n]
	case "stonith":
		word(&n, "off", "on")
		c.Stonith = n == 1
	case "serial":
		word(&n, "off", "on")
		c.Serial = n == 1
	case "shared":
		word(&n, "off", "on")
		c.Shared = n == 1
	case "resync-rate":
		var rate uint64
		rate, err = strconv.ParseUint(value, 10, 32)
		c.Rate = uint32(rate)
	case "groups":
		c.Groups, err = strconv.Atoi(value)
	case "deadtime":
		duration(&c.Deadtime)
	case "wfc-timeout":
		duration(&c.WFC)
	case "degr-wfc-timeout":
		duration(&c.DegrWFC)
	case "outdater-time":
		duration(&c.HandlerTime)
	default:
		err = fmt.Errorf("nothing is called %q", name)
	}
	return err
}
