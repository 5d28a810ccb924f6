package drbdmeta

import (
	"fmt"
	"strings"

	"classicha/drbdd/metadata"
	"classicha/internal/getopt"
)

// options are those of the command line.
type options struct {
	force        bool
	verbose      int // 1: why metadata is not valid; 2: every read and write
	dryRun       bool
	ignoreSanity bool
	maxBio       *uint64 // nil = not given
	ring         metadata.Ring
	ringGiven    bool
	nodeID       bool
	bitmapMode   string
}

const shortOpts = "fvp:i:s:z:b:"

// Letters of options that have none on the command line.
const (
	optIgnore = iota + 1
	optDry
)

var longOpts = []getopt.Long{
	{Name: "ignore-sanity-checks", Short: optIgnore}, {Name: "dry-run", Short: optDry},
	{Name: "force", Short: 'f'}, {Name: "verbose", Short: 'v'},
	{Name: "peer-max-bio-size", Arg: getopt.Required, Short: 'p'}, {Name: "node-id", Arg: getopt.Required, Short: 'i'},
	{Name: "al-stripes", Arg: getopt.Required, Short: 's'}, {Name: "al-stripe-size-kB", Arg: getopt.Required, Short: 'z'},
	{Name: "initialize-bitmap", Arg: getopt.Required, Short: 'b'},
}

// bitmapModes are the ways to zero the bitmap. As in the original they must be
// spelled out.
const bitmapModes = "automatic|zeroout|pwrite|skip"

// parse reads the options and returns the words. ok is false if everything was
// said and code is the exit code.
func (t *tool) parse(args []string) (words []string, code int, ok bool) {
	p := getopt.New(progName, args, shortOpts, longOpts...)
	p.Stderr = t.err
	t.opt.ring, t.opt.bitmapMode = metadata.DefaultRing, "automatic"
	stripeKiB := uint64(t.opt.ring.Stripe4k) * 4
	stripes := uint64(t.opt.ring.Stripes)
	for o, more := p.Next(); more; o, more = p.Next() {
		if o.Err != nil {
			return nil, t.usage(), false
		}
		var n uint64
		if strings.IndexByte("pisz", o.Short) >= 0 {
			unit := uint64(1)
			if o.Short == 'z' {
				unit = 1 << 10
			}
			if n, code = t.number(o.Arg, unit); code != 0 {
				return nil, code, false
			}
		}
		switch o.Short {
		case optIgnore:
			t.opt.ignoreSanity = true
		case optDry:
			t.opt.dryRun = true
		case 'f':
			t.opt.force = true
		case 'v':
			t.opt.verbose++
		case 'p':
			if n > 1<<20 {
				return nil, t.fail(10, "peer-max-bio-size out of range (0...1M)"), false
			}
			t.opt.maxBio = &n
		case 'i':
			if n > 31 {
				return nil, t.fail(10, "node-id out of range (0...31)"), false
			}
			t.opt.nodeID = true
		case 's':
			t.opt.ringGiven, stripes = true, n
		case 'z':
			t.opt.ringGiven, stripeKiB = true, n>>10
		case 'b':
			if !strings.Contains("|"+bitmapModes+"|", "|"+o.Arg+"|") || strings.Contains(o.Arg, "|") {
				return nil, t.fail(10, fmt.Sprintf("invalid initialize-bitmap-mode \"%s\", should be one of %s", o.Arg, bitmapModes)), false
			}
			t.opt.bitmapMode = o.Arg
		}
	}
	const most = 1<<32 - 1
	t.opt.ring = metadata.Ring{Stripes: uint32(min(stripes, most)), Stripe4k: uint32(min(stripeKiB/4, most))}
	return p.Operands(), 0, true
}

// number reads digits with a unit: none (then unit counts), s, k, m or g. What does
// not fit is the largest number, which no option accepts.
func (t *tool) number(text string, unit uint64) (uint64, int) {
	const largest = 1<<64 - 1
	if text == "" {
		return 0, t.fail(100, "missing number argument")
	}
	digits := strings.TrimLeft(text, " \t")
	negative := strings.HasPrefix(digits, "-")
	if negative || strings.HasPrefix(digits, "+") {
		digits = digits[1:]
	}
	rest := strings.TrimLeft(digits, "0123456789")
	digits = digits[:len(digits)-len(rest)]
	switch rest {
	case "":
	case "s":
		unit = 512
	case "k", "K":
		unit = 1 << 10
	case "m", "M":
		unit = 1 << 20
	case "g", "G":
		unit = 1 << 30
	default:
		digits = ""
	}
	if digits == "" {
		return 0, t.fail(20, text+" is not a valid number")
	}
	if negative {
		return largest, 0
	}
	n := uint64(0)
	for _, c := range digits {
		d := uint64(c - '0')
		if n > (largest-d)/10 {
			return largest, 0
		}
		n = n*10 + d
	}
	if n > largest/unit {
		return largest, 0
	}
	return n * unit, 0
}
