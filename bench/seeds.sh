#!/bin/sh
# 20,000 random worlds (tests/seeds), on all cores, and what came of them. From anywhere:
#   bench/seeds.sh [BUILD_DIR [FIRST [COUNT]]]        default: build/release 1 20000
# Prints each seed that broke something, then one line: worlds, failures, steps, seconds. Status 1 when a world failed.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build/release}
first=${2:-1}
count=${3:-20000}
seeds=$build/bin/seeds
if [ ! -x "$seeds" ]; then
  echo "bench/seeds.sh: no $seeds: build the release preset first" >&2
  exit 2
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
trap 'exit 1' INT TERM
cores=$(nproc 2>/dev/null || echo 2)
part=250 # worlds to a process: short enough for the cores to end together
start=$(date +%s)
at=$first
while [ "$at" -lt $((first + count)) ]; do
  left=$((first + count - at))
  echo "$at $((left < part ? left : part))"
  at=$((at + part))
done >"$out/parts"
cd "$root"
# A part whose process dies leaves no summary, and is counted below.
xargs -n 2 -P "$cores" sh -c '"$0" --seed "$2" --count "$3" >"$1/$2.txt" 2>&1 || :' "$seeds" "$out" <"$out/parts"
cat "$out"/*.txt | grep '^seed ' || :
summary=$(cat "$out"/*.txt | awk '/ worlds, .* failed; medians/ { worlds += $1; failed += $3
    for (i = 4; i <= NF; i++) if ($i == "steps") steps += $(i - 1) }
  END { printf "%d %d %.0f", worlds, failed, steps }')
set -- $summary
echo "$1 of $count worlds ran, $2 failed; $3 steps, $(($(date +%s) - start)) s on $cores cores"
[ "$1" -eq "$count" ] && [ "$2" -eq 0 ]
