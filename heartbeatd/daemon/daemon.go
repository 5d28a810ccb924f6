package daemon

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"classicha/heartbeatd/clientapi"
	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/daemon/ctl"
	"classicha/heartbeatd/daemon/dopd"
	"classicha/heartbeatd/daemon/emergency"
	"classicha/heartbeatd/daemon/notify"
	"classicha/heartbeatd/daemon/respawn"
	"classicha/heartbeatd/daemon/rt"
	"classicha/heartbeatd/daemon/state"
	"classicha/heartbeatd/daemon/watch"
	"classicha/heartbeatd/daemon/watchdog"
	"classicha/heartbeatd/media"
	"classicha/heartbeatd/netaddr"
	"classicha/heartbeatd/resource"
	"classicha/internal/hlog"
)

// Sizes of the queues into the loop. A full queue holds the sender up: a media reader
// then leaves packets to the kernel, which drops what it cannot keep.
const (
	inboxSize = 1024
	callsSize = 64
)

// Daemon is one running node. What stands below "loop" belongs to the loop's goroutine.
type Daemon struct {
	paths Paths
	opt   options
	conf  *config.Config
	log   *hlog.Logger

	inbox chan cluster.Event // what happened
	calls chan func()        // what the loop shall do itself, such as handing out a View
	done  chan struct{}      // closed when the loop has ended: nobody may wait for it then
	ctx   context.Context    // ends with the loop: scripts' helpers, timers
	stop  context.CancelFunc
	wg    sync.WaitGroup // goroutines of this package
	view  atomic.Pointer[cluster.View]

	runner    *resource.Runner
	groups    []resource.Group
	devices   []resource.Device
	announcer *netaddr.Announcer
	clients   *clientapi.Server
	control   *ctl.Server
	watcher   *watch.Watcher
	fifo      *state.FIFO
	respawn   *respawn.Supervisor
	emergency *emergency.Actor
	starter   rt.Starter
	stamps    map[string]time.Time // of the configuration in use; the reloader's
	reloading atomic.Bool
	newMedium func(media.Spec) (media.Medium, error) // media.New; tests have media in memory
	questions atomic.Uint64                          // numbers of AskClient
	unread    atomic.Pointer[string]                 // names of files that changed and wait for a reload

	memory memory

	// loop
	node       *cluster.Node
	waker      *waker
	media      []media.Medium
	pings      map[string]media.Medium // by the ping node's name
	testing    state.TestOptions
	watchdog   *watchdog.Device
	service    notify.Manager
	now        time.Time // of the last Step
	next       time.Time // what the core's Next said after it
	loadFile   *os.File
	loadAt     time.Time // when /proc/loadavg was read
	jobRuns    bool
	lastRun    cluster.Run // the job that runs, or ran last
	mayRun     []string    // keys of groups that may run here
	waitingRC  []cluster.RunRC
	answers    map[string]chan<- cluster.Answer
	apiOpen    bool
	stopTimer  *time.Timer // a stop was asked for
	ending     *ending
	dirty      bool // the published View is old
	publishAt  time.Time
	stopClient sync.Once
	wantDopd   bool
	dopd       *dopd.Server
}

// ending is why the loop ends.
type ending struct {
	code  int
	again *cluster.Saved // execute the program again
}

// post hands an event to the loop. It waits for room, but not for a loop that has ended.
func (d *Daemon) post(ev cluster.Event) {
	select {
	case d.inbox <- ev:
	case <-d.done:
	}
}

// call lets the loop run f. It is false when the loop has ended.
func (d *Daemon) call(f func()) bool {
	select {
	case d.calls <- f:
		return true
	case <-d.done:
		return false
	}
}

// spawn runs f in a goroutine that the end waits for.
func (d *Daemon) spawn(f func()) {
	d.wg.Add(1)
	go func() {
		defer d.wg.Done()
		f()
	}()
}
