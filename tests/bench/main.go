//go:build linux

// Command bench measures what a user of the cluster feels, and what it costs:
// ours, the real Heartbeat and keepalived in the same labs, in the same run.
//
//	go run ./tests/bench [-quick] [-runs N] [-programs ours,real,keepalived] [-parts outage,start,load,cost]
//
//	outage  a power cut of the node that serves, at a random phase: the time without an answer
//	        for a client, split into detection (last packet on the wire to the log line of the
//	        death) and take-over (from there to the first answer, and how much of it was spent
//	        inside the resource script)
//	start   both nodes started to the first answer
//	load    both processors loaded, keepalive 50 ms, deadtime 200 ms: deaths declared (none is right)
//	cost    processor time, memory and bytes on the wire of an idle pair at keepalive 1 s
//
// It prints tables and judges nothing. Root is needed; what is not installed is left out.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"classicha/tests/lab"
)

// plan is what to measure.
type plan struct {
	quick    bool
	runs     int
	load     time.Duration // of the part load
	cost     time.Duration // of the part cost
	programs []program
}

func main() {
	quick := flag.Bool("quick", false, "5 runs instead of 20, 1 minute of load instead of 10")
	runs := flag.Int("runs", 0, "power cuts per program and setting")
	names := flag.String("programs", "ours,real,keepalived", "what to measure")
	parts := flag.String("parts", "outage,start,load,cost", "which measurements")
	flag.Parse()
	if why := lab.Missing(); why != "" {
		fmt.Fprintln(os.Stderr, "bench:", why)
		os.Exit(1)
	}
	p := plan{quick: *quick, runs: 20, load: 10 * time.Minute, cost: time.Minute}
	if *quick {
		p.runs, p.load, p.cost = 5, time.Minute, 30*time.Second
	}
	if *runs > 0 {
		p.runs = *runs
	}
	// Labs and their processes end with this process, however it ends.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() { <-stop; os.Exit(1) }()

	scratch, remove, err := lab.Scratch("hbbench-")
	if err == nil {
		defer remove()
		p.programs, err = choose(strings.Split(*names, ","), scratch)
	}
	if err == nil {
		fmt.Printf("%s, %d processors, %s\n", machine(), runtime.NumCPU(), time.Now().Format("2006-01-02 15:04"))
		err = p.run(strings.Split(*parts, ","))
	}
	if err != nil {
		remove()
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (p *plan) run(parts []string) error {
	for _, part := range parts {
		var err error
		switch part {
		case "outage":
			err = p.outage()
		case "start":
			err = p.start()
		case "load":
			err = p.underLoad()
		case "cost":
			err = p.costs()
		default:
			err = fmt.Errorf("no measurement %q", part)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}

func machine() string {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return "Linux"
	}
	var b strings.Builder
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		b.WriteByte(byte(c))
	}
	return "Linux " + b.String()
}

// progress shows on the terminal that something goes on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "  %s %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}
