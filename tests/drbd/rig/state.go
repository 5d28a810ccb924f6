package rig

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"classicha/drbdd/control"
	"classicha/drbdd/replica"
	"classicha/tests/lab"
)

// Status asks the daemon about a resource, or all.
func (n *Node) Status(resource string) ([]control.Resource, error) {
	if !n.Up() {
		return nil, errors.New(n.Name() + " has no power")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	a, err := control.Call(ctx, n.Socket(), control.Request{Cmd: "status", Resource: resource, Minor: -1, All: resource == ""})
	if err == nil && a.Error != 0 {
		err = errors.New(control.ErrorText(a.Error))
	}
	return a.Resources, err
}

// Volume is the state of a device; the zero value when there is none.
func (n *Node) Volume(minor int) replica.VolumeView {
	rs, err := n.Status("")
	if err != nil {
		return replica.VolumeView{}
	}
	for _, r := range rs {
		for _, v := range r.View.Volumes {
			if v.Minor == minor {
				return v
			}
		}
	}
	return replica.VolumeView{}
}

// State is what /proc/drbd would say of a device: "Connected Primary/Secondary
// UpToDate/UpToDate"; empty when there is none.
func (n *Node) State(minor int) string {
	v := n.Volume(minor)
	if v.Role == 0 {
		return ""
	}
	return fmt.Sprintf("%v %v/%v %v/%v", v.Conn, v.Role, v.Peer, v.Disk, v.Pdsk)
}

// Expect waits until the state of device 0 is as wanted.
func (n *Node) Expect(want string, limit time.Duration) { n.r.Helper(); n.ExpectOf(0, want, limit) }

// ExpectOf waits until the state of a device is as wanted. A star stands for
// any word.
func (n *Node) ExpectOf(minor int, want string, limit time.Duration) {
	n.r.Helper()
	got := ""
	if lab.Wait(limit, "", func() bool { got = n.State(minor); return matches(got, want) }) != nil {
		n.r.Fatalf("%s: after %v drbd%d is %q, want %q", n.Name(), limit, minor, got, want)
	}
}

func matches(got, want string) bool {
	cut := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '/' })
	}
	g, w := cut(got), cut(want)
	if len(g) != len(w) {
		return false
	}
	for i := range w {
		if w[i] != "*" && g[i] != w[i] {
			return false
		}
	}
	return true
}

// Equal compares the disks of both machines, block by block, as far as the
// device goes.
func (r *Rig) Equal(disk string, bytes int64) {
	r.Helper()
	if diff, err := r.Differ(disk, bytes); err != nil || len(diff) > 0 {
		r.Fatalf("the disks %s differ in %d of %d blocks of 4 KiB, the first: %v (%v)", disk, len(diff), bytes>>12, diff[:min(len(diff), 20)], err)
	}
}

// Differ lists the 4 KiB blocks that are not the same on both machines.
func (r *Rig) Differ(disk string, bytes int64) (blocks []int64, err error) {
	a, b := r.A.Disks[disk], r.B.Disks[disk]
	const chunk = 1 << 20
	p, q := make([]byte, chunk), make([]byte, chunk)
	for off := int64(0); off < bytes; off += chunk {
		n := min(chunk, bytes-off)
		if _, err := a.ReadAt(p[:n], off); err != nil && err != io.EOF {
			return blocks, err
		}
		if _, err := b.ReadAt(q[:n], off); err != nil && err != io.EOF {
			return blocks, err
		}
		for i := int64(0); i < n; i += 4096 {
			j := min(i+4096, n)
			if md5.Sum(p[i:j]) != md5.Sum(q[i:j]) {
				blocks = append(blocks, (off+i)>>12)
			}
		}
	}
	return blocks, nil
}

// DeviceSize is the size of a device in bytes.
func (n *Node) DeviceSize(minor int) int64 { return int64(n.Volume(minor).Size) * 512 }

// Proc is the text of /proc/drbd.
func (n *Node) Proc() string {
	r := n.Run("cat", "/var/run/drbd/proc")
	return r.Out
}
