package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"classicha/tests/drbd/rig"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(play(role, os.Args[1:]))
	}
	rig.Main(m)
}

const (
	soon      = 30 * time.Second
	syncLimit = 60 * time.Second
	mib       = 1 << 20

	primary   = "Connected Primary/Secondary UpToDate/UpToDate"
	secondary = "Connected Secondary/Primary UpToDate/UpToDate"
)

// conf is that of a cluster that notices a dead peer soon.
const conf = `resource r0 {
  net { protocol C; timeout 20; ping-timeout 5; ping-int 1; connect-int 1; }
  disk { c-plan-ahead 0; resync-rate 200M; al-extents 67; }
  device /dev/drbd0;
  disk /dev/sda1;
  meta-disk internal;
  on serv-a { address 130.66.201.1:7788; }
  on serv-b { address 130.66.201.2:7788; }
}
`

func need(t *testing.T, programs ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("short tests only")
	}
	if why := rig.Missing(programs...); why != "" {
		t.Skip(why)
	}
}

// crashes is how many crashes of each kind there are.
func crashes() int {
	if n, err := strconv.Atoi(os.Getenv("DRBD_CRASHES")); err == nil && n > 0 {
		return n
	}
	return 4
}

// random draws what a run does; the seed is in the log.
func random(t *testing.T) *rand.Rand {
	seed, err := strconv.ParseUint(os.Getenv("DRBD_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano()) % 1000000
	}
	t.Logf("DRBD_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 3))
}

// between draws a time.
func between(rnd *rand.Rand, a, b time.Duration) time.Duration {
	return a + time.Duration(rnd.Int64N(int64(b-a)))
}

// pair makes two machines in sync, the first Primary.
func pair(t *testing.T, disks func(int, string) (map[string]rig.Disk, error)) *rig.Rig {
	t.Helper()
	r := rig.New(t, rig.Options{Conf: conf, Disks: disks})
	for _, n := range []*rig.Node{r.A, r.B} {
		n.Start()
		n.Do("drbdadm", "--", "--force", "create-md", "r0")
		n.Do("drbdadm", "up", "r0")
	}
	r.A.Expect("Connected Secondary/Secondary Inconsistent/Inconsistent", soon)
	r.A.Do("drbdsetup", "new-current-uuid", "0", "--clear-bitmap")
	r.A.Expect("Connected Secondary/Secondary UpToDate/UpToDate", soon)
	promote(r, r.A)
	r.B.Expect(secondary, soon)
	return r
}

// promote makes a machine Primary as resource scripts do: again and again while
// the death of the peer is not noticed.
func promote(r *rig.Rig, n *rig.Node) {
	r.Helper()
	out := ""
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		res := n.Run("drbdadm", "primary", "r0")
		if res.Code == 0 {
			return
		}
		out = res.Out
	}
	r.Fatalf("%s does not become Primary: %s", n.Name(), out)
}

// crashDisks are disks in memory that a power cut robs.
func crashDisks(size int64, seed uint64) func(int, string) (map[string]rig.Disk, error) {
	return func(machine int, _ string) (map[string]rig.Disk, error) {
		d, err := rig.NewCrashDisk("sda1", size, seed*2+uint64(machine))
		return map[string]rig.Disk{"sda1": d}, err
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprint("crash: ", err))
	}
	return v
}
