//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// roleEnv makes this program an end of the plain TCP stream, inside a machine.
const roleEnv = "DRBD_BENCH_ROLE"

const streamPort = "10810"

// resync measures a full resync, with a fixed rate and with the dynamic control
// that has a high limit, against a TCP stream that is written to the peer's disk
// with direct I/O and flushed at the end.
func (b *bench) resync() {
	modes := []struct {
		name string
		opt  []string
	}{
		{"resync, fixed rate", []string{"--c-plan-ahead=0", "--resync-rate=4G"}},
		{"resync, dynamic", []string{"--c-plan-ahead=20", "--c-max-rate=4G", "--c-fill-target=100k"}},
	}
	b.device("C")
	got := map[string][]float64{}
	const plain = "one TCP stream"
	for round := range b.rounds {
		progress(fmt.Sprintf("round %d of %d: resync", round+1, b.rounds))
		got[plain] = append(got[plain], b.stream())
		for _, m := range modes {
			b.B.Do(append([]string{"drbdsetup", "disk-options", "0"}, m.opt...)...)
			size := b.A.DeviceSize(0)
			at := time.Now()
			b.B.Do("drbdadm", "invalidate", "r0")
			b.Wait(limit, "the resync begins", func() bool { v := b.B.Volume(0); return v.Progress != nil || time.Since(at) > 3*time.Second })
			at = time.Now()
			b.A.Expect(inSync, limit)
			got[m.name] = append(got[m.name], float64(size)/time.Since(at).Seconds()/1e6)
		}
	}
	fmt.Printf("\nFull resync of %d MiB, MB/s, medians of %d (smallest–largest)\n", b.size>>20, b.rounds)
	tab := newTable("", "MB/s", "", "ratio")
	for _, name := range []string{plain, modes[0].name, modes[1].name} {
		v := got[name]
		tab.row(name, fmt.Sprintf("%.0f", median(v)), fmt.Sprintf("(%.0f–%.0f)", least(v), most(v)), fmt.Sprintf("%.2f", median(v)/median(got[plain])))
	}
	tab.print()
}

// stream sends the contents of serv-a's sda3 into that of serv-b; MB/s.
func (b *bench) stream() float64 {
	self, err := os.Executable()
	b.Must(err)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	sink := b.B.Command(ctx, roleEnv+"=sink", self, "/dev/sda3")
	sink.Stderr = os.Stderr
	out, err := sink.StdoutPipe()
	b.Must(err)
	b.Must(sink.Start())
	defer sink.Wait()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		b.Fatalf("the sink does not start: %v", err)
	}
	at := time.Now()
	b.A.Do("/usr/bin/env", roleEnv+"=source", self, "/dev/sda3", strconv.FormatInt(b.size, 10))
	return float64(b.size) / time.Since(at).Seconds() / 1e6
}

// play is an end of the stream.
func play(role string, args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	switch role {
	case "sink":
		return sink(f)
	case "source":
		size, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil {
			return err
		}
		return source(f, size)
	}
	return errors.New("no role " + role)
}

const chunk = 1 << 20

// buffers are aligned for direct I/O.
func buffers(n int) (chan []byte, error) {
	c := make(chan []byte, n)
	for range n {
		p, err := unix.Mmap(-1, 0, chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return nil, err
		}
		c <- p
	}
	return c, nil
}

// sink writes what comes from the network, receiving and writing at the same time.
func sink(f *os.File) error {
	ln, err := net.Listen("tcp", ":"+streamPort)
	if err != nil {
		return err
	}
	fmt.Print("x")
	c, err := ln.Accept()
	if err != nil {
		return err
	}
	free, err := buffers(4)
	if err != nil {
		return err
	}
	full, written := make(chan []byte, 4), make(chan error, 1)
	go func() {
		var off int64
		var err error
		for p := range full {
			if err == nil {
				_, err = f.WriteAt(p, off)
			}
			off += int64(len(p))
			free <- p[:chunk]
		}
		if err == nil {
			err = f.Sync()
		}
		written <- err
	}()
	for {
		p := <-free
		n, err := io.ReadFull(c, p)
		if n > 0 {
			full <- p[:n]
		}
		if err != nil {
			break
		}
	}
	close(full)
	if err := <-written; err != nil {
		return err
	}
	_, err = c.Write([]byte{1})
	c.Close()
	return err
}

// source reads the disk and sends, at the same time, and waits until all is stable.
func source(f *os.File, size int64) error {
	c, err := net.Dial("tcp", "130.66.201.2:"+streamPort)
	if err != nil {
		return err
	}
	free, err := buffers(4)
	if err != nil {
		return err
	}
	full, failed := make(chan []byte, 4), make(chan error, 1)
	go func() {
		defer close(full)
		for off := int64(0); off < size; off += chunk {
			p := <-free
			n, err := f.ReadAt(p, off)
			if n == 0 || err != nil && err != io.EOF {
				failed <- err
				return
			}
			full <- p[:n]
		}
		failed <- nil
	}()
	for p := range full {
		if _, err := c.Write(p); err != nil {
			return err
		}
		free <- p[:chunk]
	}
	if err := <-failed; err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}
