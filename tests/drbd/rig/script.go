package rig

import (
	"errors"
	"fmt"
)

// Script is a TB for programs that are no tests.
type Script struct {
	say     func(text string)
	failed  bool
	cleanup []func()
}

// NewScript makes one that tells what happens by say.
func NewScript(say func(string)) *Script { return &Script{say: say} }

// failure is how Fatalf ends a script.
type failure struct{ error }

// Run performs f and clears up. The error is that of Fatalf, or of an Errorf.
func (s *Script) Run(f func()) (err error) {
	defer func() {
		for i := len(s.cleanup) - 1; i >= 0; i-- {
			s.cleanup[i]()
		}
	}()
	defer func() {
		switch x := recover().(type) {
		case nil:
		case failure:
			err = x.error
		default:
			panic(x)
		}
	}()
	f()
	if s.failed {
		err = errors.New("not everything was as it should be")
	}
	return err
}

// Helper implements TB.
func (s *Script) Helper() {}

// Logf implements TB.
func (s *Script) Logf(format string, args ...any) { s.say(fmt.Sprintf(format, args...)) }

// Errorf implements TB.
func (s *Script) Errorf(format string, args ...any) {
	s.failed = true
	s.Logf(format, args...)
}

// Fatalf implements TB.
func (s *Script) Fatalf(format string, args ...any) {
	s.failed = true
	panic(failure{fmt.Errorf(format, args...)})
}

// Failed implements TB.
func (s *Script) Failed() bool { return s.failed }

// Cleanup implements TB.
func (s *Script) Cleanup(f func()) { s.cleanup = append(s.cleanup, f) }
