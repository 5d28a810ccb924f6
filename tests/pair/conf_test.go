package pair

import "classicha/tests/lab/records"

const (
	vip   = "130.66.201.3"
	mount = "/run/data"
)

const timing = `keepalive 200ms
warntime 1
deadtime 2
initdead 5
`

const haCf = `logfacility local0
bcast eth0
serial /dev/ttyS0
auto_failback off
node serv-a
node serv-b
stonith_host * fence_lab switch=lab
respawn hacluster /usr/lib/heartbeat/dopd
apiauth dopd uid=hacluster
`

const haresources = "serv-a drbddisk::r0 Filesystem::/dev/drbd0::" + mount + "::ext4 IPaddr2::" + vip + "/24/eth0:0 redis-server\n"

const net = "net { ping-int 3; connect-int 3; timeout 20; ping-timeout 5; }"

const drbdConf = `global { usage-count no; }
resource r0 {
	protocol C;
	` + net + `
	disk { fencing resource-and-stonith; c-min-rate 0; c-plan-ahead 0; resync-rate 100M; }
	handlers { fence-peer "/usr/lib/heartbeat/drbd-peer-outdater -t 10"; }
	device /dev/drbd0;
	disk /dev/sda1;
	meta-disk internal;
	on serv-a { address 10.0.8.1:7788; }
	on serv-b { address 10.0.8.2:7788; }
}
`

// fenceAgent asks the test for a machine's power to be cut, through files of /var/log, and
// waits until it is off.
const fenceAgent = `#!/bin/sh
while read -r line; do
	case $line in
	action=*) action=${line#*=} ;;
	nodename=*) node=${line#*=} ;;
	esac
done
case $action in reboot | off) ;; *) exit 0 ;; esac
[ ! -e /var/log/fence-is-broken ] || exit 1
echo "$node" >/var/log/power.$$ && mv /var/log/power.$$ /var/log/power-off
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ -e /var/log/power-off ] || exit 0
	sleep 0.2
done
exit 1
`

func machineFiles(machine int) map[string]string {
	return map[string]string{
		"/etc/redis/redis.conf": records.Conf(mount+"/redis", [2]string{"serv-a", "serv-b"}[machine]),
		"/usr/sbin/fence_lab":   fenceAgent,
	}
}
