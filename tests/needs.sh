#!/bin/sh
# Installs what the tests and the demo need from the distribution: said first, then done.
# Without root or without apt-get nothing is installed; tests that lack something say so.
set -u
case "${1:-test}" in
demo) want="iproute2 iptables nftables apache2 redis-server e2fsprogs" ;;
drbd) want="iproute2 nftables e2fsprogs fio drbd-utils qemu-utils qemu-system-common nbdkit" ;;
kernel) # the kernel itself is fetched by the test, and not installed
	want="qemu-system-x86 drbd-utils tcpdump iproute2 e2fsprogs redis-server"
	[ -e /usr/lib/qemu/virtiofsd ] || ! apt-cache show virtiofsd >/dev/null 2>&1 || want="$want virtiofsd" ;; # in QEMU 7, a package of its own since
*) want="iproute2 iptables nftables apache2 redis-server heartbeat cluster-glue resource-agents keepalived e2fsprogs man-db mandoc iputils-arping drbd-utils fio libnbd-bin qemu-utils qemu-system-common nbdkit rpm" ;;
esac
missing=
for p in $want; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "not installed, and only root on a Debian system can install it:$missing"
	exit 0
fi
echo "installing from the distribution:$missing"
# Packages that bring services must not start them here.
policy=
if [ ! -e /usr/sbin/policy-rc.d ]; then
	policy=/usr/sbin/policy-rc.d
	printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
fi
trap '[ -z "$policy" ] || rm -f "$policy"' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
{ apt-get install -y -q --no-install-recommends $missing || { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; }; } >/tmp/needs.$$ 2>&1 || {
	tail -n 5 /tmp/needs.$$
	echo "could not install everything: tests that need it are skipped and say so"
}
rm -f /tmp/needs.$$
exit 0
