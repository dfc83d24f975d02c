#!/bin/sh
# Every header compiles alone: it includes what it needs.
# usage: headers_law.sh ROOT COMPILER SKIP [FLAGS...]     SKIP: a regular expression of headers whose library is absent.
set -eu
cd "$1"
compiler=$2
skip=$3
shift 3
headers=$(find runtime kernels scenarios sim bench tests -name '*.h' | LC_ALL=C sort | grep -vE "$skip" || true)
[ -n "$headers" ] || { echo "no headers"; exit 1; }
# shellcheck disable=SC2086  # names of headers hold no spaces
"$compiler" -std=c17 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-const-variable \
  -I. "$@" -x c $headers
echo "$headers" | wc -l | sed 's/$/ headers compile alone/'
