package drbdadm

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"classicha/drbdd/config"
)

// adjust asks what is configured now and plans the difference (drbd-cli 2.4).
func (t *tool) adjust(x target) (int, error) {
	t.plan.given = true
	running, err := t.running(x.res)
	if err != nil {
		return 0, err
	}
	if err := t.checkDisks(x.res, x.res.Me.Volumes); err != nil {
		return 0, err
	}
	if running == nil {
		t.plan.later(createRes, x, "new-resource", t.newResource)
		for _, v := range x.res.Me.Volumes {
			t.planVolume(target{res: x.res, vol: v})
		}
		t.plan.later(adjustNet, x, "connect", t.connect)
		return 0, nil
	}
	if err := t.adjustVolumes(x, running); err != nil {
		return 0, err
	}
	t.adjustNetwork(x, running)
	args := t.conf.ResourceArgs(x.res)
	if len(compare(t.chatter(), parsed(config.SectionOptions, args), running.Options)) > 0 {
		words := append([]string{"resource-options", x.res.Name, "--set-defaults"}, args...)
		t.plan.later(adjustRes, x, "resource-options", func(target) (int, error) { return t.call(t.setupCall(words...), short) })
	}
	return 0, nil
}

// chatter is where comparisons tell what they find.
func (t *tool) chatter() io.Writer {
	if t.verbose > 2 {
		return t.err
	}
	return nil
}

// running is the resource as drbdsetup shows it, nil if it is not known. That
// drbdsetup fails says nothing: a later call will fail, too.
func (t *tool) running(r *config.Resource) (*config.Resource, error) {
	argv := t.plainCall("show", r.Name)
	text, e := t.output(argv, short, false)
	if e.late { // taken for "not known", it would be configured a second time
		fmt.Fprintf(t.err, "Command '%s' did not terminate within %d seconds\n", strings.Join(argv, " "), t.seconds(short))
		return nil, exitExec
	}
	if !showsResource(text) {
		return nil, nil
	}
	running, found := config.ParseShow([]byte(text))
	if found.Refused() {
		fmt.Fprint(t.err, strings.ReplaceAll(found.AtLeast(config.Error).Lines(), "drbdsetup show:", "drbdsetup show "+r.Name+":"))
		return nil, exit(found.ExitCode())
	}
	return running, nil
}

// showsResource tells whether the text begins with a resource; comments do not
// count.
func showsResource(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return strings.HasPrefix(line, "resource")
		}
	}
	return false
}

// planVolume makes a volume anew.
func (t *tool) planVolume(x target) {
	t.plan.later(prepareDisk, x, "new-minor", t.newMinor)
	t.planAttach(x)
}

// planRemoval takes a running volume away.
func (t *tool) planRemoval(x target, was *config.Volume) {
	t.planDetach(x, was)
	t.plan.later(createRes, x, "del-minor", func(target) (int, error) { return t.call(t.setupCall("del-minor", minorOf(was)), short) })
}

func (t *tool) planDetach(x target, was *config.Volume) {
	if was.Disk == "" {
		return
	}
	t.plan.later(createRes, x, "detach", func(target) (int, error) { return t.call(t.setupCall("detach", minorOf(was)), medium) })
}

// adjustVolumes walks over both lists, which are sorted by number.
func (t *tool) adjustVolumes(x target, running *config.Resource) error {
	want := x.res.Me.Volumes
	var have []*config.Volume
	if running.Me != nil {
		have = running.Me.Volumes
	}
	for len(want) > 0 || len(have) > 0 {
		switch {
		case len(want) == 0 || len(have) > 0 && have[0].Number < want[0].Number:
			t.planRemoval(x, have[0])
			have = have[1:]
		case len(have) == 0 || want[0].Number < have[0].Number:
			t.planVolume(target{res: x.res, vol: want[0]})
			want = want[1:]
		default:
			if err := t.adjustVolume(target{res: x.res, vol: want[0]}, have[0]); err != nil {
				return err
			}
			want, have = want[1:], have[1:]
		}
	}
	return nil
}

// adjustVolume: another minor is another device; another disk, or an option that
// cannot be changed on the way, needs a new attach.
func (t *tool) adjustVolume(x target, was *config.Volume) error {
	if x.vol.Minor != was.Minor {
		t.planRemoval(x, was)
		t.planVolume(x)
		return nil
	}
	if x.vol.Diskless() {
		t.planDetach(x, was)
		return nil
	}
	args, err := t.diskArgs(x.res, x.vol)
	if err != nil {
		return err
	}
	if was.Disk == "" {
		t.planAttach(x)
		return nil
	}
	differs := compare(t.chatter(), parsed(config.SectionDisk, args), was.DiskOptions)
	if x.vol.Disk != was.Disk || metaName(x.vol) != metaName(was) || differs["max-bio-bvecs"] {
		t.planDetach(x, was)
		t.planAttach(x)
		return nil
	}
	size := differs["size"]
	delete(differs, "size")
	if len(differs) > 0 {
		words := append([]string{"disk-options", minorOf(x.vol), "--set-defaults"}, without(args, "size", "max-bio-bvecs")...)
		t.plan.later(adjustDisk, x, "disk-options", func(target) (int, error) { return t.call(t.setupCall(words...), medium) })
	}
	if size {
		t.plan.later(adjustDisk, x, "resize", t.resize)
	}
	return nil
}

// metaName is where the metadata is. The original does not compare the slot of an
// indexed device (seen); a change of it alone means data of another volume.
func metaName(v *config.Volume) string {
	if v.MetaDisk == config.MetaInternal || v.MetaIndex == config.MetaInternal {
		return config.MetaInternal
	}
	return v.MetaDisk
}

// adjustNetwork: other addresses are another connection.
func (t *tool) adjustNetwork(x target, running *config.Resource) {
	local, remote := addressOf(running.Me), addressOf(running.Peer)
	if running.Peer == nil {
		remote = remoteOf(running)
	}
	if local == nil || remote == nil {
		t.plan.later(adjustNet, x, "connect", t.connect)
		return
	}
	wantLocal, wantRemote := addressOf(x.res.Me), addressOf(x.res.Peer)
	if p := x.res.Me.Proxy; p != nil && p.Inside != nil && wantRemote != nil {
		wantRemote = p.Inside
	}
	if !sameAddress(local, wantLocal) || !sameAddress(remote, wantRemote) {
		if w := t.chatter(); w != nil {
			fmt.Fprintf(w, "Network addresses differ:\n\trunning: %s -- %s\n\t config: %s -- %s\n", addressWords(local), addressWords(remote), addressWords(wantLocal), addressWords(wantRemote))
		}
		if wantRemote != nil { // what works is not cut for something that cannot be
			words := []string{"disconnect", local.Setup(), remote.Setup()}
			t.plan.later(prepareNet, x, "disconnect", func(target) (int, error) { return t.call(t.setupCall(words...), short) })
		}
		t.plan.later(adjustNet, x, "connect", t.connect)
		return
	}
	args := t.conf.NetArgs(x.res)
	if len(compare(t.chatter(), parsed(config.SectionNet, args), running.Net)) > 0 {
		words := slices.Concat([]string{"--set-defaults"}, args)
		t.plan.later(adjustNet, x, "net-options", func(x target) (int, error) { return t.onConnection(x, "net-options", words...) })
	}
}

func addressOf(h *config.Host) *config.Address {
	if h == nil {
		return nil
	}
	return h.Address
}

// remoteOf is the address of the other end in the output of show.
func remoteOf(r *config.Resource) *config.Address {
	for _, h := range r.Hosts {
		if h.Kind == config.RemoteHost {
			return h.Address
		}
	}
	return nil
}
