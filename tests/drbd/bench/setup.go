//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"classicha/tests/drbd/rig"
)

// bench is the two machines: sda1 is drbd's, sda2 raw, sda3 the QEMU mirror's.
type bench struct {
	*rig.Rig
	plan
	qemu string // device of the QEMU mirror
}

const conf = `resource r0 {
  net { protocol C; max-buffers 8000; max-epoch-size 8000; sndbuf-size 0; }
  disk { c-plan-ahead 0; resync-rate 4G; al-extents 1237; }
  device /dev/drbd0;
  disk /dev/sda1;
  meta-disk internal;
  on serv-a { address 130.66.201.1:7788; }
  on serv-b { address 130.66.201.2:7788; }
}
`

const (
	limit   = 2 * time.Minute
	inSync  = "Connected Primary/Secondary UpToDate/UpToDate"
	localA  = "ipv4:130.66.201.1:7788"
	localB  = "ipv4:130.66.201.2:7788"
	nbdPort = "10809"
)

func newBench(s *rig.Script, p plan) *bench {
	names := map[string]bool{"sda1": true, "sda3": true}
	r := rig.New(s, rig.Options{Conf: conf, Disks: func(machine int, dir string) (map[string]rig.Disk, error) {
		disks := map[string]rig.Disk{}
		names["sda2"] = machine == 0
		for name, wanted := range names {
			if !wanted {
				continue
			}
			path := filepath.Join(dir, name)
			d, err := rig.NewFileDisk(path, p.size)
			if err == nil {
				err = fill(path, p.size)
			}
			if err != nil {
				return nil, err
			}
			disks[name] = d
		}
		return disks, nil
	}})
	b := &bench{Rig: r, plan: p}
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Start()
		n.Do("drbdadm", "--", "--force", "create-md", "r0")
		n.Do("drbdadm", "up", "r0")
	}
	r.A.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", limit)
	r.A.Do("drbdsetup", "new-current-uuid", "0", "--clear-bitmap")
	r.A.Expect("Connected Secondary/Secondary UpToDate/UpToDate", limit)
	r.A.Do("drbdadm", "primary", "r0")
	r.A.Expect(inSync, limit)
	return b
}

// fill gives a file its blocks, so that no first write has to find them.
func fill(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	p := make([]byte, 4<<20)
	for i := range p {
		p[i] = byte(i * 7)
	}
	for off := int64(0); off < size; off += int64(len(p)) {
		if _, err := f.WriteAt(p[:min(int64(len(p)), size-off)], off); err != nil {
			return err
		}
	}
	return f.Sync()
}

// device makes a subject ready and returns its device on serv-a.
func (b *bench) device(subject string) string {
	switch subject {
	case "raw":
		return "/dev/sda2"
	case "qemu":
		if b.qemu == "" {
			b.qemu = b.startQEMU()
		}
		return b.qemu
	}
	b.A.Run("drbdsetup", "disconnect", localA, localB) // fails when it is not connected
	if subject == "alone" {
		b.A.Expect("StandAlone Primary/Unknown */*", limit)
		return "/dev/drbd0"
	}
	b.B.Run("drbdsetup", "disconnect", localB, localA)
	protocol, flushes := subject, "yes"
	if subject == unflushed {
		protocol, flushes = "C", "no"
	}
	for _, n := range []*rig.Node{b.A, b.B} {
		n.Do("drbdsetup", "disk-options", "0", "--disk-flushes="+flushes)
	}
	opt := []string{"--protocol=" + protocol, "--max-buffers=8000", "--max-epoch-size=8000"}
	b.A.Do(append([]string{"drbdsetup", "connect", "r0", localA, localB}, opt...)...)
	b.B.Do(append([]string{"drbdsetup", "connect", "r0", localB, localA}, opt...)...)
	b.A.Expect(inSync, limit) // what was written alone is copied first
	return "/dev/drbd0"
}

// startQEMU starts the mirror of QEMU: the far disk, the mirror with its FUSE
// export, and a loop device on that.
func (b *bench) startQEMU() string {
	b.background(b.B, "nbdkit -f -p "+nbdPort+" file /dev/sda3")
	b.Wait(limit, "nbdkit listens", func() bool {
		c, err := b.A.Dial("130.66.201.2:" + nbdPort)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	b.A.Do("sh", "-c", ": >/run/mirror")
	b.background(b.A, strings.Join([]string{
		"qemu-storage-daemon",
		"--blockdev driver=host_device,node-name=near,filename=/dev/sda3,cache.direct=on,aio=native",
		"--blockdev driver=nbd,node-name=far,server.type=inet,server.host=130.66.201.2,server.port=" + nbdPort,
		"--blockdev driver=quorum,node-name=mirror,children.0=near,children.1=far,vote-threshold=2,read-pattern=fifo",
		"--export type=fuse,id=e,node-name=mirror,mountpoint=/run/mirror,writable=on",
	}, " "))
	b.Wait(limit, "the export of QEMU", func() bool {
		st, err := os.Stat(b.A.Path("/run/mirror"))
		return err == nil && st.Size() == b.size
	})
	dev, err := b.A.Loop("mirror", "/run/mirror")
	b.Must(err)
	return dev
}

// background starts a program on a machine; it ends with the machine.
func (b *bench) background(n *rig.Node, line string) {
	b.Helper()
	n.Do("sh", "-c", fmt.Sprintf("( exec %s </dev/null >>/var/log/background 2>&1 ) &", line))
}
