#!/bin/sh
# The Debian package in a bare Debian (debootstrap, so root and a mirror are needed): what it pulls in, that it works, an upgrade
# over a running node, removal; and the tarball on the same bare system before anything is installed.
# usage: package_test.sh SOURCE-DIRECTORY
set -eu
cd "$1"
skip() { echo "skipped: $*"; exit 77; }
fail() { echo "package_test: $*" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || skip "only root can make a bare Debian to install in"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
arch=$(dpkg --print-architecture)
packages=build/package-$arch/packages
runtime/package/package.sh "$arch" >/dev/null
deb=$(ls "$packages"/swisd_*_"$arch".deb)
bytes=$(stat -c %s "$deb")
echo "size of the package: $bytes bytes"
[ "$bytes" -le $((2 * 1024 * 1024)) ] || fail "more than 2 MiB"

root=$(mktemp -d)
node=
cleanup() {
  [ -z "$node" ] || kill -9 "$node" 2>/dev/null || true
  umount "$root/proc" 2>/dev/null || true
  rm -rf "$root"
}
trap cleanup EXIT INT TERM
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
[ -n "$mirror" ] || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' /etc/apt/sources.list | head -1)
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
debootstrap --variant=minbase "$release" "$root" "$mirror" >"$packages/debootstrap.log" 2>&1 ||
  { tail -5 "$packages/debootstrap.log" >&2; fail "debootstrap of $release failed"; }
mount -t proc proc "$root/proc"
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root "$@"; }

# The tarball first: nothing of ours is installed yet.
tar -xzf "$packages"/swisd-*.tar.gz -C "$root/opt"
tarball=$(cd "$root" && ls -d opt/swisd-*)
inside "/$tarball/bin/swisd" version >/dev/null || fail "the program of the tarball does not start"
inside "/$tarball/bin/swisd" bench --help >/dev/null || fail "the program of the tarball does not run"

before=$(inside dpkg-query -f '.\n' -W | wc -l)
cp "$deb" "$root/tmp/swisd.deb"
inside apt-get -qq update >/dev/null
inside apt-get -qq -y install /tmp/swisd.deb >"$packages/install.log" 2>&1 ||
  { tail -5 "$packages/install.log" >&2; fail "not installed"; }
pulled=$(($(inside dpkg-query -f '.\n' -W | wc -l) - before - 1))
echo "packages pulled in: $pulled"
[ "$pulled" -le 10 ] || fail "more than 10 packages"
inside swisd version
inside sh -c 'ldd /usr/bin/swisd' | grep 'not found' && fail "a library is missing"

# A node that runs, an upgrade under it: it goes on, and its successor starts from the same data, as the same node.
start() {
  chroot "$root" swisd node --data /var/lib/swisd-test >"$root/tmp/node.log" 2>&1 &
  node=$!
  for _ in $(seq 100); do
    ! inside swisd status --data /var/lib/swisd-test --json >"$root/tmp/status" 2>/dev/null || return 0
    kill -0 "$node" 2>/dev/null || break
    sleep 0.1
  done
  cat "$root/tmp/node.log" >&2
  fail "the node does not answer"
}
id_of() { sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' "$root/tmp/status" | head -1; }
start
first=$(id_of)
[ -n "$first" ] || fail "the status names no node"
(cd "build/package-$arch" && cpack -G DEB -B upgrade -D CPACK_PACKAGE_VERSION=0.1.1 >/dev/null)
cp "build/package-$arch"/upgrade/swisd_0.1.1_*.deb "$root/tmp/next.deb"
inside apt-get -qq -y install /tmp/next.deb >"$packages/upgrade.log" 2>&1 || fail "the upgrade fails: see $packages/upgrade.log"
inside swisd status --data /var/lib/swisd-test >/dev/null || fail "the running node did not survive the upgrade"
kill -TERM "$node"
wait "$node" || fail "SIGTERM: exit status $?"
start
[ "$(id_of)" = "$first" ] || fail "the node has become another by the upgrade"
kill -TERM "$node"
wait "$node" || fail "SIGTERM: exit status $?"
node=

inside apt-get -qq -y remove swisd >/dev/null 2>&1 || fail "it cannot be removed"
left=$(cd "$root" && find usr etc -path '*swisd*' ! -path 'usr/share/swisd-*' | head)
[ -z "$left" ] || fail "left after removal: $left"
[ -d "$root/var/lib/swisd-test" ] || fail "the data went with the package"
echo "installed, upgraded under a running node, removed"
