package daemon

import (
	"os"
	"os/signal"
	"syscall"

	"classicha/heartbeatd/cluster"
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
		d.call(d.service.Stopping)
		d.post(cluster.Stop{})
	case syscall.SIGHUP:
		d.reload()
	case syscall.SIGUSR1:
		d.setDebug(1)
	case syscall.SIGUSR2:
		d.setDebug(-1)
	}
}
