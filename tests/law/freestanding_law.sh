#!/bin/sh
# The core compiles for machines without a C library: wasm32 (browser peers) and aarch64. Only the compiler's own headers are
# to be found.
# usage: freestanding_law.sh ROOT     exit 0 all compile, 1 one does not, 77 no clang (skip; with CI=true that fails).
set -eu
cd "$1"
if ! command -v clang >/dev/null 2>&1; then
  echo "skipped: no clang, so the core was not compiled for wasm32 and aarch64"
  [ "${CI:-}" = true ] && exit 1
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
for target in wasm32-unknown-unknown aarch64-none-elf; do
  count=0
  for source in runtime/core/*.c; do
    clang --target="$target" -std=c17 -O1 -ffreestanding -nostdlibinc -ffp-contract=off -Wall -Wextra -Werror \
      -I. -c "$source" -o "$work/out.o" || status=1
    count=$((count + 1))
  done
  [ "$count" -gt 0 ] || status=1
  echo "$target: $count files"
done
exit $status
