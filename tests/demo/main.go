//go:build linux

// Command demo shows heartbeatd at work: two machines with a web server, a
// client that fetches a page through the service address, a power cut, the
// takeover, the return and the failback, with measured times.
//
//	go run ./tests/demo          our heartbeatd, installed by "make install" into a temporary directory
//	go run ./tests/demo -real    the real Heartbeat 3.0.6, if it is installed
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
)

func main() {
	real := flag.Bool("real", false, "run the real Heartbeat instead of ours")
	flag.Parse()
	if err := prepare(*real); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	d := &demo{real: *real, out: newTimeline(os.Stdout)}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- d.run() }()
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
