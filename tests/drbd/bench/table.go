//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
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

// median of values; of an even number the mean of the middle two.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func least(v []float64) float64 { return slices.Min(v) }

func most(v []float64) float64 { return slices.Max(v) }
