#!/bin/sh
# The metrics of a running node, checked by Prometheus' own tool.
# usage: metrics_promtool.sh SWISD     exit 77: no promtool (skip; with CI=true that fails).
set -eu
swisd=$(realpath "$1")
if ! command -v promtool >/dev/null 2>&1; then
  echo "skipped: no promtool (Debian's package prometheus)"
  [ "${CI:-}" = true ] && exit 1
  exit 77
fi
work=$(mktemp -d)
node=
trap '[ -z "$node" ] || kill "$node" 2>/dev/null || true; rm -rf "$work"' EXIT
unset SWISD_KEY_FILE
export XDG_DATA_HOME="$work"
"$swisd" node --data "$work/node" --port 0 --speed 1 --name 'odd "name" \ here' --http 127.0.0.1:0 2>"$work/log" &
node=$!
tries=0
until port=$(sed -n 's|.*page at http://127.0.0.1:\([0-9]*\)/.*|\1|p' "$work/log") && [ -n "$port" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { cat "$work/log"; exit 1; }
  sleep 0.1
done
# bash has sockets; no other client need be installed.
bash -c 'exec 3<>/dev/tcp/127.0.0.1/"$1"; printf "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n" >&3; cat <&3' sh "$port" \
  >"$work/reply"
sed '1,/^\r$/d' "$work/reply" >"$work/metrics"
promtool check metrics <"$work/metrics"
echo "$(grep -c '^# TYPE' "$work/metrics") metrics are well named and well formed"
