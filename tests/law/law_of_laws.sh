#!/bin/sh
# A law that cannot be broken is no law: feeds each checker a thing that breaks it, and one that does not.
# usage: law_of_laws.sh FOLDER_OF_THE_LAWS
set -eu
laws=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# A small tree that holds every law.
fresh_tree() {
  rm -rf "$work/tree"
  mkdir "$work/tree"
  cd "$work/tree"
  mkdir -p runtime/base runtime/core runtime/net kernels/simd tests/unit
  for folder in runtime/base runtime/core runtime/net kernels kernels/simd tests/unit; do
    echo "# $folder" >"$folder/README.md"
  done
  echo "int philox;" >runtime/base/philox.h
  echo "int map;" >runtime/base/map.h
  printf '#include <stdint.h>\n#include "runtime/base/philox.h"\n' >runtime/core/node.h
  printf '#include <event2/event.h>\n#include "runtime/core/node.h"\n' >runtime/net/peer.c
  printf '#include <cblas.h>\n#include "kernels/simd/simd.h"\n' >kernels/matmul.c
  echo "int simd;" >kernels/simd/simd.h
  printf '#include <jansson.h>\n#include "runtime/net/peer.h"\n' >tests/unit/test_peer.c
  echo "int peer;" >runtime/net/peer.h
}

# expect DESCRIPTION PATTERN: the tree law refuses the tree with a line that matches; without a PATTERN it accepts it.
expect() {
  if sh "$laws/tree_law.sh" "$work/tree" >"$work/said" 2>&1; then verdict=holds; else verdict=broken; fi
  if [ -z "$2" ] && [ "$verdict" = holds ]; then return; fi
  if [ -n "$2" ] && [ "$verdict" = broken ] && grep -qE "$2" "$work/said" && [ "$(wc -l <"$work/said")" -eq 2 ]; then return; fi
  echo "$1: wanted '$2', the law said ($verdict):"
  cat "$work/said"
  failures=$((failures + 1))
}

# breach DESCRIPTION PATTERN FILE TEXT: appends TEXT to FILE of a fresh tree.
breach() {
  fresh_tree
  printf '%b\n' "$4" >>"$3"
  expect "$1" "$2"
}

fresh_tree
expect "a tree that holds the law" ""
breach "core includes base" '^runtime/core/node.h:3: runtime/core may not include runtime/base/map.h' \
  runtime/core/node.h '#include "runtime/base/map.h"'
breach "an include hidden by spaces" '^runtime/core/node.h:3: runtime/core may not include kernels/simd/simd.h' \
  runtime/core/node.h ' #  include  "kernels/simd/simd.h"'
breach "base includes core" '^runtime/base/map.h:2: runtime/base may not include runtime/core/node.h' \
  runtime/base/map.h '#include "runtime/core/node.h"'
breach "net includes what kernels keeps to itself" '^runtime/net/peer.c:3: runtime/net may not include kernels/simd/simd.h' \
  runtime/net/peer.c '#include "kernels/simd/simd.h"'
breach "net includes a test" '^runtime/net/peer.c:3: "tests/unit/none.h" is not in the tree' \
  runtime/net/peer.c '#include "tests/unit/none.h"'
breach "an include without its folder" '^runtime/net/peer.c:3: "peer.h" does not name its folder' \
  runtime/net/peer.c '#include "peer.h"'
breach "a library in the wrong folder" '^runtime/net/peer.c:3: <simgrid/host.h> belongs to: sim' \
  runtime/net/peer.c '#include <simgrid/host.h>'
breach "a library in the wrong file" '^runtime/base/map.h:2: <jansson.h> belongs to' runtime/base/map.h '#include <jansson.h>'
breach "cmocka outside tests" '^runtime/base/map.h:2: <cmocka.h> belongs to' runtime/base/map.h '#include <cmocka.h>'
breach "a source file in runtime/" '^runtime/main.c: ' runtime/main.c 'int main;'
breach "a stranger at the top" '^notes.txt: nothing of this name' notes.txt 'x'
breach "a tab" '^kernels/matmul.c:3: holds a tab' kernels/matmul.c 'int\tx;'
breach "trailing space" '^kernels/matmul.c:3: ends in white space' kernels/matmul.c 'int x; '
breach "a long line" '^kernels/matmul.c:3: is longer' kernels/matmul.c "$(printf 'int %0140d;' 0)"
breach "an absolute path" '^kernels/README.md:2: names an absolute path' kernels/README.md "see /$(printf home)/someone/notes"
breach "two files of one name" '^runtime/net/map.h: its name is already that of runtime/base/map.h' runtime/net/map.h 'int x;'
fresh_tree; rm kernels/simd/README.md
expect "a folder without README" '^kernels/simd: has no README.md'
fresh_tree; seq 1 30 >>kernels/README.md
expect "a README of 31 lines" '^kernels/README.md: has 31 lines'
fresh_tree; mkdir -p runtime/gossip; echo x >runtime/gossip/README.md; echo 'int x;' >runtime/gossip/gossip.c
expect "a folder that the table does not know" '^runtime/gossip/gossip.c: its folder has no row'
fresh_tree; rm kernels/simd/simd.h
expect "an include of a file that is gone" '^kernels/matmul.c:2: "kernels/simd/simd.h" is not in the tree'

# The core's law, on libraries of one file.
cd "$work"
core_case() {
  printf '%b\n' "$3" >case.c
  cc -O2 -c case.c -o case.o
  rm -f libcase.a
  ar rc libcase.a case.o
  if sh "$laws/core_law.sh" libcase.a >said 2>&1; then verdict=holds; else verdict=broken; fi
  if [ -z "$2" ] && [ "$verdict" = holds ]; then return; fi
  if [ -n "$2" ] && [ "$verdict" = broken ] && grep -q "$2" said; then return; fi
  echo "$1: wanted '$2', the law said ($verdict):"
  cat said
  failures=$((failures + 1))
}
core_case "a pure core" "" \
  'void *memcpy(void *, const void *, unsigned long);\nvoid swisd_f(char *a, char *b) { memcpy(a, b, 99999); }'
core_case "a core that allocates" "imports malloc" 'void *malloc(unsigned long);\nvoid *swisd_f(void) { return malloc(3); }'
core_case "a core with a counter" "holds mutable statics" 'static int n;\nint swisd_f(void) { return ++n; }'
core_case "an empty core" "no function of the core" 'int other(void) { return 1; }'

# The headers' law.
mkdir -p alone/runtime alone/kernels alone/scenarios alone/sim alone/bench alone/tests
echo 'struct swisd_a { unsigned char b; };' >alone/runtime/good.h
sh "$laws/headers_law.sh" "$work/alone" cc '^$' >/dev/null || { echo "a good header was refused"; failures=$((failures + 1)); }
echo 'struct swisd_b { uint8_t b; };' >alone/runtime/bad.h
if sh "$laws/headers_law.sh" "$work/alone" cc '^$' >/dev/null 2>&1; then
  echo "a header that needs another one was accepted"
  failures=$((failures + 1))
fi

# The freestanding law.
if command -v clang >/dev/null 2>&1; then
  mkdir -p free/runtime/core
  printf '#include <stdint.h>\nuint32_t swisd_f(void);\nuint32_t swisd_f(void) { return 1; }\n' >free/runtime/core/good.c
  sh "$laws/freestanding_law.sh" "$work/free" >/dev/null 2>&1 || { echo "a good core was refused"; failures=$((failures + 1)); }
  printf '#include <stdio.h>\n' >free/runtime/core/bad.c
  if sh "$laws/freestanding_law.sh" "$work/free" >/dev/null 2>&1; then
    echo "a core that needs a C library was accepted"
    failures=$((failures + 1))
  fi
fi

[ "$failures" -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "every law can be broken"
