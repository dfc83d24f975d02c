#!/bin/sh
# swisd top on a terminal of 80 by 24: what it draws fits, is redrawn, follows a resize, and leaves the terminal as it was.
# usage: top_tmux.sh SWISD     exit 77: no tmux (skip; with CI=true that fails).
set -eu
swisd=$(realpath "$1")
if ! command -v tmux >/dev/null 2>&1; then
  echo "skipped: no tmux"
  [ "${CI:-}" = true ] && exit 1
  exit 77
fi
work=$(mktemp -d)
node=
other=
trap 'tmux -S "$work/tmux" kill-server 2>/dev/null || true; kill $node $other 2>/dev/null || true; rm -rf "$work"' EXIT
unset SWISD_KEY_FILE
export XDG_DATA_HOME="$work"

until_true() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 150 ] || { echo "never came true: $*"; tmux -S "$work/tmux" capture-pane -t top -p || true; exit 1; }
    sleep 0.1
  done
}
shows() { tmux -S "$work/tmux" capture-pane -t top -p | grep -q -- "$1"; }
widest() { tmux -S "$work/tmux" capture-pane -t top -p | awk '{ if (length > most) most = length } END { print most }'; }

"$swisd" node --data "$work/a" --port 0 --speed 2 --name shelf-a 2>"$work/a.log" &
node=$!
until_true grep -q 'listens on' "$work/a.log"
address=$(sed -n 's/.*listens on \(127[0-9.:]*\),.*/\1/p' "$work/a.log")
"$swisd" node --data "$work/b" --port 0 --speed 1 --join "$address" 2>"$work/b.log" &
other=$!

tmux -S "$work/tmux" -f /dev/null new-session -d -s top -x 80 -y 24 sh
tmux -S "$work/tmux" send-keys -t top "clear; echo before; '$swisd' top --data '$work/a'; echo after \$?" Enter
until_true shows 'swisd top .*shelf-a'
until_true shows 'swarm 1 alive, 0 suspect, 0 dead'
until_true shows '^\*.*alive .*2\.00 '
shows 'q quits'
[ "$(widest)" -le 80 ] || { echo "wider than 80 columns"; exit 1; }
kill -9 "$other"
until_true shows 'suspect \|dead '
tmux -S "$work/tmux" resize-window -t top -x 100 -y 12
until_true shows 'q quits'
tmux -S "$work/tmux" resize-window -t top -x 40 -y 10
until_true shows 'swisd top'
[ "$(widest)" -le 40 ] || { echo "wider than a terminal of 40 columns"; exit 1; }
tmux -S "$work/tmux" resize-window -t top -x 80 -y 24
tmux -S "$work/tmux" send-keys -t top q
until_true shows 'after 0'
shows before || { echo "the screen was not restored"; exit 1; }
! shows 'q quits' || { echo "the last frame stayed"; exit 1; }
# A node that goes ends it with an error and a terminal that works.
tmux -S "$work/tmux" send-keys -t top "clear; '$swisd' top --data '$work/a'; echo after \$?" Enter
until_true shows 'q quits'
kill -9 "$node"
until_true shows 'after 1'
shows 'no node runs' || { echo "it does not say why"; exit 1; }
echo "swisd top draws, follows and leaves"
