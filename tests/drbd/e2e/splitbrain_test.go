package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"classicha/drbdd/changes"
	"classicha/tests/drbd/rig"
)

// TestSplitBrainReport: both machines tell what each of them changed since the split,
// and how one copy is given up; what the victim changed is in a file before it goes.
func TestSplitBrainReport(t *testing.T) {
	need(t)
	t.Parallel()
	r := synced(t, rig.Options{Conf: conf("timeout 20; ping-timeout 5; ping-int 1; connect-int 1;", "")})
	r.A.Fails(0, []string{"r0: no split brain: the nodes are connected"}, "drbdadm", "split-brain", "r0")
	write := func(n *rig.Node, at, count int) {
		n.Do("dd", "if=/dev/urandom", "of=/dev/drbd0", "bs=64k", fmt.Sprint("seek=", at), fmt.Sprint("count=", count), "oflag=direct", "status=none")
	}
	r.Cut(true)
	write(r.A, 10, 20)
	r.A.Expect(alone, soon)
	r.A.Fails(4, []string{"this node changed its copy; whether serv-b changed its copy, too, is not known here", "1280 KiB (320 blocks of 4 KiB) changed", "Primary then, Primary now"}, "drbdadm", "split-brain", "r0")
	r.B.Fails(0, []string{"this node changed nothing since it last agreed with serv-a"}, "drbdadm", "split-brain", "r0")
	r.A.Do("drbdadm", "secondary", "r0")
	r.B.Expect("WFConnection Secondary/Unknown UpToDate/DUnknown", soon)
	r.B.Do("drbdadm", "primary", "r0")
	write(r.B, 100, 3)
	write(r.B, 200, 4)
	r.Step("both have written")
	r.Cut(false)
	r.Wait(soon, "split brain is found", func() bool {
		return r.A.Logged(unresolved)+r.B.Logged(unresolved) > 0 && (r.A.State(0)[:2] == "St" || r.B.State(0)[:2] == "St")
	})
	r.A.Fails(3, []string{
		"r0: SPLIT BRAIN", "serv-a (this node): 1280 KiB (320 blocks of 4 KiB) changed", "Primary then, Secondary now, was Primary until 2",
		"serv-b (the peer): 448 KiB (112 blocks of 4 KiB) changed", "Primary when it said so", "To give up the 448 KiB of serv-b:",
	}, "drbdadm", "split-brain", "r0")
	r.B.Fails(3, []string{
		"r0: SPLIT BRAIN", "serv-b (this node): 448 KiB (112 blocks of 4 KiB) changed", "Primary then, Primary now",
		"serv-a (the peer): 1280 KiB (320 blocks of 4 KiB) changed", "Secondary when it said so", "To give up the 448 KiB of serv-b (this node):",
	}, "drbdadm", "split-brain", "r0")
	r.B.Fails(20, []string{"this node is Primary"}, "drbdadm", "split-brain", "--save=/var/log/lost", "r0")
	r.Step("a daemon that was killed still knows")
	r.B.Do("drbdadm", "secondary", "r0")
	r.B.Do("drbdadm", "disconnect", "r0")
	r.B.Kill()
	r.B.Start()
	r.B.Fails(3, []string{"448 KiB (112 blocks of 4 KiB) changed", "Primary then, Secondary now, was Primary until 2"}, "drbdadm", "split-brain", "r0")
	r.Step("serv-b saves what it changed")
	r.B.Fails(0, []string{"448 KiB (112 blocks of 4 KiB) in 2 runs, the checksum is right"}, "drbdadm", "split-brain", "--save=/var/log/lost", "r0")
	was := make([]byte, r.B.DeviceSize(0))
	if _, err := r.B.Disks["sda1"].ReadAt(was, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	r.B.Fails(20, []string{"file exists"}, "drbdadm", "split-brain", "--save=/var/log/lost", "r0")
	r.B.Do("drbdadm", "connect", "--discard-my-data", "r0")
	r.A.Run("drbdadm", "disconnect", "r0")
	r.A.Do("drbdadm", "connect", "r0")
	r.A.Expect(secondaries, syncLimit)
	r.B.Expect(secondaries, soon)
	r.Equal("sda1", r.A.DeviceSize(0))
	r.B.Fails(0, []string{"no split brain"}, "drbdadm", "split-brain", "r0")
	if out := r.B.Do("drbdadm", "split-brain", "--list=/var/log/lost"); !strings.Contains(out, fmt.Sprintf("%16d %12d %16d\n", 3200, 64, 1+48)) {
		t.Errorf("the list does not have the second run:\n%s", out)
	}
	r.Step("what was saved is what was there")
	f, err := os.Open(r.B.LogPath("lost"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, _ := f.Stat()
	saved, err := changes.Open(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	if saved.Since.IsZero() || saved.Resource != "r0" || saved.Size != uint64(len(was)) {
		t.Errorf("the header says %+v", saved.Header)
	}
	err = saved.Runs(func(x changes.Run, at int64) error {
		data := make([]byte, x.N*changes.BlockSize)
		if _, err := f.ReadAt(data, at); err != nil {
			return err
		}
		if !bytes.Equal(data, was[x.First*changes.BlockSize:][:len(data)]) {
			t.Errorf("%d blocks from %d on are not what was on the disk", x.N, x.First)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
