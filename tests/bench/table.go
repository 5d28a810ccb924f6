//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// table prints columns of text, the first to the left, the others to the right.
type table struct{ rows [][]string }

func newTable(head ...string) *table { return &table{[][]string{head}} }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print() {
	width := make([]int, len(t.rows[0]))
	for _, r := range t.rows {
		for i, c := range r {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	for _, r := range t.rows {
		fmt.Printf("  %-*s", width[0], r[0])
		for i, c := range r[1:] {
			fmt.Printf("  %s%s", strings.Repeat(" ", width[i+1]-utf8.RuneCountInString(c)), c)
		}
		fmt.Println()
	}
}

// median of a field; of an even number the mean of the middle two.
func median[T any](all []T, field func(T) time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	v := values(all, field)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func values[T any](all []T, field func(T) time.Duration) []time.Duration {
	var v []time.Duration
	for _, x := range all {
		v = append(v, field(x))
	}
	slices.Sort(v)
	return v
}

// spread is a median with the smallest and the largest value, in ms.
func spread[T any](all []T, field func(T) time.Duration) string {
	v := values(all, field)
	if len(v) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%s–%s)", ms(median(all, field)), ms(v[0]), ms(v[len(v)-1]))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.0f", float64(d)/1e6) }

// ratio compares the first program with each of the others.
func ratio(progs []program, what string, value func(name string) float64) {
	if len(progs) < 2 {
		return
	}
	first := value(progs[0].name())
	for _, p := range progs[1:] {
		if v := value(p.name()); v > 0 {
			fmt.Printf("  %s: %s / %s = %.2f\n", what, progs[0].name(), p.name(), first/v)
		}
	}
}
