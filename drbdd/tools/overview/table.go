package overview

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// table is the output: every column as wide as its widest cell and a blank, the
// last one too; progress lines stand below their device.
func (d devices) table() string {
	minors := d.minors()
	if len(minors) == 0 {
		return "\n"
	}
	width := max(2, len(strconv.Itoa(minors[len(minors)-1])))
	var rows [][]string
	var columns []int
	for _, minor := range minors {
		x := d[minor]
		below := ""
		if x.lower >= 0 {
			below = fmt.Sprintf("^^%d", x.lower)
		} else if x.lowerName != "" {
			below = "^^" + x.lowerName
		}
		row := append([]string{fmt.Sprintf("%*d:%s", width, minor, cmp.Or(x.name, "??not-found??")), below, x.conn, x.role, x.dstate}, x.used...)
		for i, cell := range row {
			if i == len(columns) {
				columns = append(columns, 0)
			}
			columns[i] = max(columns[i], len(cell)+1)
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	for i, row := range rows {
		for c, cell := range row {
			fmt.Fprintf(&b, "%-*s", columns[c], cell)
		}
		b.WriteByte('\n')
		if sync := d[minors[i]].sync; sync != "" {
			// The original pads it as if it were empty.
			b.WriteString(sync + strings.Repeat(" ", columns[0]) + "\n")
		}
	}
	return b.String()
}
