package scripts

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

func execOut(args ...string) (string, error) {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	return string(out), err
}

func TestMailTo(t *testing.T) {
	tool(t, "mail", `cat >>/run/mailed`)
	cycle(t, nil, "MailTo", "root,ops@example.org", "Web")
	eventually(t, "a notice of each kind", func() bool {
		c := read(calls)
		return strings.Contains(c, "Takeover in progress at ") && strings.Contains(c, "Migrating resource away at ")
	})
	c := called()
	if !strings.Contains(c, "mail -s Web Takeover in progress at ") || !strings.Contains(c, " on node1 root ops@example.org\n") {
		t.Errorf("called: %s", c)
	}
	if n := strings.Count(c, "\n"); n != 2 {
		t.Errorf("%d notices, want one for the start and one for the stop:\n%s", n, c)
	}
	run(t, "MailTo").fails(t, "At least 1 Email address has to be given!")
	run(t, "MailTo", "a", "b", "c", "start").fails(t, "Additional parameters found: 4 but max. 3 are allowed!")
}

// A machine without a mail program still takes over.
func TestMailToWithoutMail(t *testing.T) {
	coverProgram(t, "mail", "/dev/null")
	coverProgram(t, "sendmail", "/dev/null")
	cycle(t, nil, "MailTo", "root")
	eventually(t, "the warning", func() bool {
		return strings.Contains(read("/run/ha-log"), `WARN: the notice "Takeover in progress" to root could not be sent`)
	})
}

// An address from a file is no option of the mail program.
func TestMailToHostileAddress(t *testing.T) {
	tool(t, "mail", "exit 0")
	called()
	run(t, "MailTo", "-A/etc/shadow", "start").ok(t)
	run(t, "MailTo", "root,-A/etc/shadow", "start").ok(t)
	eventually(t, "the warning", func() bool { return strings.Contains(read("/run/ha-log"), "looks like an option") })
	if c := called(); c != "" {
		t.Errorf("called: %s", c)
	}
}

func TestDelay(t *testing.T) {
	begin := time.Now()
	cycle(t, nil, "Delay", "0.3", "0.2")
	if d := time.Since(begin); d < 500*time.Millisecond || d > 10*time.Second {
		t.Errorf("took %s, want one start of 0.3 s and one stop of 0.2 s", d)
	}
	run(t, "Delay", "x", "start").fails(t, `"x" is no number of seconds`)
	run(t, "Delay", "x", "stop").ok(t)
}

// OCF agents run through the script OCF, those of the distribution too.
func TestOCF(t *testing.T) {
	command(t, "mkdir", "-p", "/run/ocf/resource.d/heartbeat", "/run/ocf/resource.d/other", "/run/ha.d/conf/OCF/Lab")
	put(t, "/run/ocf/resource.d/heartbeat/Lab", `#!/bin/sh
echo "$OCF_RESOURCE_INSTANCE $OCF_RESKEY_a $OCF_RESKEY_b $1" >>`+calls+`
case $1 in
start) : >/run/lab.on;;
stop) rm -f /run/lab.on;;
monitor) [ -e /run/lab.on ] || exit 7;;
esac
`)
	put(t, "/run/ocf/resource.d/other/Lab", "#!/bin/sh\nexit 6\n")
	put(t, "/run/ha.d/conf/OCF/Lab/one", "# parameters\na=first value\nOCF_RESKEY_b='quoted $(date)'\n")
	env := []string{"OCF_ROOT=/run/ocf"}
	called()
	for _, op := range []string{"stop", "start", "start", "status", "stop"} {
		runEnv(t, env, "OCF", "Lab", "one", op).ok(t)
	}
	if c := called(); !strings.Contains(c, "Lab_one first value quoted $(date) start\n") || !strings.Contains(c, " monitor\n") {
		t.Errorf("called: %s", c)
	}
	runEnv(t, env, "OCF", "heartbeat:Lab", "two", "a=x", "start").ok(t)
	if c := called(); c != "Lab_two x  start\n" {
		t.Errorf("called: %s", c)
	}
	r := runEnv(t, env, "OCF", "Lab", "one", "status").ok(t)
	if !strings.Contains(r.out, "Running OK") {
		t.Errorf("status: %q", r.out)
	}
	runEnv(t, env, "OCF", "other:Lab", "two", "start").fails(t, "start failed")
	runEnv(t, env, "OCF", "NoSuch", "two", "start").fails(t, "there is no OCF agent NoSuch")
	runEnv(t, env, "OCF", "NoSuch", "two", "stop").ok(t)
	runEnv(t, env, "OCF", "../../etc", "two", "start").fails(t, "is no agent and instance")
	runEnv(t, env, "OCF", "Lab", "two", "a b=c", "start").fails(t, "is not NAME=VALUE")
}

func TestOCFOfTheDistribution(t *testing.T) {
	if _, err := execOut("test", "-x", "/usr/lib/ocf/resource.d/heartbeat/Dummy"); err != nil {
		t.Skip("resource-agents is not installed")
	}
	cycle(t, nil, "OCF", "heartbeat:Dummy", "d1", "state=/run/resource-agents/dummy.state")
}

// Every shell file is read by dash and, where installed, passes shellcheck.
func TestShellFiles(t *testing.T) {
	run, sourced := ours(t)
	if len(run) < 15 || len(sourced) < 2 {
		t.Fatalf("found %d scripts and %d sourced files", len(run), len(sourced))
	}
	for _, f := range append(run, sourced...) {
		if strings.HasPrefix(f, root+"/etc/init.d") || strings.Contains(read(f), "#!/bin/sh") || strings.Contains(f, "funcs") {
			if out, err := execOut("dash", "-n", f); err != nil {
				t.Errorf("dash -n %s: %s", f, out)
			}
		} else {
			t.Errorf("%s does not begin with #!/bin/sh", f)
		}
	}
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is not installed")
	}
	args := append([]string{"shellcheck", "-s", "sh", "-P", root + "/resource.d", "-e", "SC2317,SC2034,SC2154,SC2015,SC1091,SC2016"}, append(run, sourced...)...)
	if out, err := execOut(args...); err != nil {
		t.Errorf("shellcheck:\n%s", out)
	}
}
