#!/bin/sh
# The core compiles for machines without a C library: wasm32 (browser peers) and aarch64. Only the compiler's own headers are
# to be found.
# usage: freestanding_law.sh ROOT     exit 0 all compile, 1 one does not, 77 no clang (skip; with CI=true that fails).
set -eu
root=$(cd "$1" && pwd)
if ! command -v clang >/dev/null 2>&1; then
  echo "skipped: no clang, so the core was not compiled for wasm32 and aarch64"
  [ "${CI:-}" = true ] && exit 1
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for target in wasm32-unknown-unknown aarch64-none-elf; do
  clang --target="$target" -std=c17 -O0 -ffreestanding -nostdlibinc -ffp-contract=off -Wall -Wextra -Werror \
    -I"$root" -c "$root"/runtime/core/*.c
  set -- ./*.o
  echo "$target: $# files"
done
