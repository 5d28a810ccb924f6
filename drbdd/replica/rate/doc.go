// Package rate says how much of a resync to request next (drbd-wire 13.1). It is
// pure; the caller turns it every 100 ms on a sync target or a verify source.
//
//	c-plan-ahead 0: always resync-rate
//	otherwise:      data that arrived ──► plan of corrections ──► requests
//
// The dynamic controller holds the amount of data under way at c-fill-target, or
// the delay of the data at c-delay-target. A deviation is corrected not at once
// but spread over the next c-plan-ahead turns. The arithmetic is that of the
// original: whole sectors, divisions truncate toward zero.
package rate
