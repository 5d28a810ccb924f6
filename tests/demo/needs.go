//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"classicha/tests/lab"
)

// need is a program of the distribution that the demo uses.
type need struct{ file, pkg, why string }

var needs = []need{
	{"/usr/sbin/apache2", "apache2", "the web server"},
	{"/etc/init.d/apache2", "apache2", "the web server"},
	{"/usr/sbin/ip", "iproute2", "the resource scripts set addresses with it"},
	{"/usr/bin/nsenter", "util-linux", "to start programs inside the two machines"},
}

// pairNeeds are those of the whole article.
var pairNeeds = []need{
	{"/etc/init.d/redis-server", "redis-server", "the database"},
	{"/usr/sbin/mkfs.ext3", "e2fsprogs", "the file system"},
}

// prepare checks what the demo needs and installs missing packages.
func prepare(real, pair bool) error {
	if os.Geteuid() != 0 {
		return errors.New(`root is needed.
It builds two machines out of network, mount, UTS, IPC and PID namespaces on this one, with
virtual Ethernet and a pseudo-terminal as the serial line, and runs a real web server in them.
Nothing outside these namespaces is changed, except that the packages apache2 and iproute2 are
installed if they are missing. Try: sudo make demo`)
	}
	var missing []string
	seen := map[string]bool{}
	all := needs
	if pair {
		all = append(all, pairNeeds...)
	}
	for _, n := range all {
		if _, err := os.Stat(n.file); err != nil && !seen[n.pkg] {
			seen[n.pkg] = true
			missing = append(missing, n.pkg)
			fmt.Printf("Missing here: package %s (%s).\n", n.pkg, n.why)
		}
	}
	if len(missing) > 0 {
		if err := install(missing); err != nil {
			return err
		}
	}
	if why := lab.Missing(); why != "" {
		return errors.New(why)
	}
	if why := lab.RealMissing(); real && why != "" {
		return errors.New(why)
	}
	return nil
}

// install runs apt-get. For its time a policy keeps the new packages' services
// from being started on this machine: the demo runs its own copies.
func install(pkgs []string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("install these packages first: %s", strings.Join(pkgs, " "))
	}
	fmt.Printf("Installing with apt-get: %s. (Remove later with: apt-get purge %[1]s)\n", strings.Join(pkgs, " "))
	const policy = "/usr/sbin/policy-rc.d"
	if _, err := os.Stat(policy); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err == nil {
			defer os.Remove(policy)
		}
	}
	for _, args := range [][]string{{"-qq", "update"}, append([]string{"-qq", "-y", "--no-install-recommends", "install"}, pkgs...)} {
		cmd := exec.Command("apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("apt-get %s: %w", strings.Join(args, " "), err)
		}
	}
	return nil
}
