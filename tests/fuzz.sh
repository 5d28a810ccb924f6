#!/bin/sh
# Runs every fuzz target for a few seconds, two at a time: tests/fuzz.sh SECONDS
set -eu
if [ $# -eq 3 ]; then # one target: SECONDS DIR NAME
	out=$(go test -run '^$' -fuzz "^$3\$" -fuzztime "${1}s" -fuzzminimizetime 10x -parallel 1 "$2" 2>&1) || {
		# The end of its time in the middle of a slow input is an error to the go command: no
		# input failed then, and none was written down.
		case $out in
		*"Failing input"* | *panic:*) bad=1 ;;
		*"context deadline exceeded"*) bad= ;;
		*) bad=1 ;;
		esac
		[ -z "$bad" ] || {
			printf '%s %s: FAILED\n%s\n' "$2" "$3" "$out"
			exit 255 # xargs starts no more
		}
	}
	echo "$2 $3: ok"
	exit 0
fi
for dir in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
	grep -h --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed "s|^func |$dir |" | sort -u
done | xargs -P 2 -n 2 "$0" "${1:-3}"
