#!/bin/sh
# Runs every fuzz target for a few seconds: tests/fuzz.sh SECONDS
set -eu
seconds=${1:-3}
for dir in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
	for f in $(grep -h --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u); do
		printf '%s %s: ' "$dir" "$f"
		go test -run '^$' -fuzz "^$f\$" -fuzztime "${seconds}s" -fuzzminimizetime 10x -parallel 2 "$dir" >/tmp/fuzz.$$ 2>&1 && echo ok || {
			echo FAILED
			cat /tmp/fuzz.$$
			rm -f /tmp/fuzz.$$
			exit 1
		}
	done
done
rm -f /tmp/fuzz.$$
