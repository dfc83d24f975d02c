#!/bin/sh
# Makes a sysroot of Debian packages for another architecture, without touching this system: the closure of what a device's
# build and its tests need, unpacked into a directory.
# usage: sysroot.sh ARCH DIR       ARCH: arm64, armhf, amd64 (a Debian architecture)
set -eu
[ $# -eq 2 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
arch=$1
mkdir -p "$2"
root=$(cd "$2" && pwd)
packages='libc6-dev libgcc-12-dev libevent-dev libmsgpack-dev libyaml-dev libjansson-dev zlib1g-dev libssl-dev libopenblas-dev
libcmocka-dev'

if [ -e "$root/.complete" ] && [ "$(cat "$root/.complete")" = "$packages" ]; then
  exit 0
fi

# apt's own state, for this architecture and an empty system, beside the sysroot; sources and keys are this system's.
state=$root.apt
mkdir -p "$state/lists/partial" "$state/archives/partial"
: >"$state/status"
apt() {
  apt-get -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State="$state" \
    -o Dir::State::status="$state/status" \
    -o Dir::State::lists="$state/lists" -o Dir::Cache="$state" -o Dir::Cache::archives="$state/archives" \
    -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Debug::NoLocking=1 "$@"
}
# A mirror may lack an index of this architecture; what is missing then is seen below.
apt update || echo 'sysroot.sh: going on without some package lists' >&2
# shellcheck disable=SC2086  # one word per package
apt install --download-only -y $packages >"$state/log" 2>&1 || { cat "$state/log" >&2; exit 1; }

for deb in "$state"/archives/*.deb; do
  dpkg-deb -x "$deb" "$root"
done
# Links that start at / would leave the sysroot.
find "$root" -lname '/*' | while IFS= read -r link; do
  ln -sfn "$root$(readlink "$link")" "$link"
done
# What Debian's update-alternatives would link.
for library in "$root"/usr/lib/*/openblas-pthread/libopenblas.so.0; do
  ln -sf openblas-pthread/libopenblas.so.0 "${library%/openblas-pthread/*}/libopenblas.so.0"
done
rm -rf "$state"
printf '%s' "$packages" >"$root/.complete"
