#!/bin/sh
# kernels_foreign.sh wasm | aarch64-gcc | aarch64-clang: compiles the portable kernels for another processor, from the source
# root; where something here can run the result, its bits must be those of its class. Exit 77: skipped, with one line.
set -eu
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags="-std=c17 -O2 -ffp-contract=off -fno-math-errno -Wall -Wextra -Wundef -Werror -I."
shared="kernels/kernels_shape.c kernels/rope.c kernels/sincos.c runtime/base/elementary.c"
simd="kernels/simd/simd_matmul.c kernels/simd/simd_rows.c kernels/simd/simd_attention.c kernels/simd/simd_project.c
  kernels/simd/simd_set.c"

skip() {
  echo "skipped: $1"
  exit 77
}
need() {
  command -v "$1" >/dev/null || skip "$1 is not installed"
}
# objects COMPILER NAME FMA: the set NAME, as $out/NAME-*.o
objects() {
  for source in $simd; do
    $1 $flags -DSWISD_SIMD_NAME="$2" -DSWISD_SIMD_TITLE="\"portable-$(echo "$2" | tr _ -)\"" \
      -DSWISD_SIMD_LANES=4 -DSWISD_SIMD_FMA="$3" -c "$source" -o "$out/$2-$(basename "$source" .c).o"
  done
}

case "$1" in
wasm)
  need clang
  cc="clang --target=wasm32 -msimd128 -mbulk-memory -ffreestanding -isystem tests/kernels/freestanding"
  objects "$cc" wasm 0
  for source in $shared tests/kernels/kernels_digest.c tests/kernels/kernels_foreign.c; do
    $cc $flags -c "$source" -o "$out/$(basename "$source" .c).o"
  done
  echo "wasm32: compiled"
  need wasm-ld
  wasm-ld --no-entry --export-dynamic --allow-undefined "$out"/*.o -o "$out/kernels.wasm"
  need node
  node -e '
    const env = {swisd_kernels_bug() { throw new Error("a bug was asserted"); }};
    const module = new WebAssembly.Module(require("fs").readFileSync(process.argv[1]));
    const strange = WebAssembly.Module.imports(module).filter(i => !(i.name in env)).map(i => i.name);
    if (strange.length) { console.log("unexpected imports: " + strange); process.exit(1); }
    const wrong = new WebAssembly.Instance(module, {env}).exports.check();
    console.log("portable-wasm: " + (wrong ? "other bits than its class" : "the bits of its class"));
    process.exit(wrong);' "$out/kernels.wasm"
  ;;
aarch64-gcc | aarch64-clang)
  need aarch64-linux-gnu-gcc # its C library, for either compiler
  cc=aarch64-linux-gnu-gcc
  if [ "$1" = aarch64-clang ]; then
    need clang
    cc="clang --target=aarch64-linux-gnu"
  fi
  objects "$cc" neon 0
  objects "$cc" neon_fma 1
  for source in $shared kernels/kernels.c kernels/openblas.c tests/kernels/kernels_digest.c tests/kernels/kernels_foreign.c; do
    $cc $flags -D_GNU_SOURCE -c "$source" -o "$out/$(basename "$source" .c).o"
  done
  echo "$1: compiled"
  emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static) || skip "qemu-aarch64 is not installed"
  aarch64-linux-gnu-gcc -static "$out"/*.o -o "$out/kernels" -lm
  "$emulator" "$out/kernels"
  ;;
*)
  echo "usage: $0 wasm | aarch64-gcc | aarch64-clang" >&2
  exit 2
  ;;
esac
