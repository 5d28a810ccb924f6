//go:build linux

// Command demo shows heartbeatd at work: two machines with a web server, a
// client that fetches a page through the service address, a power cut, the
// takeover, the return and the failback, with measured times.
//
//	go run ./tests/demo          our heartbeatd, installed by "make install" into a temporary directory
//	go run ./tests/demo -real    the real Heartbeat 3.0.6, if it is installed
//	go run ./tests/demo -pair    the whole article: heartbeatd and drbdd, a database, all that was acknowledged
//
// Everything happens in namespaces of its own and is gone when the program ends.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"classicha/tests/drbd/rig"
)

func main() {
	real := flag.Bool("real", false, "run the real Heartbeat instead of ours")
	both := flag.Bool("pair", false, "the whole article: heartbeatd and drbdd")
	flag.Parse()
	if *both {
		rig.Isolate()
	}
	if err := prepare(*real, *both); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	out := newTimeline(os.Stdout)
	run := (&demo{real: *real, out: out}).run
	if *both {
		run = newPair(out).run
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- run() }()
	var err error
	select {
	case err = <-done:
	case <-interrupted:
		// The nodes and all that runs in them end with this process, and the
		// lab's reaper removes the directory (tests/lab).
		err = errors.New("interrupted")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}
