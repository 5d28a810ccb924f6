//go:build linux

// Command demo plays section 4.3 of the article with our DRBD: two machines, its
// drbd.conf as printed, the first sync, a file system, a move to the other machine,
// and then what the article does not show: a killed daemon and a power cut.
//
//	go run ./tests/drbd/demo
//
// Everything happens in namespaces of its own and is gone when the program ends.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"classicha/tests/drbd/rig"
)

func main() {
	rig.Isolate()
	if why := rig.Missing("mkfs.ext3", "mount"); why != "" {
		fmt.Fprintln(os.Stderr, "demo:", why)
		os.Exit(1)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	s := newStage(os.Stdout)
	done := make(chan error, 1)
	go func() { done <- s.Run(func() { play(s) }) }()
	var err error
	select {
	case err = <-done:
	case <-interrupted:
		err = errors.New("interrupted") // the machines end with this process
	}
	rig.Cleanup()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}
