#!/bin/sh
# Records the gate's story on real processes (six devices, of which one is killed, one falls silent, one becomes slow, two come
# back) and replays every recording with `swisd replay`: the same actions, bit for bit, and the answer of one process.
# usage: bench/replay20.sh [BUILD [RUNS]]     prints "20 of 20"; exit 1 when it is fewer. A run takes about eight seconds.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/release}
runs=${2:-20}
test=$build/tests/test_gate_rows
[ -x "$test" ] || { echo "replay20.sh: $test is not there: build the tests first" >&2; exit 2; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
good=0
run=0
while [ "$run" -lt "$runs" ]; do
  run=$((run + 1))
  # A skipped test passes nothing: the images must be there.
  if "$test" 'real_*' >"$log" 2>&1 && grep -q 'PASSED  \] 1 test' "$log" && ! grep -q SKIPPED "$log"; then
    good=$((good + 1))
    grep ' GFLOP issued' "$log"
  else
    cat "$log"
  fi
done
echo "$good of $runs"
[ "$good" -eq "$runs" ]
