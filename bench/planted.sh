#!/bin/sh
# Do the random worlds find bugs? Plants each bug of bench/planted into a copy of the core, builds the worlds on it, and runs
# worlds until one fails or WORLDS have passed. From anywhere:
#   bench/planted.sh [-w WORLDS] [BUG...]             default: 500 worlds, every bench/planted/*.sed
# A bug is a sed script whose first line is "# FILE: what it does". Prints a line per bug and "k of n found"; status 1 when more
# than one in ten is missed.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
worlds=500
while getopts w: option; do
  case $option in
  w) worlds=$OPTARG ;;
  *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- "$root"/bench/planted/*.sed
step=10 # worlds to a run of `seeds`, which does not stop at the first failure

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$copy/src/runtime" "$copy/src/tests"
cp "$root/CMakeLists.txt" "$copy/src/"
cp -R "$root/runtime/base" "$root/runtime/core" "$root/runtime/wire" "$copy/src/runtime/"
cp -R "$root/tests/cluster" "$root/tests/seeds" "$root/tests/CMakeLists.txt" "$copy/src/tests/"

build() { make -C "$copy/build" -j"$(nproc 2>/dev/null || echo 2)" seeds >"$copy/log" 2>&1; }
if ! cmake -S "$copy/src" -B "$copy/build" -DCMAKE_BUILD_TYPE=Release >"$copy/log" 2>&1 || ! build; then
  cat "$copy/log" >&2
  echo "planted.sh: the worlds cannot be built (cmocka and msgpack-c are needed)" >&2
  exit 2
fi

# The seed that finds the bug in the build at hand, and how; nothing when none does.
search() {
  first=1
  while [ "$first" -le "$worlds" ]; do
    status=0
    timeout 120 "$copy/build/bin/seeds" --seed "$first" --count "$step" >"$copy/out" 2>&1 || status=$?
    if [ "$status" -eq 124 ]; then
      echo "seed $first or one of the next: never ends"
      return
    elif [ "$status" -ne 0 ]; then
      grep '^seed ' "$copy/out" | head -n 1
      return
    fi
    first=$((first + step))
  done
}

if [ -n "$(search)" ]; then
  echo "planted.sh: worlds fail without any bug planted" >&2
  exit 2
fi
found=0
count=0
for bug; do
  file=$(sed -n '1s/^# \([^:]*\):.*/\1/p' "$bug")
  what=$(sed -n '1s/^# [^:]*: //p' "$bug")
  sed -f "$bug" "$root/$file" >"$copy/src/$file"
  if cmp -s "$root/$file" "$copy/src/$file"; then
    echo "planted.sh: $bug changes nothing in $file" >&2
    exit 2
  fi
  if ! build; then
    cat "$copy/log" >&2
    echo "planted.sh: $bug does not compile" >&2
    exit 2
  fi
  count=$((count + 1))
  answer=$(search)
  cp "$root/$file" "$copy/src/$file"
  if [ -n "$answer" ]; then
    found=$((found + 1))
    echo "found   $(basename "$bug" .sed): $what"
    echo "        $answer"
  else
    echo "MISSED  $(basename "$bug" .sed): $what"
  fi
done
echo "$found of $count found in at most $worlds worlds each"
[ $((10 * (count - found))) -le "$count" ]
