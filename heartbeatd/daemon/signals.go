package daemon

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/internal/hlog"
)

// catchSignals turns signals into events until the loop ends. INT and PIPE are taken and
// forgotten: setting them to "ignore" would be inherited by scripts.
func (d *Daemon) catchSignals() {
	c := make(chan os.Signal, 16)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGINT, syscall.SIGPIPE)
	d.spawn(func() {
		defer signal.Stop(c)
		for {
			select {
			case s := <-c:
				d.signalled(s)
			case <-d.done:
				return
			}
		}
	})
}

func (d *Daemon) signalled(s os.Signal) {
	switch s {
	case syscall.SIGTERM:
		d.call(d.beginStop)
		d.post(cluster.Stop{})
	case syscall.SIGHUP:
		d.reload()
	case syscall.SIGUSR1:
		d.setDebug(1)
	case syscall.SIGUSR2:
		d.setDebug(-1)
	}
}

// stopLimit is how long a graceful stop may take (heartbeat-config 6).
const stopLimit = time.Hour

// beginStop notes a stop that was asked for. One that never comes to its end, because a
// script hangs, is broken off: what the script holds goes on without us.
func (d *Daemon) beginStop() {
	d.service.Stopping()
	if d.stopTimer != nil {
		return
	}
	d.stopTimer = time.AfterFunc(stopLimit, func() {
		d.log.Log(hlog.Emerg, fmt.Sprintf("Shutdown did not complete in %v: heartbeat ends at once, resources may go on running", stopLimit))
		d.log.Flush(hlogFlush)
		os.Exit(1)
	})
}
