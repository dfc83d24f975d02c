#!/bin/sh
# The core as it was built: it imports nothing but four functions of <string.h> and one of ours, and keeps no state of its own.
# usage: core_law.sh LIBRARY.a     exit 1 and a line for each violation.
set -eu
library=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One object, so that what the core's files take from each other is resolved.
ld -r --whole-archive "$library" -o "$work/core.o"
status=0
allowed='^(memcpy|memmove|memset|memcmp|swisd_panic|_GLOBAL_OFFSET_TABLE_)$'
nm -u "$work/core.o" | awk '{ print $NF }' | grep -vE "$allowed" >"$work/foreign" || true
while IFS= read -r symbol; do
  echo "$library: imports $symbol"
  status=1
done <"$work/foreign"

# Writable sections; .data.rel.ro is constant once the program is loaded.
size -A -d "$work/core.o" | awk '$1 ~ /^\.(t?data|t?bss)/ && $1 !~ /^\.data\.rel\.ro/ && $2 > 0 { print $1, $2 }' >"$work/state"
while IFS= read -r section; do
  echo "$library: holds mutable statics ($section bytes)"
  status=1
done <"$work/state"

if [ "$(nm --defined-only "$work/core.o" | grep -c ' T swisd_')" -eq 0 ]; then
  echo "$library: holds no function of the core"
  status=1
fi
exit $status
