package scripts

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/heartbeatd/resource"
)

// runner is heartbeatd's own way to scripts, with a log to look at.
type runner struct {
	*resource.Runner
	mu    sync.Mutex
	lines []string
	debug bytes.Buffer
}

func newRunner(t *testing.T, env ...string) *runner {
	t.Helper()
	r := &runner{}
	var err error
	r.Runner, err = resource.New(resource.Options{
		Node: "node1", StopRetryWait: 10 * time.Millisecond, StopRetryMax: 2,
		StartTimeout: time.Minute, StopTimeout: time.Minute, Debug: &r.debug,
		Env: append([]string{"PATH=/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HA_LOGFILE=/run/ha-log",
			"HA_DEBUGLOG=/run/ha-debug", "HA_EMERGENCY=log"}, env...),
		Log: func(l resource.Line) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if l.Level != "debug" {
				r.lines = append(r.lines, l.String())
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func (r *runner) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// word takes one resource through its life as a group of its own.
func (r *runner) word(t *testing.T, word string, up func() bool) {
	t.Helper()
	r.life(t, resource.ParseWord(word), up)
}

func (r *runner) life(t *testing.T, res resource.Resource, up func() bool) {
	t.Helper()
	word, g := res.Word, resource.Group{Node: "node1", Resources: []resource.Resource{res}}
	state := func(want bool) {
		t.Helper()
		running, out, err := r.Status(t.Context(), g.Resources[0])
		if running != want || err != nil {
			t.Errorf("%s: status %q %v, want running %v", word, out, err, want)
		}
		if up != nil && up() != want {
			t.Errorf("%s: it is %v, want %v", word, up(), want)
		}
	}
	do := func(what string, f func(context.Context, resource.Group, resource.GroupOptions) resource.GroupResult) {
		t.Helper()
		if res := f(t.Context(), g, resource.GroupOptions{}); !res.OK || res.StopFailed {
			t.Errorf("%s %s: %+v\n%s\n%s", what, word, res, r.log(), r.debug.String())
		}
	}
	state(false)
	do("give", r.GiveGroup)
	do("take", r.TakeGroup)
	state(true)
	do("take again", r.TakeGroup)
	state(true)
	do("give", r.GiveGroup)
	state(false)
}

// cover lays a directory over /etc/ha.d for one test.
func cover(t *testing.T, dir string) {
	t.Helper()
	command(t, "mount", "--bind", dir, "/etc/ha.d")
	t.Cleanup(func() { command(t, "umount", "/etc/ha.d") })
}

// The scripts that Debian's heartbeat package installs run unchanged: with their
// own shellfuncs, and with ours (as after an upgrade that keeps resource.d).
func TestDebiansScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("the agents below Debian's scripts take 25 s")
	}
	if !hasDebian {
		t.Skip("Debian's heartbeat package is not installed")
	}
	if _, err := os.Stat("/usr/lib/ocf/resource.d/heartbeat/IPaddr2"); err != nil {
		t.Skip("resource-agents is not installed")
	}
	command(t, "sh", "-c", "rm -rf /run/mixed; cp -a "+debian+" /run/mixed; cp /run/ha.d/shellfuncs /run/ha.d/harc /run/mixed/")
	for name, dir := range map[string]string{"as installed": debian, "with our shellfuncs": "/run/mixed"} {
		t.Run(name, func(t *testing.T) {
			cover(t, dir)
			tool(t, "mail", "cat >/dev/null")
			if _, err := exec.LookPath("modprobe"); err != nil {
				tool(t, "modprobe", "") // Filesystem insists on it
			}
			r := newRunner(t)
			dev := disk(t, "x")
			mnt := t.TempDir() + "/m"
			r.word(t, "IPaddr2::10.88.0.50/24/eth0:0", has("10.88.0.50"))
			// As the configuration reads it: the address in one piece.
			r.life(t, resource.Resource{Word: "IPv6addr::fd88::50/64/eth0", Script: "IPv6addr", Args: []string{"fd88::50/64/eth0"}}, has("fd88::50"))
			r.word(t, "Filesystem::"+dev+"::"+mnt+"::ext4", mounted(mnt))
			r.word(t, "MailTo::root::Web", nil)
			// Delay is left out: each status of the agent sleeps 30 s.
			r.word(t, "SendArp::10.88.0.70/eth0", nil)
			if _, err := exec.LookPath("ifconfig"); err == nil {
				r.word(t, "10.88.0.51", has("10.88.0.51"))
			}
			if _, err := exec.LookPath("apache2"); err == nil {
				// The agent asks the server for its status page.
				conf, pidfile := apacheConf(t, "LoadModule status_module /usr/lib/apache2/modules/mod_status.so\n<Location /server-status>\nSetHandler server-status\n</Location>")
				put(t, conf, strings.Replace(read(conf), "\"${WEB_RUN}/web.pid\"", pidfile, 1))
				command(t, "mkdir", "-p", strings.TrimSuffix(pidfile, "/web.pid"))
				r.word(t, "apache::"+conf, answers)
			}
		})
	}
}

// The article's script, and the article's line (with a tmpfs for the DRBD device).
func TestArticlesScripts(t *testing.T) {
	announcers(t)
	drbdadm(t)
	tool(t, "mail", "cat >/dev/null")
	script := read("testdata/mysql-debian")
	put(t, "/run/ha.d/resource.d/mysql-debian", script)
	defer os.Remove("/run/ha.d/resource.d/mysql-debian")
	r := newRunner(t, "HA_BIN=/run/bin")
	r.word(t, "mysql-debian", func() bool { return read("/run/mysqld.pid") != "" })

	mnt := t.TempDir() + "/user"
	g := resource.ParseGroup("serv-a", "drbddisk::r0", "Filesystem::none::"+mnt+"::tmpfs", "IPaddr2::130.66.201.3/24/eth0:0", "mysql-debian", "MailTo::root")
	begin := time.Now()
	res := r.TakeGroup(t.Context(), g, resource.GroupOptions{BelowHarc: true})
	t.Logf("take: %s", time.Since(begin))
	if !res.OK || res.Started != 5 || !mounted(mnt)() || !has("130.66.201.3")() {
		t.Errorf("take: %+v\n%s\n%s", res, r.log(), r.debug.String())
	}
	if s := r.StatGroup(t.Context(), g); s != resource.GroupAll {
		t.Errorf("state %s", s)
	}
	if res := r.GiveGroup(t.Context(), g, resource.GroupOptions{}); !res.OK {
		t.Errorf("give: %+v", res)
	}
	if s := r.StatGroup(t.Context(), g); s != resource.GroupNone {
		t.Errorf("state %s", s)
	}
	want := "info: Running /etc/ha.d//resource.d/IPaddr2 130.66.201.3/24/eth0:0 start\ninfo: Running /etc/ha.d//resource.d/mysql-debian  start\n"
	if !strings.Contains(r.log(), want) {
		t.Errorf("log lacks\n%s\nin\n%s", want, r.log())
	}
}

// The article's second slip: the mount point without its slash gives up the group,
// and the reason can be read.
func TestArticlesMissingSlash(t *testing.T) {
	announcers(t)
	drbdadm(t)
	r := newRunner(t, "HA_BIN=/run/bin")
	g := resource.ParseGroup("serv-a", "drbddisk::r0", "Filesystem::/dev/drbd0::user::ext3", "IPaddr2::10.88.0.3/24/eth0:0")
	res := r.TakeGroup(t.Context(), g, resource.GroupOptions{})
	if res.OK || res.StopFailed || res.Failed.Script != "Filesystem" || !strings.Contains(res.Result.Output, `"user" does not begin with a slash`) {
		t.Errorf("take: %+v", res)
	}
	if !strings.Contains(r.log(), "CRIT: Giving up resources due to failure of Filesystem::/dev/drbd0::user::ext3") {
		t.Errorf("log:\n%s", r.log())
	}
	if strings.HasPrefix(read("/run/drbd.r0"), "Primary") {
		t.Error("the group was not given up: drbddisk is still on")
	}
}
