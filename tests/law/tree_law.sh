#!/bin/sh
# Checks a tree against arrows.txt: who includes whom, names unique, nothing where it should not be, and hygiene of text.
# usage: tree_law.sh ROOT     prints each violation as path:line: what is wrong; exit 1 if there is one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"

# Files under version control and those about to be; in an unpacked archive all but what a build leaves.
list_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1 && [ "$(git rev-parse --show-prefix)" = "" ]; then
    git ls-files --cached --others --exclude-standard
  else
    find . -type f ! -path './build/*' ! -path './results/*' ! -path './.git/*' | sed 's|^\./||'
  fi | LC_ALL=C sort -u | while IFS= read -r path; do [ ! -f "$path" ] || printf '%s\n' "$path"; done
}

files=$(mktemp)
trap 'rm -f "$files"' EXIT
list_files >"$files"

if [ ! -s "$files" ]; then
  echo "$1: no files" >&2
  exit 2
fi
LC_ALL=C awk -f "$here/tree_law.awk" -v files="$files" "$here/arrows.txt"
