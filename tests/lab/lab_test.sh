#!/bin/sh
# `swisd lab` against four hosts that are network namespaces, each with an sshd and a home of its own, behind emulated links: the
# swarm comes up, answers while hosts are killed and silenced and the network is cut, goes down, and its recordings make one
# timeline.
# usage: lab_test.sh BIN-DIRECTORY          (starts itself again inside netlab)
set -eu
bin=$(cd "$1" && pwd)
fail() { echo "lab_test: $*" >&2; exit 1; }

if [ -z "${NETLAB:-}" ]; then
  skip() { echo "skipped: $*"; exit 77; }
  [ "$(id -u)" -eq 0 ] || skip "network namespaces need root"
  for tool in ip unshare ssh-keygen ssh; do
    command -v $tool >/dev/null || skip "$tool is not installed"
  done
  [ -x /usr/sbin/sshd ] || skip "sshd is not installed"
  [ -e /dev/net/tun ] || skip "this kernel has no TUN devices"
  # Node 0 is where the operator sits; the hosts are 1 to 4.
  exec "$bin/netlab" --prefix swisdlab up=100Mbit,down=100Mbit,delay=2ms 3*up=20Mbit,down=40Mbit,delay=5ms,jitter=1ms \
    up=10Mbit,down=10Mbit,delay=20ms,jitter=5ms,loss=0.5% -- sh "$0" "$bin"
fi

umask 077
work=$(mktemp -d)
daemons=
cleanup() {
  for pid in $daemons; do kill "$pid" 2>/dev/null || true; done
  for i in 0 1 2 3 4; do
    for pid in $(ip netns pids swisdlab$i 2>/dev/null); do kill -9 "$pid" 2>/dev/null || true; done
  done
  rm -rf "$work"
}
trap cleanup EXIT INT TERM
mkdir -p /run/sshd "$work/home"
ssh-keygen -q -t ed25519 -N '' -f "$work/id"
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
for i in 1 2 3 4; do
  mkdir "$work/home$i"
  cat >"$work/sshd$i" <<END
ListenAddress 10.77.0.$((i + 1))
HostKey $work/host_key
AuthorizedKeysFile $work/id.pub
StrictModes no
PidFile none
UsePAM no
END
  # A home of its own: what it writes there, the others do not see.
  ip netns exec swisdlab$i unshare --mount \
    sh -c "mount --bind '$work/home$i' '$work/home' && exec /usr/sbin/sshd -D -f '$work/sshd$i'" &
  daemons="$daemons $!"
done
cat >"$work/ssh_config" <<END
Host *
  IdentityFile $work/id
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  LogLevel ERROR
END
head -c 32 /dev/urandom | base64 >"$work/join.key"
cat >"$work/inventory.yml" <<END
swisd: 1
push: $bin/swisd
key-file: join.key
ssh: [-F, $work/ssh_config]
directory: $work/home/lab
hosts:
  one: {ssh: root@10.77.0.2, address: 10.77.0.2}
  two: {ssh: root@10.77.0.3, address: 10.77.0.3}
  three: {ssh: root@10.77.0.4, address: 10.77.0.4}
  four: {ssh: root@10.77.0.5, address: 10.77.0.5}
END
inside() { ip netns exec swisdlab0 "$bin/swisd" "$@"; }
lab() { inside lab "$@"; }

for i in 2 3 4 5; do
  for _ in $(seq 50); do # until it answers
    ! ip netns exec swisdlab0 ssh -F "$work/ssh_config" -o BatchMode=yes root@10.77.0.$i true 2>/dev/null || break
    sleep 0.1
  done
done
lab up "$work/inventory.yml" || fail "up fails"
lab status "$work/inventory.yml" >"$work/status" || fail "status fails"
cat "$work/status"

# Work, and what happens to the hosts meanwhile.
inside classify --data "$work/submitter" --listen 10.77.0.1 --key-file "$work/join.key" --join 10.77.0.2:7117 \
  --join 10.77.0.4:7117 --items 1000 --repeat 2 --check >"$work/answer" 2>"$work/answer.log" &
job=$!
lab fault "$work/inventory.yml" two kill
lab fault "$work/inventory.yml" three silence
echo 'cut 0 4' >"$NETLAB_CONTROL"
lab fault "$work/inventory.yml" two start
lab fault "$work/inventory.yml" three continue
echo 'heal 0 4' >"$NETLAB_CONTROL"
wait $job || { cat "$work/answer.log" >&2; fail "the job failed"; }
tail -4 "$work/answer.log"
[ "$(wc -l <"$work/answer")" -ge 1000 ] || fail "not every image was answered"

lab --out "$work/results" down "$work/inventory.yml" || fail "down fails"
count=$(find "$work/results" -name '*.rec' | wc -l)
[ "$count" -ge 5 ] || fail "not every recording came back: $count"
[ "$(tail -n +2 "$work/results/clocks.csv" | wc -l)" -eq 4 ] || fail "not every clock was compared"
# All clocks are this machine's: what was measured is zero, within what was claimed.
awk -F, 'NR > 1 { off = $2 < 0 ? -$2 : $2; if (off > $3) { print $1 ": " $2 " s off, within " $3 " claimed"; bad = 1 } }
  END { exit bad }' "$work/results/clocks.csv" >&2 || fail "clocks were compared wrongly"
awk '$1 < last { exit 1 } { last = $1 }' "$work/results/timeline.txt" || fail "the timeline goes back"
for host in one two three four; do
  grep -q " $host " "$work/results/timeline.txt" || fail "$host is not in the timeline"
done
[ -z "$(find "$work" -name node.pid)" ] || fail "a node was left behind"
echo "$(wc -l <"$work/results/timeline.txt") lines of timeline from $count recordings"
