package config_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"classicha/drbdd/config"
	"classicha/drbdd/config/sysenv"
)

const realDrbdadm = "/lib/drbd/drbdadm-84"

// realDump runs the real drbdadm on a file, as host alpha.
func realDump(t *testing.T, file string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	cmd := exec.Command(realDrbdadm, append([]string{"-c", file}, args...)...)
	cmd.Env = []string{"__DRBD_NODE__=alpha", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		t.Fatal(err)
	}
	said := strings.Replace(errs.String(), "\n   found __DRBD_NODE__ in environment\n", "", 1)
	said = strings.Replace(said, "   PRETENDING that I am >>alpha<<\n\n", "", 1)
	return out.String(), said, cmd.ProcessState.ExitCode()
}

// TestReal compares random configurations with the real drbdadm-84 of Debian's
// drbd-utils, where it is installed: what it prints, what it says and its exit
// code. DRBD_REAL_SEEDS sets how many, DRBD_REAL_SEED the first.
func TestReal(t *testing.T) {
	if _, err := os.Stat(realDrbdadm); err != nil {
		t.Skipf("%s is not installed", realDrbdadm)
	}
	n, first := envInt("DRBD_REAL_SEEDS", 150), envInt("DRBD_REAL_SEED", 1)
	file := filepath.Join(t.TempDir(), "drbd.conf")
	accepted, failures := 0, 0
	for seed := first; seed < first+n; seed++ {
		g := &confGen{Rand: rand.New(rand.NewPCG(uint64(seed), 4)), slips: []float64{0, 0, 0.02, 0.2}[seed/3%4], odd: true}
		text := g.file()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		mode := config.DumpMode(seed % 3)
		args := [][]string{{"dump"}, {"-d", "dump"}, {"-v", "dump"}}[mode]
		if xml := seed/3%3 == 2; xml {
			args[len(args)-1] = "dump-xml"
		}
		stdout, stderr, exit := realDump(t, file, args...)
		if exit == -1 || strings.Contains(stderr, "internal error") {
			continue // it crashed
		}
		conf, found := config.Parse(file, []byte(text), config.Env{Hostname: "alpha", LocalAddr: sysenv.LocalAddr, DumpOnly: mode == config.DumpPlain})
		said, ours := found.Original()
		bad := said != stderr || ours != exit
		dump := ""
		if exit == 0 {
			accepted++
			if dump = conf.Dump("alpha", mode); args[len(args)-1] == "dump-xml" {
				dump = conf.DumpXML(mode)
			}
			bad = bad || dump != stdout || found.Refused()
		}
		if bad {
			failures++
			t.Errorf("seed %d: DRBD_REAL_SEED=%d DRBD_REAL_SEEDS=1 go test ./drbdd/config -run TestReal$\n%s\nreal (exit %d): %s\nours (exit %d): %s%s", seed, seed, text, exit, stderr, ours, said, firstDifference(stdout, dump))
		}
		if failures > 12 {
			t.Fatal("too many")
		}
	}
	if accepted < n/4 {
		t.Errorf("only %d of %d random files are right: the test says little", accepted, n)
	}
}

func envInt(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func itoa(n int) string { return strconv.Itoa(n) }

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range w {
		if i >= len(g) || w[i] != g[i] {
			other := ""
			if i < len(g) {
				other = g[i]
			}
			return "\nline " + strconv.Itoa(i+1) + " of the dump:\nreal " + w[i] + "\nours " + other
		}
	}
	return ""
}
