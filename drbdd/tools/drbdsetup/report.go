package drbdsetup

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"classicha/drbdd/control"
	"classicha/drbdd/wire"
)

// report makes exit code and text of an answer (drbd-cli 3.1).
func report(object string, a control.Answer) error {
	f := &failure{}
	switch result := wire.Result(a.State); {
	case a.Usage != "":
		return &failure{exit: exitUsage, err: strings.TrimRight(a.Usage, "\n") + "\n"}
	case a.Error != 0 && control.ErrorText(a.Error) != "":
		f.exit = exitConfig
		f.err = fmt.Sprintf("%s: Failure: (%d) %s\n", object, a.Error, control.ErrorText(a.Error))
	case a.Error != 0:
		f.exit = exitUsage
		f.err = unknownCode(object, a.Error)
	case a.State >= 0:
		return nil
	case result.Text() != "":
		f.exit = stateExit(result)
		f.err = fmt.Sprintf("%s: State change failed: (%d) %s\n", object, a.State, result.Text())
	default:
		f.exit = exitUsage
		f.err = unknownCode(object, a.State)
	}
	if len(a.Info) > 0 {
		f.err += "additional info from kernel:\n" + strings.Join(a.Info, "\n") + "\n"
	}
	return f
}

func unknownCode(object string, code int) string {
	return fmt.Sprintf("%s: Error code %d unknown.\nYou should update the drbd userland tools.\n", object, code)
}

// stateExit is the exit code of a refused change of state.
func stateExit(r wire.Result) int {
	switch r {
	case wire.LowerThanOutdated:
		return exitTimeout
	case wire.NoLocalDisk:
		return exitNoDisk
	case wire.NoUpToDateDisk:
		return exitNoUpToDat
	}
	return exitState
}

// doneWithout are commands that have nothing to do where no daemon runs (drbd-cli
// 3.1).
var doneWithout = map[string]bool{"down": true, "secondary": true, "disconnect": true, "detach": true}

// noAnswer is the end of a command that the daemon did not answer.
func (t *tool) noAnswer(cmd, object string, err error) error {
	switch {
	case errors.Is(err, control.ErrNoReply):
		return &failure{exit: exitUsage, err: object + ": " + control.ErrNoReply.Error() + "\n"}
	case control.NotRunning(err) && doneWithout[cmd]:
		t.note("drbdsetup: " + err.Error() + "\n")
		return nil
	}
	return err
}

// note is a line for standard error that does not end the run.
func (t *tool) note(text string) { io.WriteString(t.stderr, text) }
