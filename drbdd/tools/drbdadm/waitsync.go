package drbdadm

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"classicha/drbdd/replica"
	"classicha/drbdd/status"
)

// redraw is how often the bar of wait-sync is drawn.
const redraw = 500 * time.Millisecond

// waitSync waits until a volume's resync is done. drbdsetup does the waiting; on a
// terminal a bar shows how far it is.
func (t *tool) waitSync(x target) (int, error) {
	argv := t.setupCall("wait-sync", minorOf(x.vol))
	t.printCall(argv)
	if t.dry {
		return 0, nil
	}
	p, err := t.env.Start(Call{Argv: argv, Env: t.callEnv(), Stdin: t.in, Stdout: t.out, Stderr: t.err})
	if err != nil {
		fmt.Fprintf(t.err, "Can not exec %s: %v\n", argv[0], err)
		return int(exitExec), nil
	}
	done := make(chan Ended, 1)
	go func() { done <- p.Wait() }()
	if !t.env.IsTerminal(t.out) || t.env.Status == nil {
		return t.synced(<-done)
	}
	ctx, cancel := context.WithCancel(context.Background())
	bars := make(chan *replica.Progress)
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		t.poll(ctx, x.vol.Minor, bars)
	}()
	defer func() { // the line is complete, whatever ends it
		cancel()
		<-polled
	}()
	name := fmt.Sprintf("%s/%d", x.res.Name, x.vol.Number)
	var seen *replica.Progress
	for {
		select {
		case progress := <-bars:
			if progress != nil {
				seen = progress
				fmt.Fprint(t.out, status.ProgressBar(name, progress, t.env.Width(t.out)))
			}
		case e := <-done:
			if seen != nil {
				if e.Code == 0 && e.Signal == 0 {
					full := *seen
					full.Left = 0
					fmt.Fprint(t.out, status.ProgressBar(name, &full, t.env.Width(t.out)))
				}
				fmt.Fprintln(t.out)
			}
			return t.synced(e)
		}
	}
}

// poll asks the daemon again and again. That it does not answer is no reason to
// stop waiting.
func (t *tool) poll(ctx context.Context, minor int, bars chan<- *replica.Progress) {
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		rs, err := t.env.Status(ctx)
		if err == nil {
			select {
			case bars <- progressOf(rs, minor):
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (t *tool) synced(e Ended) (int, error) {
	if e.Signal != 0 && e.Signal != syscall.SIGINT {
		fmt.Fprintf(t.err, "Command '%s wait-sync' was ended by a signal: %v\n", t.setup, e.Signal)
	}
	if e.Signal != 0 {
		return int(exitExec), nil
	}
	return e.Code, nil
}
