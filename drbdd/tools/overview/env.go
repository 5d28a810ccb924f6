package overview

import (
	"context"
	"os"
	"os/exec"
	"time"
)

// Env is the machine. Run gives what a command writes to its standard output.
type Env struct {
	ReadFile func(name string) ([]byte, error)
	Run      func(name string, args ...string) ([]byte, error)
}

// timeLimit of a command that is asked: one that hangs must not hang us.
const timeLimit = 10 * time.Second

// System is this machine.
func System() Env { return system(timeLimit) }

func system(limit time.Duration) Env {
	return Env{
		ReadFile: os.ReadFile,
		Run: func(name string, args ...string) ([]byte, error) {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			cmd := exec.CommandContext(ctx, name, args...)
			cmd.Env = append(os.Environ(), "LANG=C", "LC_ALL=C", "LANGUAGE=C")
			cmd.WaitDelay = time.Second
			return cmd.Output()
		},
	}
}

// output is what a command printed. One that is not there or fails tells
// nothing, and less is shown: as the original, without a word.
func (e Env) output(name string, args ...string) []byte {
	out, _ := e.Run(name, args...)
	return out
}
