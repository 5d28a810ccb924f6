//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// job is one fio job.
type job struct {
	name string
	args []string
	read bool
	mbs  bool // measured in MB/s, not in I/Os a second
}

var jobs = []job{
	{"4k randwrite, depth 1", []string{"--rw=randwrite", "--bs=4k", "--iodepth=1"}, false, false},
	{"4k randwrite, depth 32", []string{"--rw=randwrite", "--bs=4k", "--iodepth=32"}, false, false},
	{"1M write, depth 4, MB/s", []string{"--rw=write", "--bs=1M", "--iodepth=4"}, false, true},
	{"4k randread, depth 32", []string{"--rw=randread", "--bs=4k", "--iodepth=32"}, true, false},
	{"4k write + fdatasync", []string{"--rw=randwrite", "--bs=4k", "--iodepth=1", "--fdatasync=1"}, false, false},
}

// io measures all jobs on all subjects, in turn.
func (b *bench) io() {
	got := map[string][]float64{} // subject and job -> a value of each round
	key := func(s string, j job) string { return s + " " + j.name }
	for round := range b.rounds {
		for _, s := range b.on {
			dev := b.device(s)
			progress(fmt.Sprintf("round %d of %d: %s", round+1, b.rounds, s))
			for _, j := range jobs {
				got[key(s, j)] = append(got[key(s, j)], b.fio(dev, j))
			}
		}
	}
	fmt.Printf("\nI/Os a second (or MB/s), medians of %d rounds of %d s (smallest–largest); ratio to the first\n", b.rounds, b.seconds)
	tab := newTable(append([]string{""}, b.on...)...)
	for _, j := range jobs {
		row, ratios, spread := []string{j.name}, []string{""}, []string{""}
		for _, s := range b.on {
			v := got[key(s, j)]
			row = append(row, fmt.Sprintf("%.0f", median(v)))
			ratios = append(ratios, fmt.Sprintf("%.2f", median(v)/median(got[key(b.on[0], j)])))
			spread = append(spread, fmt.Sprintf("(%.0f–%.0f)", least(v), most(v)))
		}
		tab.row(row...)
		tab.row(spread...)
		tab.row(ratios...)
	}
	tab.print()
	for _, s := range b.on {
		if s != "qemu" {
			continue
		}
		for _, mine := range []string{"A", "B", "C", unflushed} {
			var r []string
			for _, j := range jobs {
				if v := got[key(mine, j)]; len(v) > 0 {
					r = append(r, fmt.Sprintf("%.2f", median(v)/median(got[key(s, j)])))
				}
			}
			if len(r) > 0 {
				fmt.Printf("  protocol %s / QEMU mirror, in the order above: %s\n", mine, strings.Join(r, "  "))
			}
		}
	}
}

// fio runs a job on a device of serv-a.
func (b *bench) fio(dev string, j job) float64 {
	args := append([]string{
		"fio", "--name=j", "--filename=" + dev, "--direct=1", "--ioengine=libaio", "--time_based", "--randrepeat=0", "--norandommap", "--output-format=json",
		fmt.Sprint("--runtime=", b.seconds), "--ramp_time=0.3", fmt.Sprint("--size=", b.size*3/4),
	}, j.args...)
	out := b.A.Do(args...)
	var r struct {
		Jobs []struct {
			Read, Write struct {
				IOPS float64 `json:"iops"`
				BW   float64 `json:"bw_bytes"`
			}
		}
	}
	i := strings.Index(out, "{")
	if err := json.Unmarshal([]byte(out[max(i, 0):]), &r); err != nil || len(r.Jobs) != 1 {
		b.Fatalf("fio on %s: %v\n%s", dev, err, out)
	}
	side := r.Jobs[0].Write
	if j.read {
		side = r.Jobs[0].Read
	}
	if j.mbs {
		return side.BW / 1e6
	}
	return side.IOPS
}
