package hbmonview

import "classicha/internal/screen"

// cell is one field of a table.
type cell struct {
	text  string
	style screen.Style
}

// column says how a column behaves when the terminal is narrow.
type column struct {
	title string
	drop  int // columns are left out in the order of this number; 0 never
	least int // may be cut down to this width; 0 never
}

// indent is the width of the mark before each row.
const indent = 2

// layout chooses the columns that fit and their widths; -1 is left out. The last
// column has no width of its own: it gets what is left, at least last.
func layout(cols []column, rows [][]cell, width, last int) []int {
	w := make([]int, len(cols))
	for i, c := range cols {
		w[i] = len(c.title)
		for _, r := range rows {
			w[i] = max(w[i], (screen.Line{{Text: screen.Clean(r[i].text)}}).Width())
		}
	}
	n := len(cols) - 1
	total := func() int {
		sum := indent
		for i := range n {
			if w[i] >= 0 {
				sum += w[i] + 2
			}
		}
		return sum
	}
	w[n] = max(last, 0)
	for step := 1; total()+w[n] > width; step++ {
		dropped := false
		for i, c := range cols[:n] {
			if c.drop == step {
				w[i], dropped = -1, true
			}
		}
		if !dropped && step > len(cols) {
			break
		}
	}
	for i, c := range cols[:n] {
		if over := total() + w[n] - width; over > 0 && c.least > 0 && w[i] > c.least {
			w[i] = max(c.least, w[i]-over)
		}
	}
	return w
}

// row makes a line of all columns but the last.
func row(mark string, markStyle screen.Style, cells []cell, w []int) screen.Line {
	l := screen.Text(mark, markStyle).Pad(indent) // mark is one character
	col := indent
	for i := range len(w) - 1 {
		if w[i] < 0 {
			continue
		}
		text := screen.Clean(cells[i].text)
		if (screen.Line{{Text: text}}).Width() > w[i] {
			text = screen.Cut(text, w[i]-1) + "~"
		}
		l = l.Add(text, cells[i].style)
		col += w[i] + 2
		l = l.Pad(col)
	}
	return l
}

func header(cols []column, w []int) screen.Line {
	cells := make([]cell, len(cols))
	for i, c := range cols {
		cells[i] = cell{c.title, screen.Dim}
	}
	return row(" ", screen.Plain, cells, w).Add(cols[len(cols)-1].title, screen.Dim)
}

// flow puts pieces one after the other and wraps them at width; the following
// lines begin at column col.
func flow(first screen.Line, col int, pieces []screen.Line, gap, width int) []screen.Line {
	out := []screen.Line{first}
	cur := &out[0]
	start := true
	for _, p := range pieces {
		at := cur.Width()
		if !start && at+gap+p.Width() > width {
			out = append(out, screen.Line{}.Add("", screen.Plain).Pad(col))
			cur = &out[len(out)-1]
			start = true
		}
		if !start {
			*cur = cur.Pad(cur.Width() + gap)
		}
		*cur = append(*cur, p...)
		start = false
	}
	return out
}
