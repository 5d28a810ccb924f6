package drbdadm

import (
	"fmt"
	"time"

	"classicha/drbdd/config"
)

// simple is a command that drbdsetup has by the same name, for a minor.
func simple(name string, l limit) func(*tool, target) (int, error) {
	return func(t *tool, x target) (int, error) { return t.call(t.setupCall(name, minorOf(x.vol)), l) }
}

// simpleResource is the same for a resource.
func simpleResource(name string, l limit) func(*tool, target) (int, error) {
	return func(t *tool, x target) (int, error) { return t.call(t.setupCall(name, x.res.Name), l) }
}

// metadata is a command that drbdmeta has by the same name.
func metadata(name string) func(*tool, target) (int, error) {
	return func(t *tool, x target) (int, error) { return t.onDisk(x, name, t.opts...) }
}

// onDisk calls drbdmeta for a volume. One without a disk of its own (DRBD 9:
// disk none) has no metadata, and nothing is to be done.
func (t *tool) onDisk(x target, cmd string, words ...string) (int, error) {
	if !hasMetadata(x.vol) {
		fmt.Fprintf(t.err, "%s: %s: volume %d of resource %s has no disk on this host\n", t.prog, cmd, x.vol.Number, x.res.Name)
		return 0, nil
	}
	return t.call(t.metaCall(x.vol, append([]string{cmd}, words...)...), long)
}

func hasMetadata(v *config.Volume) bool { return !v.Diskless() && v.MetaDisk != "" }

func (t *tool) newResource(x target) (int, error) {
	code, err := t.call(t.setupCall(append([]string{"new-resource", x.res.Name}, t.conf.ResourceArgs(x.res)...)...), short)
	if code == 0 && err == nil {
		t.register("drbd-resource-" + x.res.Name)
	}
	return code, err
}

func (t *tool) newMinor(x target) (int, error) {
	code, err := t.call(t.plainCall("new-minor", x.res.Name, minorOf(x.vol), fmt.Sprint(x.vol.Number)), short)
	if code == 0 && err == nil {
		t.register("drbd-minor-" + minorOf(x.vol))
	}
	return code, err
}

// attach replays the activity log of a crashed Primary first. A volume without a
// disk of its own (DRBD 9: disk none) has nothing to attach.
func (t *tool) attach(x target) (int, error) {
	_, code, err := t.attachSteps(x)
	return code, err
}

// attachSteps also says which step it came to.
func (t *tool) attachSteps(x target) (step string, code int, err error) {
	if x.vol.Diskless() {
		return "attach", 0, nil
	}
	argv, err := t.attachCall(x.res, x.vol)
	if err != nil {
		return "attach", 0, err
	}
	if code, err := t.call(t.metaCall(x.vol, "apply-al"), long); code != 0 || err != nil {
		return "apply-al", code, err
	}
	code, err = t.call(argv, medium)
	return "attach", code, err
}

// noPeer is said when a connection has no other end.
func (t *tool) noPeer(x target) int {
	fmt.Fprintf(t.err, "resource %s: cannot configure network without knowing my peer.\n", x.res.Name)
	return int(exitExec)
}

func (t *tool) connect(x target) (int, error) {
	argv, ok := t.connectCall(x.res)
	if !ok && !t.dry {
		return t.noPeer(x), nil
	}
	return t.call(argv, short)
}

func (t *tool) netOptions(x target) (int, error) { return t.onConnection(x, "net-options") }

func (t *tool) disconnect(x target) (int, error) { return t.onConnection(x, "disconnect") }

func (t *tool) onConnection(x target, cmd string, words ...string) (int, error) {
	local, remote, ok := endpoints(x.res)
	if !ok && !t.dry {
		return t.noPeer(x), nil
	}
	return t.call(t.setupCall(append([]string{cmd, local, remote}, words...)...), short)
}

// syncer is the command of 0.7 and 8.3: what the section said, said to the
// device again.
func (t *tool) syncer(x target) (int, error) {
	args, err := t.diskArgs(x.res, x.vol)
	if err != nil {
		return 0, err
	}
	words := append([]string{"disk-options", minorOf(x.vol), "--set-defaults"}, without(args, "size", "max-bio-bvecs")...)
	return t.call(t.setupCall(words...), medium)
}

// Attempts of sh-b-pri: the peer may be about to become Secondary.
const (
	primaryTries = 5
	primaryPause = time.Second
)

// shBePrimary makes a device Primary if become-primary-on names this host.
func (t *tool) shBePrimary(x target) (code int, err error) {
	mine := false
	for _, h := range t.conf.BecomePrimaryOn(x.res) {
		mine = mine || h == "both" || x.res.Me.Has(h)
	}
	if !mine {
		return 0, nil
	}
	for try := 1; ; try++ {
		code, err = t.call(t.setupCall("primary", minorOf(x.vol)), short)
		if code == 0 || err != nil || try == primaryTries {
			return code, err
		}
		time.Sleep(primaryPause)
	}
}

// noProxy: there is no DRBD Proxy for our daemon.
func (t *tool) noProxy(x target) (int, error) {
	fmt.Fprintf(t.err, "%s: %s: drbdd does not work with DRBD Proxy; resource %s was left alone\n", t.prog, t.cmd.name, x.res.Name)
	return int(exitUsage), nil
}
