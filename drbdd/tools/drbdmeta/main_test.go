package drbdmeta

import (
	"os"
	"testing"
)

// TestMain makes the test program the command itself when it is asked to, so that
// both programs of a comparison run as processes.
func TestMain(m *testing.M) {
	if dir := os.Getenv("DRBDMETA_TEST_STATE"); dir != "" {
		e := DefaultEnv()
		e.StateDir = dir
		os.Exit(e.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}
