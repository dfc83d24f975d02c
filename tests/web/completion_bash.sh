#!/bin/bash
# The completion that swisd prints, run by bash: what it offers is what the parser takes.
# usage: completion_bash.sh SWISD
set -eu
swisd=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$swisd" completion bash >"$work/completion"
# shellcheck disable=SC1091
source "$work/completion"
failures=0

# offered WORD...: what is offered for the last word, one a line, sorted.
offered() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _swisd
  printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort
}

expect() {
  local wanted=$1
  shift
  local got
  got=$(offered "$@" | tr '\n' ' ')
  [ "$got" = "$wanted " ] || { echo "$*: wanted '$wanted', got '$got'"; failures=$((failures + 1)); }
}

complete -p swisd | grep -q -- '-F _swisd' || { echo "swisd is not completed"; failures=1; }
expect "explain" swisd expl
expect "--watch" swisd status --w
expect "debug" swisd node --log-level d
expect "portable" swisd node --kernels = port
expect "withhold" swisd node --throttle w
expect "silence slow stop" swisd fault s
expect "bash" swisd completion ""
expect "status" swisd help statu
cd "$work"
touch one.rec "two words.rec"
mkdir folder
expect "one.rec" swisd replay one
expect "two words.rec" swisd replay two
expect "folder" swisd node --data f
expect "folder" swisd node --data = f

# All commands, and of each all options, as its own help lists them.
"$swisd" help | awk '/^swisd help/ { exit } /^  [a-z]+ / { print $1 }' | LC_ALL=C sort >commands
offered swisd "" | cmp -s - commands || {
  echo "the commands differ:"
  offered swisd "" | diff - commands || true
  failures=$((failures + 1))
}
while IFS= read -r command; do
  case $command in help | version | completion) continue ;; esac
  "$swisd" "$command" --help | awk '/^  --/ { print $1 }' | LC_ALL=C sort >options
  offered swisd "$command" -- | cmp -s - options || {
    echo "the options of $command differ:"
    offered swisd "$command" -- | diff - options || true
    failures=$((failures + 1))
  }
done <commands
[ "$failures" -eq 0 ] || exit 1
echo "$(wc -l <commands) commands are completed"
