package state

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// TestOptions is the file OnlyForTesting (heartbeat-config 1): packets that
// are lost on purpose. The zero value loses none.
type TestOptions struct {
	Enabled    bool     // the file is there
	RcvLoss    float64  // probability, 0 to 1
	XmitLoss   float64  // probability, 0 to 1
	AllowNodes []string // nodes that are heard; none: all
	allowText  string
}

// ReadTestOptions reads the file; a missing one is the zero value.
func ReadTestOptions(path string) (TestOptions, error) {
	b, err := readSmall(path, 1<<16)
	if errors.Is(err, os.ErrNotExist) {
		return TestOptions{}, nil
	}
	if err != nil {
		return TestOptions{}, err
	}
	return ParseTestOptions(b)
}

// ParseTestOptions reads lines `rcvloss=0.1`, `xmitloss=0.1`, `allownodes=a;b;`.
// Empty lines and comments are skipped; anything else is an error: losing
// packets, or not, by a misspelling would make a test meaningless.
func ParseTestOptions(data []byte) (TestOptions, error) {
	o := TestOptions{Enabled: true}
	for i, line := range strings.Split(string(data), "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		var err error
		switch name {
		case "rcvloss":
			o.RcvLoss, err = parseProbability(value)
		case "xmitloss":
			o.XmitLoss, err = parseProbability(value)
		case "allownodes":
			o.AllowNodes = o.AllowNodes[:0:0]
			o.allowText = value
			for _, n := range strings.Split(value, ";") {
				if n = strings.ToLower(strings.TrimSpace(n)); n != "" {
					o.AllowNodes = append(o.AllowNodes, n)
				}
			}
		default:
			err = fmt.Errorf("unknown option %q (known: rcvloss, xmitloss, allownodes)", name)
		}
		if err != nil {
			return TestOptions{}, fmt.Errorf("OnlyForTesting:%d: %w", i+1, err)
		}
	}
	return o, nil
}

func parseProbability(s string) (float64, error) {
	p, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(p) || p < 0 || p > 1 {
		return 0, fmt.Errorf("%q is no probability from 0 to 1", s)
	}
	return p, nil
}

// Allows tells whether packets of node are heard.
func (o TestOptions) Allows(node string) bool {
	return len(o.AllowNodes) == 0 || slices.Contains(o.AllowNodes, strings.ToLower(node))
}

// LogLines are the original's lines at start (all info), none without the file.
func (o TestOptions) LogLines() []string {
	if !o.Enabled {
		return nil
	}
	lines := []string{"WARNING: Enabling Test Code"}
	if o.RcvLoss > 0 {
		lines = append(lines, fmt.Sprintf("Receive loss probability = %.3f", o.RcvLoss))
	}
	if o.XmitLoss > 0 {
		lines = append(lines, fmt.Sprintf("Xmit loss probability = %.3f", o.XmitLoss))
	}
	if o.allowText != "" {
		lines = append(lines, "Allow nodes = "+o.allowText)
	}
	return append(lines, "WARNING: Above Options Now Enabled.")
}
