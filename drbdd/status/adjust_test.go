package status

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/drbdd/wire"
)

// adjuster runs the real `drbdadm -d adjust r0` with a stand-in drbdsetup that
// prints what is in a file for show.
type adjuster struct {
	t       *testing.T
	program string
	dir     string
}

func newAdjuster(t *testing.T, program, conf string) adjuster {
	t.Helper()
	if _, err := os.Stat(program); err != nil {
		t.Skipf("%s of drbd-utils is not installed", program)
	}
	a := adjuster{t, program, t.TempDir()}
	a.write("drbd.conf", conf)
	a.write("drbdsetup", "#!/bin/sh\ncase \"$*\" in *show*) cat '"+a.dir+"/show';; esac\n")
	return a
}

func (a adjuster) write(name, text string) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o755); err != nil {
		a.t.Fatal(err)
	}
}

// plan is what adjust would call, given that show prints this.
func (a adjuster) plan(show string) []string {
	a.t.Helper()
	a.write("show", show)
	cmd := exec.Command(a.program, "-c", filepath.Join(a.dir, "drbd.conf"), "-s", filepath.Join(a.dir, "drbdsetup"), "-d", "adjust", "r0")
	cmd.Env = []string{"__DRBD_NODE__=alpha", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HA_EMERGENCY=log"}
	out, err := cmd.Output()
	if err != nil {
		a.t.Fatalf("adjust: %v", err)
	}
	text := strings.ReplaceAll(string(out), filepath.Join(a.dir, "drbdsetup")+" ", "")
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// words undoes the escapes of drbdadm's dry run.
func words(line string) (all []string) {
	word, escaped := []byte(nil), false
	for _, c := range []byte(line + " ") {
		switch {
		case escaped || c != '\\' && c != ' ':
			word, escaped = append(word, c), false
		case c == '\\':
			escaped = true
		case word != nil:
			all, word = append(all, string(word)), nil
		}
	}
	return all
}

// done carries a planned 8.4 command out, as the daemon would.
func done(r *control.Resource, line string) {
	w := words(line)
	options := map[string]string{}
	for _, o := range w {
		if name, value, ok := strings.Cut(strings.TrimPrefix(o, "--"), "="); ok {
			options[name] = value
		}
	}
	vol := func() *control.Volume { return &r.Volumes[atoi(w[1])] }
	switch w[0] {
	case "new-resource", "resource-options":
		r.View.Name, r.Options = "r0", options
	case "new-minor":
		r.View.Volumes = append(r.View.Volumes, replica.VolumeView{Minor: atoi(w[2]), Vol: atoi(w[3])})
		r.Volumes = append(r.Volumes, control.Volume{})
	case "attach":
		*vol() = control.Volume{Disk: w[2], Meta: w[3], Index: w[4], Options: options}
	case "connect":
		r.Local, r.Remote, r.Net = w[2], w[3], options
	case "drbdmeta":
	default:
		panic(line)
	}
}

const adjustConf = `global { usage-count no; }
resource r0 {
	options { %s }
	net { %s }
	disk { %s }
	on alpha {
		volume 0 { device /dev/drbd0; disk /dev/null; meta-disk internal; }
		volume 1 { device /dev/drbd1; disk /dev/zero; meta-disk /dev/full [ 2 ]; disk { resync-after r0/0; fencing resource-only; } }
		volume 2 { device /dev/drbd2; disk /dev/urandom; flexible-meta-disk /dev/random; }
		address %s;
	}
	on beta {
		volume 0 { device /dev/drbd0; disk /dev/sda1; meta-disk internal; }
		volume 1 { device /dev/drbd1; disk /dev/sda2; meta-disk internal; }
		volume 2 { device /dev/drbd2; disk /dev/sda3; meta-disk internal; }
		address %s;
	}
}
`

// TestAdjustAcceptsShow: the real drbdadm 8.4 reads our show and finds nothing to
// do (drbd-cli 2.4); after a change of ours it does.
func TestAdjustAcceptsShow(t *testing.T) {
	const v4a, v4b, v6a, v6b = "127.0.0.1:7788", "127.0.0.2:7789", "ipv6 [::1]:7788", "ipv6 [fd00::2]:7788"
	for name, c := range map[string][5]string{
		"defaults": {"", "", "", v4a, v4b},
		"net": {"", `protocol A; timeout 50; cram-hmac-alg sha1; shared-secret "s3 \"c\\ret"; after-sb-0pri discard-zero-changes; use-rle no;
			congestion-fill 4M; sndbuf-size 512k; verify-alg md5; ping-timeout 7; always-asbp; tcp-cork no; on-congestion pull-ahead;`, "", v4a, v4b},
		"disk": {"", "", `resync-rate 33M; on-io-error pass_on; disk-flushes no; disk-barrier; c-fill-target 1M; size 1G; al-extents 3389; c-plan-ahead 0;
			c-max-rate 300M; c-min-rate 0; read-balancing 64K-striping; rs-discard-granularity 1048576; disk-timeout 30; md-flushes no;`, v4a, v4b},
		"options": {`cpu-mask "3,f"; on-no-data-accessible suspend-io;`, "two-primaries-is-not-set-here", "", v4a, v4b},
		"ipv6":    {"", "timeout 33;", "", v6a, v6b},
	} {
		t.Run(name, func(t *testing.T) {
			net := strings.Replace(c[1], "two-primaries-is-not-set-here", "connect-int 3;", 1)
			a := newAdjuster(t, "/lib/drbd/drbdadm-84", fmt.Sprintf(adjustConf, c[0], net, c[2], c[3], c[4]))
			var r control.Resource
			first := a.plan("")
			if len(first) != 11 {
				t.Fatalf("adjust of nothing plans %q", first)
			}
			for _, line := range first {
				done(&r, line)
			}
			show := func() string { return printed(func(w *bytes.Buffer) { Show(w, []control.Resource{r}, false) }) }
			if second := a.plan(show()); len(second) != 0 {
				t.Errorf("a second adjust plans %q after\n%s", second, show())
			}
			if second := a.plan(printed(func(w *bytes.Buffer) { Show(w, []control.Resource{r}, true) })); len(second) != 0 {
				t.Errorf("with defaults shown, adjust plans %q", second)
			}
			r.Net["max-buffers"] = "4000"
			if third := strings.Join(a.plan(show()), "\n"); !strings.HasPrefix(third, "net-options ") {
				t.Errorf("max-buffers changed, adjust plans %q", third)
			}
			delete(r.Net, "max-buffers")
			r.Net, r.View.Net, r.Local, r.Remote = nil, nil, "", ""
			if third := strings.Join(a.plan(show()), "\n"); !strings.HasPrefix(third, "connect r0 ") {
				t.Errorf("disconnected, adjust plans %q", third)
			}
		})
	}
}

const adjustConf83 = `global { usage-count no; }
resource r0 {
	protocol C;
	net { timeout 50; cram-hmac-alg sha1; shared-secret "s3 cret"; after-sb-0pri discard-zero-changes; allow-two-primaries; sndbuf-size 512k; no-tcp-cork; }
	disk { on-io-error detach; no-disk-flushes; no-disk-barrier; size 1G; }
	syncer { rate 33M; al-extents 257; verify-alg md5; use-rle; c-plan-ahead 20; c-fill-target 100s; c-min-rate 250k; cpu-mask 3; }
	on alpha { device /dev/drbd0; disk /dev/null; %s; address 127.0.0.1:7788; }
	on beta { device /dev/drbd0; disk /dev/sda1; meta-disk internal; address 127.0.0.2:7788; }
}
`

// TestAdjust83AcceptsShow is the same for drbdadm 8.3 and show of one minor.
func TestAdjust83AcceptsShow(t *testing.T) {
	for meta, volume := range map[string]control.Volume{
		"meta-disk internal":           {Disk: "/dev/null", Meta: "/dev/null", Index: "internal"},
		"meta-disk /dev/zero [ 3 ]":    {Disk: "/dev/null", Meta: "/dev/zero", Index: "3"},
		"flexible-meta-disk /dev/zero": {Disk: "/dev/null", Meta: "/dev/zero", Index: "flexible"},
	} {
		volume.Options = map[string]string{"on-io-error": "detach", "disk-flushes": "no", "disk-barrier": "no", "size": "2097152", "resync-rate": "33792", "al-extents": "257"}
		a := newAdjuster(t, "/lib/drbd/drbdadm-83", fmt.Sprintf(adjustConf83, meta))
		r := control.Resource{
			View:    replica.View{Name: "r0", Conn: wire.WFConnection, Volumes: []replica.VolumeView{{Conn: wire.WFConnection, Disk: wire.UpToDate}}},
			Options: map[string]string{"cpu-mask": "3"}, Local: "ipv4:127.0.0.1:7788", Remote: "ipv4:127.0.0.2:7788",
			Net: map[string]string{
				"protocol": "C", "timeout": "50", "cram-hmac-alg": "sha1", "shared-secret": "s3 cret", "after-sb-0pri": "discard-zero-changes",
				"allow-two-primaries": "yes", "sndbuf-size": "524288", "verify-alg": "md5", "use-rle": "yes", "tcp-cork": "no",
				// What differs between the defaults of 8.3 and 8.4.
				"ko-count": "0", "congestion-extents": "127",
			},
			Volumes: []control.Volume{volume},
		}
		show := printed(func(w *bytes.Buffer) { Show83(w, r, 0) })
		if plan := a.plan(show); len(plan) != 0 {
			t.Errorf("%s: adjust plans %q after\n%s", meta, plan, show)
		}
		r.Net["timeout"] = "60"
		if plan := a.plan(printed(func(w *bytes.Buffer) { Show83(w, r, 0) })); len(plan) == 0 {
			t.Errorf("%s: adjust does not see a changed timeout", meta)
		}
	}
}
