package daemon

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/daemon/state"
	"classicha/internal/hlog"

	"golang.org/x/sys/unix"
)

// finish ends everything that was started, whatever that is.
func (d *Daemon) finish() {
	if d.respawn != nil {
		d.stopClients()
	}
	close(d.done)
	d.stop()
	if d.watcher != nil {
		d.watcher.Close()
	}
	if d.control != nil {
		d.control.Close()
	}
	if d.clients != nil {
		d.clients.Close()
	}
	if d.fifo != nil {
		d.fifo.Close()
	}
	d.wg.Wait()
	if d.announcer != nil {
		d.announcer.Close()
	}
	if d.runner != nil {
		d.runner.Close()
	}
	d.closeMedia()
	if d.stopTimer != nil {
		d.stopTimer.Stop()
	}
	if d.waker != nil {
		d.waker.close()
	}
	if d.loadFile != nil {
		d.loadFile.Close()
	}
}

// execAgain executes the program again in this process; resources go on running.
func (d *Daemon) execAgain(args []string, s cluster.Saved) int {
	h := state.Held{Class: s.Held.String(), Took: s.Took.String(), Groups: s.Groups}
	if err := state.SaveHeld(d.paths.held(), h); err != nil {
		d.log.Errorf("%v", err)
	}
	d.log.Flush(hlogFlush)
	argv := append(slices.Clone(os.Args[:len(os.Args)-len(args)]), d.opt.again(s.Held.String())...)
	err := unix.Exec(executable(), argv, os.Environ())
	d.log.Log(hlog.Crit, fmt.Sprintf("cannot execute %s again: %v", executable(), err))
	if errors.Is(err, os.ErrNotExist) {
		err = unix.Exec("/proc/self/exe", argv, os.Environ())
	}
	d.log.Log(hlog.Crit, fmt.Sprintf("heartbeat ends, its resources go on running without it: %v", err))
	return 1
}
