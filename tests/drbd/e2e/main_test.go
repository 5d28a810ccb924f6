package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// Limits. The machine that runs the tests may be busy with other things.
const (
	soon      = 20 * time.Second
	syncLimit = 60 * time.Second
)

// States of device 0 that tests wait for.
const (
	secondaries = "Connected Secondary/Secondary UpToDate/UpToDate"
	primary     = "Connected Primary/Secondary UpToDate/UpToDate"
	secondary   = "Connected Secondary/Primary UpToDate/UpToDate"
	alone       = "WFConnection Primary/Unknown UpToDate/*"
)

const mib = 1 << 20

// need skips the test on a machine that lacks something.
func need(t *testing.T, programs ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("short tests only")
	}
	if why := rig.Missing(programs...); why != "" {
		t.Skip(why)
	}
}

// conf is a drbd.conf of today with one volume: what goes into its sections.
func conf(net, disk string) string {
	if !strings.Contains(disk, "resync-rate") {
		disk += " resync-rate 200M;"
	}
	return fmt.Sprintf(`resource r0 {
  net { protocol C; %s }
  disk { c-plan-ahead 0; %s }
  device /dev/drbd0;
  disk /dev/sda1;
  meta-disk internal;
  on serv-a { address 130.66.201.1:7788; }
  on serv-b { address 130.66.201.2:7788; }
}
`, net, disk)
}

// fresh makes two machines with an empty, connected resource r0 that is not in
// sync: both Secondary, both Inconsistent.
func fresh(t *testing.T, opt rig.Options) *rig.Rig {
	t.Helper()
	if opt.Disks == nil {
		opt.Disks = rig.FileDisks(64 * mib)
	}
	if opt.Conf == "" {
		opt.Conf = conf("", "")
	}
	r := rig.New(t, opt)
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Start()
		n.Do("drbdadm", "--", "--force", "create-md", "all")
		n.Do("drbdadm", "up", "all")
	}
	r.A.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", soon)
	r.B.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", soon)
	return r
}

// synced is fresh with the first sync done without copying (both disks are of
// zeroes), the first machine Primary.
func synced(t *testing.T, opt rig.Options) *rig.Rig {
	t.Helper()
	r := fresh(t, opt)
	r.A.Do("drbdsetup", "new-current-uuid", "0", "--clear-bitmap")
	r.A.Expect(secondaries, soon)
	r.A.Do("drbdadm", "primary", "r0")
	r.B.Expect(secondary, soon)
	return r
}
