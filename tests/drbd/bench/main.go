//go:build linux

// Command bench measures what mirroring costs: the same fio jobs on a raw loop
// device, on our device alone, with protocols A, B and C to a second machine
// (namespaces, veth), and on a mirror made with QEMU, in the same run and in turn;
// then a full resync against one TCP stream into the peer's disk.
//
//	go run ./tests/drbd/bench [-quick] [-rounds N] [-seconds N] [-size MiB] [-on raw,alone,A,B,C,qemu,...] [-jobs TEXT] [-parts io,resync]
//
// The mirror of QEMU is a quorum of a local disk and an NBD export served by nbdkit
// on the other machine (which acknowledges from its page cache), exported by FUSE,
// with a loop device on it. Protocol C is measured as it is configured by default, where
// the other machine's disk is flushed between writes that depend on each other, and with
// disk-flushes no, as for a disk with a battery: that is what the mirror of QEMU does. It prints medians and ratios and judges nothing. Both
// machines share one disk and all processors, so a saturated mirror can reach half of
// the raw device at best.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"classicha/tests/drbd/rig"
)

// plan is what to measure.
type plan struct {
	rounds, seconds int
	size            int64 // bytes of each disk
	on              []string
}

var subjects = []string{"raw", "alone", "A", "B", "C", unflushed, "qemu"}

// unflushed is protocol C on disks that need no flush: its guarantees are those of the QEMU mirror.
const unflushed = "C-no-flushes"

func main() {
	if role := os.Getenv(roleEnv); role != "" {
		if err := play(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	rig.Isolate()
	quick := flag.Bool("quick", false, "one round of one second")
	p := plan{}
	flag.IntVar(&p.rounds, "rounds", 3, "rounds; the result is the median")
	flag.IntVar(&p.seconds, "seconds", 3, "of each fio job")
	mib := flag.Int64("size", 384, "MiB of each disk")
	on := flag.String("on", strings.Join(subjects, ","), "what to measure")
	only := flag.String("jobs", "", "only those fio jobs whose name has this in it")
	parts := flag.String("parts", "io,resync", "which measurements")
	flag.Parse()
	if *quick {
		p.rounds, p.seconds = 1, 1
	}
	p.size = *mib << 20
	jobs = slices.DeleteFunc(jobs, func(j job) bool { return !strings.Contains(j.name, *only) })
	for _, s := range strings.Split(*on, ",") {
		if !slices.Contains(subjects, s) {
			fail(fmt.Errorf("%q is none of %s", s, strings.Join(subjects, ", ")))
		}
		if why := rig.Missing("qemu-storage-daemon", "nbdkit"); s == "qemu" && why != "" {
			fmt.Println("without the mirror of QEMU:", why)
			continue
		}
		p.on = append(p.on, s)
	}
	if why := rig.Missing("fio"); why != "" {
		fail(fmt.Errorf("%s", why))
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() { <-stop; os.Exit(1) }() // the machines end with this process

	fmt.Printf("drbdd: %s, %d processors, %s\n", kernel(), runtime.NumCPU(), time.Now().Format("2006-01-02 15:04"))
	s := rig.NewScript(progress)
	err := s.Run(func() {
		b := newBench(s, p)
		for _, part := range strings.Split(*parts, ",") {
			switch part {
			case "io":
				b.io()
			case "resync":
				b.resync()
			default:
				s.Fatalf("no measurement %q", part)
			}
		}
	})
	rig.Cleanup()
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// progress shows on the terminal that something goes on.
func progress(text string) {
	fmt.Fprintf(os.Stderr, "  %s %s\n", time.Now().Format("15:04:05"), text)
}

func kernel() string {
	b, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return "Linux " + strings.TrimSpace(string(b))
}
