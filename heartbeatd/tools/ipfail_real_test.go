package tools

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"classicha/heartbeatd/clientapi"
	"classicha/heartbeatd/clientapi/apitest"
	"classicha/heartbeatd/cluster"
	"classicha/heartbeatd/message"
)

const realIpfail = "/usr/libexec/heartbeat/ipfail"

// TestRealIpfail: Debian's ipfail signs on to our server, counts ping nodes,
// talks to its twin and asks for standby (heartbeat-behaviour 7).
func TestRealIpfail(t *testing.T) {
	if !inOwnRun(t, realIpfail) {
		return
	}
	u, err := user.Lookup("hacluster")
	if err != nil {
		t.Skip(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	host, _ := os.Hostname()
	host = strings.ToLower(host)
	b := apitest.New(host)
	b.Edit(func(v *cluster.View, _ map[string]string) { v.KeepaliveMS = 100 })
	s := clientapi.NewServer(clientapi.Options{Rules: []clientapi.Rule{{Client: "ipfail", UIDs: []int{uid}}}, LogFacility: 128,
		Log: func(level, text string) { t.Logf("server: %s: %s", level, text) }}, b)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	var output bytes.Buffer
	cmd := exec.Command(realIpfail)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	defer func() {
		cmd.Process.Kill()
		if t.Failed() {
			t.Logf("ipfail printed: %s", output.String())
		}
	}()

	want := func(event, why string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		if events, ok := b.Wait(ctx, event); !ok {
			t.Fatalf("%s: no %q; there were %q", why, event, events)
		}
	}
	want("join ipfail", "signon")

	// As the cluster tells it: both sides are stable, and node2's ipfail is there.
	for _, src := range []string{host, "node2"} {
		s.Deliver(message.New("t", "resource", "rsc_hold", "local", "rtype", "full", "isstable", "1", "src", src))
	}
	s.Deliver(message.New("t", "hbapi-clstat", "st", "join", "from_id", "ipfail", "to_id", "ipfail",
		"src", "node2", "info", "signon", "client_gen", "0"))
	want("message from ipfail: t=num_ping_nodes src="+host+" num_ping=1 dest=node2", "its twin has signed on")

	s.Deliver(message.New("t", "you_are_dead", "dest", host, "from_id", "ipfail", "to_id", "ipfail", "client_gen", "0", "src", "node2"))
	want("message from ipfail: t=ask_resources rsc_hold=all src="+host+" info=me", "the twin sees more ping nodes")

	cmd.Process.Signal(syscall.SIGTERM)
	want("leave ipfail: signoff", "SIGTERM")
	select {
	case <-exited:
	case <-time.After(10 * time.Second):
		t.Error("ipfail does not end")
	}
}
