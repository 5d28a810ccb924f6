#!/bin/sh
# build.sh VERSION DIR PACKAGE...: the packages of FORMATS in DIR. "make packages" calls it
# when bin/ is built.
#
# No list of files is kept here: a package has what "make install-PACKAGE" installs. Regular
# files below /etc are configuration, which dpkg and rpm leave as the administrator made it.
# PACKAGE.yaml has the rest, PACKAGE/ the scripts.
set -eu
umask 022
version=$1 dir=$2
shift 2
: "${NFPM:=nfpm}" "${FORMATS:=deb rpm}" "${MAKE:=make}"
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# The same sources make the same packages, byte by byte.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || date +%s)}"
export SOURCE_DATE_EPOCH

# contents ROOT: what nfpm is to pack. Directories that other packages have too are theirs.
contents() {
	echo "contents:"
	(cd "$1" && find . -mindepth 1) | LC_ALL=C sort | while read -r f; do
		f=${f#.}
		if [ -L "$1$f" ]; then
			entry="src: '$(readlink "$1$f")', type: symlink"
		elif [ -d "$1$f" ]; then
			case $f in
			*/heartbeat* | */drbd* | */ha.d*) entry="type: dir" ;;
			*) continue ;;
			esac
		else
			case $f in
			/etc/*) entry="src: '$1$f', type: config|noreplace" ;;
			*) entry="src: '$1$f'" ;;
			esac
		fi
		echo "  - {dst: '$f', $entry, file_info: {mtime: '$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)'}}"
	done
}

mkdir -p "$dir" "$work/empty"
dir=$(cd "$dir" && pwd)
for package; do
	rm -rf "$work/root" "$work/scripts"
	# Units and rules of a package stand below /usr/lib: /etc is for the administrator's.
	"$MAKE" -s -o build "install-$package" DESTDIR="$work/root" PREFIX=/usr SYSCONFDIR=/etc \
		UNITDIR=/usr/lib/systemd/system UDEVDIR=/usr/lib/udev/rules.d
	install -m 644 LICENSE "$work/root/usr/share/doc/$package/copyright"
	find "$work/root/usr/share/man" -type f -exec gzip -9n {} +
	cp -r "$here/$package" "$work/scripts"
	{ cat "$here/$package.yaml" && contents "$work/root"; } >"$work/$package.yaml"
	for format in $FORMATS; do
		# Where nothing is: a link to "drbdd" beside a directory drbdd would be packed as one.
		(cd "$work/empty" && VERSION=$version ARCH=$(go env GOARCH) $NFPM package -f "../$package.yaml" -p "$format" -t "$dir")
	done
done
