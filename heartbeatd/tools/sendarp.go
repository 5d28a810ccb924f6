package tools

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"classicha/heartbeatd/netaddr"
	"classicha/internal/getopt"
	"classicha/internal/hlog"
)

const sendArpUsage = `send_arp: sends out custom ARP packet.
  usage: send_arp [-i repeatinterval-ms] [-r repeatcount] [-p pidfile] \
              device src_ip_addr src_hw_addr broadcast_ip_addr netmask

  where:
    repeatinterval-ms: milliseconds from one pair of packets to the next.
      Each announcement is a pair: an ARP request and, half of the interval
      later, an ARP reply, since some systems heed only one or the other.
      There is no pause after the last packet.

    repeatcount: how many pairs of ARP packets to send (1)

    pidfile: pid file to use; a send_arp that runs under it is ended

    device: network interface to use

    src_ip_addr: the address to announce

    src_hw_addr: its hardware address.
                 If "auto" then the address of device

    broadcast_ip_addr: ignored

    netmask: ignored

`

// sendArpPids is where pid files go that are not named on the command line.
const sendArpPids = "/var/run/resource-agents/send_arp-"

// SendArp is send_arp [-i MS] [-r COUNT] [-p PIDFILE] DEVICE IP HW BROADCAST MASK,
// with the packets, the timing and the exit codes of the one in resource-agents
// 4.12: 0 also when it was ended by SIGTERM, else 1. It does not go to the
// background by itself; scripts do that.
//
// Differences: bad numbers and hardware addresses are refused (the original
// sends rubbish), and the process in an old pid file is only killed if it is a
// send_arp.
func SendArp(args []string, stdout, stderr io.Writer) int {
	a, err := parseSendArp(args, stderr)
	if err != nil {
		io.WriteString(stderr, sendArpUsage)
		return 1
	}
	log := func(level hlog.Level, format string, v ...any) {
		host, _ := os.Hostname()
		fmt.Fprintf(stderr, "%s %s send_arp: [%d]: %s: %s\n",
			time.Now().Format("Jan _2 15:04:05"), host, os.Getpid(), level, fmt.Sprintf(format, v...))
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if !takePidFile(a.pidFile, log) {
		return 1
	}
	defer os.Remove(a.pidFile)

	ip, err := netip.ParseAddr(a.ip)
	if err != nil || !ip.Is4() {
		log(hlog.Error, "Cannot resolve IP address [%s]", a.ip)
		return 1
	}
	if _, err := net.InterfaceByName(a.device); err != nil {
		log(hlog.Error, "Cannot find mac address for %s", a.device)
		return 1
	}
	var hw net.HardwareAddr
	if !strings.EqualFold(a.hw, "auto") {
		if hw, err = parseHW(a.hw); err != nil {
			log(hlog.Error, "%v", err)
			return 1
		}
	}
	return announceRepeatedly(ctx, a, ip, hw, log)
}

// announceRepeatedly sends the pairs. It goes on after a failure, as the next
// packet may get out (a port that is just coming up), and fails if none did.
func announceRepeatedly(ctx context.Context, a sendArpArgs, ip netip.Addr, hw net.HardwareAddr, log func(hlog.Level, string, ...any)) int {
	sent, last := 0, ""
	for i := range 2 * a.count {
		if i > 0 {
			select {
			case <-ctx.Done():
				return 0
			case <-time.After(a.interval / 2):
			}
		}
		form := netaddr.Request
		if i%2 == 1 {
			form = netaddr.Reply
		}
		err := netaddr.SendARP(a.device, ip, hw, form)
		if err == nil {
			sent++
			continue
		}
		if text := err.Error(); text != last {
			log(hlog.Error, "%s", text)
			last = text
		}
	}
	if sent == 0 {
		return 1
	}
	return 0
}

type sendArpArgs struct {
	interval       time.Duration
	count          int
	pidFile        string
	device, ip, hw string
}

var errUsage = errors.New("usage")

func parseSendArp(args []string, stderr io.Writer) (a sendArpArgs, err error) {
	a = sendArpArgs{interval: time.Second, count: 1}
	p := getopt.New(libexecName("send_arp"), args, "i:r:p:")
	p.Stderr = stderr
	for o, ok := p.Next(); ok; o, ok = p.Next() {
		if o.Err != nil {
			return a, errUsage
		}
		switch o.Short {
		case 'i':
			ms, err := strconv.Atoi(o.Arg)
			if err != nil || ms < 0 || ms > 24*3600*1000 {
				return a, errUsage
			}
			a.interval = time.Duration(ms) * time.Millisecond
		case 'r':
			if a.count, err = strconv.Atoi(o.Arg); err != nil || a.count < 1 || a.count > 1e6 {
				return a, errUsage
			}
		case 'p':
			a.pidFile = o.Arg
		}
	}
	words := p.Operands()
	if len(words) != 5 {
		return a, errUsage
	}
	a.device, a.ip, a.hw = words[0], words[1], words[2]
	if a.pidFile == "" {
		a.pidFile = sendArpPids + a.ip
	}
	return a, nil
}

// parseHW reads 12 hexadecimal digits, with or without colons between the bytes.
func parseHW(s string) (net.HardwareAddr, error) {
	hw, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(hw) != 6 {
		return nil, fmt.Errorf("Invalid hardware address [%s]: 12 hexadecimal digits or \"auto\"", s)
	}
	return hw, nil
}

// takePidFile writes our process number, without a newline as the original does.
// A send_arp that runs under the file is killed: the newer one knows better. A pid
// file that cannot be written does not keep us from announcing.
func takePidFile(path string, log func(hlog.Level, string, ...any)) bool {
	if !filepath.IsAbs(path) {
		log(hlog.Error, "Invalid pid-file name, must begin with a '/' [%s]", path)
		return false
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		log(hlog.Info, "Could not create pid-file directory [%s]: %v", filepath.Dir(path), err)
		return true
	}
	if b, err := os.ReadFile(path); err == nil {
		pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err == nil && pid > 1 && pid != os.Getpid() && isSendArp(pid) && syscall.Kill(pid, syscall.SIGKILL) == nil {
			log(hlog.Info, "Killed old send_arp process [%d]", pid)
		}
		os.Remove(path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		log(hlog.Info, "Could not open pid-file [%s]: %v", path, err)
		return true
	}
	defer f.Close()
	fmt.Fprint(f, os.Getpid())
	return true
}

// isSendArp tells whether a process was called as send_arp: its number may belong
// to another program by now.
func isSendArp(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	for _, word := range strings.SplitN(string(b), "\x00", 3) {
		if filepath.Base(word) == "send_arp" {
			return true
		}
	}
	return false
}

// libexecName is the name by which a helper program of the resource agents was
// called; its complaints begin with it.
func libexecName(name string) string {
	if filepath.Base(os.Args[0]) == name {
		return os.Args[0]
	}
	return "/usr/libexec/heartbeat/" + name
}
