package options

import (
	"strconv"
	"time"

	"classicha/drbdd/config"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// field connects an option with its place in T. The value given to set has been
// through Value.
type field[T any] struct {
	set func(o *T, value string)
	get func(o *T) string
}

func uintOf(v string) uint64 {
	n, _ := strconv.ParseUint(v, 10, 64) // Value made it
	return n
}

func numberField[T any, N uint32 | uint64](at func(*T) *N) field[T] {
	return field[T]{
		func(o *T, v string) { *at(o) = N(uintOf(v)) },
		func(o *T) string { return strconv.FormatUint(uint64(*at(o)), 10) },
	}
}

func timeField[T any](unit time.Duration, at func(*T) *time.Duration) field[T] {
	return field[T]{
		func(o *T, v string) { *at(o) = time.Duration(uintOf(v)) * unit },
		func(o *T) string { return strconv.FormatInt(int64(*at(o)/unit), 10) },
	}
}

func boolField[T any](at func(*T) *bool) field[T] {
	return field[T]{
		func(o *T, v string) { *at(o) = v == "yes" },
		func(o *T) string { return yesNo(*at(o)) },
	}
}

func stringField[T any](at func(*T) *string) field[T] {
	return field[T]{
		func(o *T, v string) { *at(o) = v },
		func(o *T) string { return *at(o) },
	}
}

// wordField is for enumerations whose constants are counted from 0 in the order of
// words.
func wordField[T any, N ~uint8](words []string, at func(*T) *N) field[T] {
	return field[T]{
		func(o *T, v string) {
			for i, w := range words {
				if w == v {
					*at(o) = N(i)
				}
			}
		},
		func(o *T) string {
			if i := int(*at(o)); i < len(words) {
				return words[i]
			}
			return words[0]
		},
	}
}

func policyField(at func(*replica.NetOptions) *wire.Policy) field[replica.NetOptions] {
	return field[replica.NetOptions]{
		func(o *replica.NetOptions, v string) { *at(o), _ = wire.ParsePolicy(v) },
		func(o *replica.NetOptions) string { return at(o).String() },
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

const (
	tenth  = 100 * time.Millisecond
	second = time.Second
)

var netFields = map[string]field[replica.NetOptions]{
	"protocol": {
		func(o *replica.NetOptions, v string) { o.Protocol = v[0] },
		func(o *replica.NetOptions) string { return string(rune(o.Protocol)) },
	},
	"timeout":                timeField(tenth, func(o *replica.NetOptions) *time.Duration { return &o.Timeout }),
	"max-epoch-size":         numberField(func(o *replica.NetOptions) *uint32 { return &o.MaxEpochSize }),
	"max-buffers":            numberField(func(o *replica.NetOptions) *uint32 { return &o.MaxBuffers }),
	"connect-int":            timeField(second, func(o *replica.NetOptions) *time.Duration { return &o.ConnectInt }),
	"ping-int":               timeField(second, func(o *replica.NetOptions) *time.Duration { return &o.PingInt }),
	"ping-timeout":           timeField(tenth, func(o *replica.NetOptions) *time.Duration { return &o.PingTimeout }),
	"ko-count":               numberField(func(o *replica.NetOptions) *uint32 { return &o.KoCount }),
	"allow-two-primaries":    boolField(func(o *replica.NetOptions) *bool { return &o.TwoPrimaries }),
	"after-sb-0pri":          policyField(func(o *replica.NetOptions) *wire.Policy { return &o.AfterSB0P }),
	"after-sb-1pri":          policyField(func(o *replica.NetOptions) *wire.Policy { return &o.AfterSB1P }),
	"after-sb-2pri":          policyField(func(o *replica.NetOptions) *wire.Policy { return &o.AfterSB2P }),
	"always-asbp":            boolField(func(o *replica.NetOptions) *bool { return &o.AlwaysASBP }),
	"rr-conflict":            wordField([]string{"disconnect", "call-pri-lost", "violently"}, func(o *replica.NetOptions) *replica.RRConflict { return &o.RRConflict }),
	"data-integrity-alg":     stringField(func(o *replica.NetOptions) *string { return &o.IntegrityAlg }),
	"verify-alg":             stringField(func(o *replica.NetOptions) *string { return &o.VerifyAlg }),
	"csums-alg":              stringField(func(o *replica.NetOptions) *string { return &o.CsumsAlg }),
	"csums-after-crash-only": boolField(func(o *replica.NetOptions) *bool { return &o.CsumsCrash }),
	"use-rle":                boolField(func(o *replica.NetOptions) *bool { return &o.UseRLE }),
	"on-congestion":          wordField([]string{"block", "pull-ahead", "disconnect"}, func(o *replica.NetOptions) *replica.OnCongestion { return &o.OnCongestion }),
	"congestion-fill":        numberField(func(o *replica.NetOptions) *uint64 { return &o.CongFill }),
	"congestion-extents":     numberField(func(o *replica.NetOptions) *uint32 { return &o.CongExtents }),
	"discard-my-data":        boolField(func(o *replica.NetOptions) *bool { return &o.DiscardMyData }),
	"tentative":              boolField(func(o *replica.NetOptions) *bool { return &o.Tentative }),
}

var diskFields = map[string]field[replica.DiskOptions]{
	"size":           numberField(func(o *replica.DiskOptions) *uint64 { return &o.Size }),
	"on-io-error":    wordField([]string{"detach", "pass_on", "call-local-io-error", "panic"}, func(o *replica.DiskOptions) *replica.OnIOError { return &o.OnIOError }),
	"fencing":        wordField([]string{"dont-care", "resource-only", "resource-and-stonith"}, func(o *replica.DiskOptions) *replica.Fencing { return &o.Fencing }),
	"disk-flushes":   boolField(func(o *replica.DiskOptions) *bool { return &o.Flushes }),
	"disk-drain":     boolField(func(o *replica.DiskOptions) *bool { return &o.Drain }),
	"md-flushes":     boolField(func(o *replica.DiskOptions) *bool { return &o.MDFlushes }),
	"resync-rate":    numberField(func(o *replica.DiskOptions) *uint32 { return &o.ResyncRate }),
	"al-extents":     numberField(func(o *replica.DiskOptions) *uint32 { return &o.ALExtents }),
	"al-updates":     boolField(func(o *replica.DiskOptions) *bool { return &o.ALUpdates }),
	"c-plan-ahead":   numberField(func(o *replica.DiskOptions) *uint32 { return &o.PlanAhead }),
	"c-delay-target": numberField(func(o *replica.DiskOptions) *uint32 { return &o.DelayTarget }),
	"c-fill-target":  numberField(func(o *replica.DiskOptions) *uint32 { return &o.FillTarget }),
	"c-max-rate":     numberField(func(o *replica.DiskOptions) *uint32 { return &o.MaxRate }),
	"c-min-rate":     numberField(func(o *replica.DiskOptions) *uint32 { return &o.MinRate }),
	"disk-timeout":   timeField(tenth, func(o *replica.DiskOptions) *time.Duration { return &o.DiskTimeout }),
	// StripingBase and what follows are one after the other, as the words are.
	"read-balancing":            wordField(config.Lookup(config.SectionDisk, "read-balancing").Words, func(o *replica.DiskOptions) *replica.ReadBalancing { return &o.Balancing }),
	"rs-discard-granularity":    numberField(func(o *replica.DiskOptions) *uint32 { return &o.RSDiscard }),
	"discard-zeroes-if-aligned": boolField(func(o *replica.DiskOptions) *bool { return &o.DiscardZeroesIfAligned }),
	resyncAfter: {
		func(o *replica.DiskOptions, v string) { o.ResyncAfter, _ = strconv.Atoi(v) },
		func(o *replica.DiskOptions) string { return strconv.Itoa(o.ResyncAfter) },
	},
}

var resourceFields = map[string]field[replica.ResourceOptions]{
	"on-no-data-accessible": {
		func(o *replica.ResourceOptions, v string) { o.SuspendOnNoData = v == "suspend-io" },
		func(o *replica.ResourceOptions) string {
			if o.SuspendOnNoData {
				return "suspend-io"
			}
			return "io-error"
		},
	},
}

// Socket are the options of a connection that are the shell's business.
type Socket struct {
	SendBuffer, ReceiveBuffer uint32 // bytes, 0 = the kernel's choice
	Cork                      bool
	AuthAlg, Secret           string        // cram-hmac-alg, shared-secret; no authentication without an algorithm
	Check                     time.Duration // socket-check-timeout, 0 = ping-timeout
}

var socketFields = map[string]field[Socket]{
	"sndbuf-size":          numberField(func(o *Socket) *uint32 { return &o.SendBuffer }),
	"rcvbuf-size":          numberField(func(o *Socket) *uint32 { return &o.ReceiveBuffer }),
	"tcp-cork":             boolField(func(o *Socket) *bool { return &o.Cork }),
	"cram-hmac-alg":        stringField(func(o *Socket) *string { return &o.AuthAlg }),
	"shared-secret":        stringField(func(o *Socket) *string { return &o.Secret }),
	"socket-check-timeout": timeField(tenth, func(o *Socket) *time.Duration { return &o.Check }),
}
