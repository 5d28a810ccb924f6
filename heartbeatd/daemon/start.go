package daemon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/config"
	"classicha/heartbeatd/daemon/emergency"
	"classicha/heartbeatd/daemon/respawn"
	"classicha/heartbeatd/daemon/rt"
	"classicha/heartbeatd/daemon/state"
	"classicha/heartbeatd/daemon/watchdog"
	"classicha/heartbeatd/media"
	"classicha/heartbeatd/netaddr"
	"classicha/heartbeatd/outdate"
	"classicha/heartbeatd/resource"
	"classicha/internal/hlog"

	"golang.org/x/sys/unix"
)

// run is the daemon's process: start, loop, end.
func run(p Paths, o options, args []string) int {
	l, found := load(p.Conf)
	lines, ok := config.StartLog(found)
	if !ok {
		sayOnce(l.Config, os.Stderr, lines)
		return exitConfig
	}
	prio := 0
	if l.HA.Realtime && !o.noRealtime {
		prio = l.HA.RTPrio
	}
	sched := rt.Realtime(prio) // may execute us again
	good := takeVerdict()
	rt.LimitGC()
	// One for the loop and one for all others: more would only look for work in vain.
	runtime.GOMAXPROCS(min(2, runtime.NumCPU()))
	unix.Umask(0o022)
	// Executed through /proc/self/exe we would be listed as "exe": ps, pidof and killall
	// shall find the name they know.
	_ = os.WriteFile("/proc/self/comm", []byte("heartbeat"), 0)
	log := hlog.New(hlog.Options{Entity: "heartbeat"}, logConfig(l.Config, os.Stderr))
	defer log.Close()
	log.SetDebug(l.HA.Log.Debug + o.debug)
	logStart(log, os.Stderr, lines)
	if o.dump {
		dumpConfig(log, l.Config)
	}
	pid, other, err := state.AcquirePID(p.PID, os.Getpid())
	switch {
	case err != nil:
		log.Errorf("%v", err)
		return exitNoRight
	case pid == nil:
		for range 20 { // it may have locked the file just now and not written it yet
			if other > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
			other, _ = state.CheckPID(p.PID)
		}
		logStart(log, os.Stderr, alreadyRunning(other))
		return 0
	}
	defer pid.Close()
	d := newDaemon(p, o, l, log)
	if err := d.start(sched); err != nil {
		log.Errorf("%v", err)
		log.Errorf("heartbeat not started.")
		d.finish()
		return exitNoMedium
	}
	log.Flush(hlogFlush)
	good()
	if !o.foreground {
		log.Detach()
		log.Flush(hlogFlush)
		leaveTerminal()
	} else if os.Getenv("NOTIFY_SOCKET") != "" || os.Getenv("JOURNAL_STREAM") != "" {
		log.Detach() // the journal gets our lines from syslog, once is enough
	}
	d.service.Ready()
	end := d.guardedLoop()
	d.finish()
	if end.again != nil {
		return d.execAgain(args, *end.again)
	}
	return end.code
}

func newDaemon(p Paths, o options, l loaded, log *hlog.Logger) *Daemon {
	d := &Daemon{
		paths: p, opt: o, conf: l.Config, stamps: l.stamps, log: log,
		inbox: make(chan cluster.Event, inboxSize), calls: make(chan func(), callsSize), done: make(chan struct{}),
		answers: map[string]chan<- cluster.Answer{}, newMedium: media.New,
		groups: scriptGroups(l.Config), devices: devices(l.HA),
	}
	d.ctx, d.stop = context.WithCancel(context.Background())
	d.emergency = &emergency.Actor{
		Policy: emergency.Choose(os.Getenv("HA_EMERGENCY"), extOf(l.Config).Emergency),
		Log:    log, Flush: func() { log.Flush(hlogFlush) },
	}
	return d
}

// start brings everything up but the loop. After an error finish cleans up.
func (d *Daemon) start(sched rt.Status) error {
	p, ha := d.paths, d.conf.HA
	d.log.Infof("heartbeat: version %s", config.Version)
	ids := state.ClusterIDs()
	if err := state.MakeDirs(p.State, p.Run, ids); err != nil {
		return err
	}
	if !d.opt.restart {
		if err := state.ResetRsctmp(p.rsctmp()); err != nil {
			d.log.Warnf("%v", err)
		}
	}
	core, err := d.identity(coreConfig(d.conf, d.opt, os.Getpid()))
	if err != nil {
		return err
	}
	d.testing, err = state.ReadTestOptions(p.testing())
	if err != nil {
		return err
	}
	for _, line := range d.testing.LogLines() {
		d.log.Infof("%s", line)
	}
	if ha.UseApphbd {
		d.log.Warnf("use_apphbd is accepted but has no effect")
	}
	if ha.Watchdog != "" {
		d.watchdog = watchdog.Open(ha.Watchdog, ha.Deadtime, d.log)
	}
	d.priorities(sched)
	if err := d.startScripts(); err != nil {
		return err
	}
	d.node = cluster.New(core, rand.Uint64(), d.saved(core))
	d.loadFile, _ = os.Open("/proc/loadavg")
	if d.waker, err = newWaker(); err != nil {
		return err
	}
	made, err := state.MakeFIFO(p.fifo())
	if err != nil {
		return err
	}
	if made {
		d.log.Infof("Creating FIFO %s.", p.fifo())
	}
	d.catchSignals()
	if err := d.openMedia(); err != nil {
		return err
	}
	if d.fifo, err = state.OpenFIFO(p.fifo(), func(frame []byte) { d.post(cluster.FromScript{Frame: frame}) }); err != nil {
		return err
	}
	d.clients = newClients(d)
	if err := d.listenControl(ids); err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	d.watchConf()
	d.watchDevices()
	return nil
}

// identity adds what makes this run unique. The generation is on the disk before the
// first packet: peers drop one that goes back (heartbeat-wire 15).
func (d *Daemon) identity(core cluster.Config) (cluster.Config, error) {
	var err error
	var made bool
	if d.conf.HA.UUIDFromName {
		var seed int32
		core.UUID, seed = state.UUIDFromName(core.Node)
		d.log.Infof("seed is %d", seed)
	} else if core.UUID, made, err = state.UUID(d.paths.uuid()); err != nil {
		return core, err
	} else if made {
		d.log.Infof("No uuid found for current node - generating a new uuid.")
	}
	if d.conf.HA.GenerationTime {
		core.Generation = state.TimeGeneration(d.paths.generation(), time.Now())
	} else {
		var warning string
		core.Generation, warning, err = state.NextGeneration(d.paths.generation(), time.Now())
		if err != nil {
			return core, err
		}
		if warning != "" {
			d.log.Warnf("%s", warning)
		}
	}
	d.log.Infof("Heartbeat generation: %d", core.Generation)
	core.Known = d.memory.load(d.paths.peers(), core.Nodes)
	return core, nil
}

// priorities makes us prompt and our children normal.
func (d *Daemon) priorities(sched rt.Status) {
	if sched.Warning != "" {
		d.log.Warnf("%s", sched.Warning)
	}
	if d.conf.HA.Realtime && !d.opt.noRealtime {
		for _, w := range rt.LockMemory(d.conf.HA.MemReserve) {
			d.log.Warnf("%s", w)
		}
		w := rt.ProtectFromOOM()
		if w != "" {
			d.log.Warnf("%s", w)
		}
		d.starter.ResetOOM = w == ""
	}
	threads, _ := rt.Threads()
	d.log.Debugf(1, "threads %v, %d KiB resident", threads, rt.Resident())
}

// startScripts makes what runs scripts, clients and announcements.
func (d *Daemon) startScripts() error {
	env, ext := childEnv(d.conf, d.paths), extOf(d.conf)
	o := resource.Options{
		HaDir: d.paths.Conf, Node: d.conf.HA.Node, Env: env,
		Log: d.logScript, Debug: appendFile(d.conf.HA.Log.DebugFile),
		StartTimeout: ext.StartTimeout, StopTimeout: ext.StopTimeout, FenceTimeout: ext.StonithTime,
		Emergency: d.emergency.Act, Start: d.starter.Start,
	}
	if n, err := strconv.Atoi(lookupEnv(env, "HA_STOPRETRYMAX")); err == nil {
		if o.StopRetryMax = n; n == 0 {
			o.StopRetryMax = -1 // for ever, as anything below 1
		}
	}
	var err error
	if d.runner, err = resource.New(o); err != nil {
		return err
	}
	ao := netaddr.Options{Refresh: ext.ARPRepeat, Log: d.log.Log}
	if ao.Refresh == 0 {
		ao.Refresh = -1
	}
	d.announcer = netaddr.NewAnnouncer(ao)
	var clients []respawn.Client
	for _, r := range d.conf.HA.Respawn {
		if r.Builtin != "" {
			d.wantDopd = d.wantDopd || r.Builtin == outdate.Client
			d.log.Infof("%s is built in: \"%s\" is not started", r.Builtin, r.Command)
			continue
		}
		c, err := respawn.NewClient(r.User, r.Command, r.Failfast)
		if err != nil {
			d.log.Errorf("client %s: %v", r.Command, err)
			continue
		}
		clients = append(clients, c)
	}
	d.respawn = respawn.New(respawn.Options{
		Log: d.log, ChildLog: func(pid int) respawn.Logger { return d.log.As("heartbeat", pid) },
		Env: env, Start: d.starter.Start, Emergency: d.emergency.Act,
	}, clients)
	return nil
}

// saved is what a run before this one left to us with an exec.
func (d *Daemon) saved(core cluster.Config) cluster.Saved {
	if !d.opt.restart {
		os.Remove(d.paths.held()) // of a restart that did not succeed
		return d.leftBehind()
	}
	var s cluster.Saved
	h, ok, err := state.TakeHeld(d.paths.held())
	if err != nil {
		d.log.Warnf("%v", err)
	}
	if ok {
		s.Held, _ = cluster.ParseClass(h.Class)
		s.Took, _ = cluster.ParseClass(h.Took)
		s.Groups = h.Groups
	} else {
		s.Held, _ = cluster.ParseClass(d.opt.held)
		for _, g := range core.Groups {
			if g.Home == core.Node && s.Held&cluster.HoldLocal != 0 || g.Home != core.Node && s.Held&cluster.HoldForeign != 0 {
				s.Groups = append(s.Groups, g.Key)
			}
		}
	}
	for _, key := range s.Groups {
		if !slices.ContainsFunc(core.Groups, func(g cluster.Group) bool { return g.Key == key }) {
			d.log.Warnf("group %s runs here but is not in haresources any more: nobody will stop it but you", key)
		}
	}
	d.mayRun = slices.Clone(s.Groups)
	d.log.Infof("restarted in place, holding %s resources: %s", s.Held, strings.Join(s.Groups, " "))
	return s
}

// watchDevices asks the STONITH devices whether they work, now and every hour.
func (d *Daemon) watchDevices() {
	if len(d.devices) == 0 {
		return
	}
	d.spawn(func() {
		t := time.NewTicker(time.Hour)
		defer t.Stop()
		for {
			for _, dev := range d.devices {
				d.runner.FenceStatus(d.ctx, dev)
			}
			select {
			case <-t.C:
			case <-d.ctx.Done():
				return
			}
		}
	})
}

// guardedLoop leaves the reason in the log when the program dies of its own mistake.
func (d *Daemon) guardedLoop() *ending {
	defer func() {
		if r := recover(); r != nil {
			d.log.Log(hlog.Crit, fmt.Sprintf("heartbeat dies of an internal error: %v", r))
			for _, line := range strings.Split(string(debug.Stack()), "\n") {
				d.log.Log(hlog.Crit, line)
			}
			d.log.Flush(3 * hlogFlush)
			panic(r)
		}
	}()
	return d.loop()
}

// dumpConfig is -v.
func dumpConfig(log *hlog.Logger, c *config.Config) {
	for _, text := range []string{c.HA.Format(), c.Resources.Format()} {
		for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
			log.Infof("%s", line)
		}
	}
}
