// Package drbdguide does what docs/start-drbd.md says, on two machines of package rig.
package drbdguide

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// block is a fenced block of commands: "```sh serv-a after its return".
type block struct {
	line        int
	where, text string
}

func blocks(t *testing.T, file string) (out []block) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	open := false
	for i, line := range strings.Split(string(data), "\n") {
		switch info, fence := strings.CutPrefix(line, "```"); {
		case fence && !open:
			open = true
			out = append(out, block{line: i + 1, where: info})
		case fence:
			open = false
		case open:
			out[len(out)-1].text += line + "\n"
		}
	}
	var sh []block
	for _, b := range out {
		if where, ok := strings.CutPrefix(b.where, "sh "); ok {
			b.where = where
			sh = append(sh, b)
		}
	}
	return sh
}

// run does a block on machines at the same time, as their administrators would.
func run(t *testing.T, b block, nodes ...*rig.Node) (out string) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, n := range nodes {
		wg.Go(func() {
			r := n.RunFor(3*time.Minute, "sh", "-e", "-c", b.text)
			mu.Lock()
			defer mu.Unlock()
			out += r.Out
			if r.Code != 0 {
				t.Errorf("line %d on %s: exit code %d\n%s\nit printed:\n%s", b.line, n.Name(), r.Code, b.text, r.Out)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return out
}

func TestStartGuide(t *testing.T) {
	if why := rig.Missing("mkfs.ext4", "mount"); why != "" {
		t.Skip(why)
	}
	repo, err := rig.Repo()
	if err != nil {
		t.Fatal(err)
	}
	r := rig.New(t, rig.Options{Conf: "# to be written\n", Disks: rig.FileDisks(96 << 20)})
	// The init script of this tree, and a log for the daemon that it starts.
	install := func(n *rig.Node) {
		t.Helper()
		n.Do("sh", "-e", "-c", "mkdir -p /run/guide/default; mount --bind /run/guide/default /etc/default; "+
			"drbdd=$(command -v drbdd); printf '#!/bin/sh\\nexec '$drbdd' --logfacility=none --logfile=/var/log/drbd.log\\n' >/run/guide/drbdd; chmod +x /run/guide/drbdd; "+
			"printf 'DRBDD=/run/guide/drbdd\\nPATH='${drbdd%/*}':$PATH\\n' >/etc/default/drbd; mount --bind "+filepath.Join(repo, "etc/init.d/drbd")+" /etc/init.d/drbd")
	}
	install(r.A)
	install(r.B)
	for _, b := range blocks(t, filepath.Join(repo, "docs/start-drbd.md")) {
		r.Step("line %d: %s", b.line, b.where)
		out := ""
		switch b.where {
		case "serv-a serv-b":
			run(t, b, r.A, r.B)
		case "serv-a":
			out = run(t, b, r.A)
		case "serv-b":
			out = run(t, b, r.B)
		case "serv-a after the power cut":
			r.B.Power()
			out = run(t, b, r.A)
		case "serv-b after its return":
			r.B.Restore()
			install(r.B)
			out = run(t, b, r.B)
			r.B.Expect("Connected Secondary/Primary UpToDate/UpToDate", 20*time.Second)
		default:
			t.Fatalf("line %d: where is a block for %q to be run?", b.line, b.where)
		}
		if strings.Contains(b.text, "cat /mnt/note") && !strings.Contains(out, "written on serv-a\n") {
			t.Errorf("line %d: the note is %q", b.line, out)
		}
	}
	if out := r.A.Do("cat", "/mnt/note"); out != "written on serv-a\nwritten on serv-b\nwritten alone\n" {
		t.Errorf("in the end the note is %q", out)
	}
	r.A.Do("umount", "/mnt")
	r.A.Do("/etc/init.d/drbd", "stop")
}
