#!/bin/sh
# Builds the packages of another architecture and runs its tests under qemu-user.
# usage: package_cross.sh SOURCE-DIRECTORY ARCH
set -eu
cd "$1"
arch=$2
case $arch in
arm64) compiler=aarch64-linux-gnu-gcc emulator=qemu-aarch64 ;;
armhf) compiler=arm-linux-gnueabihf-gcc emulator=qemu-arm ;;
*) echo "package_cross: $arch: allowed: arm64, armhf" >&2; exit 2 ;;
esac
for tool in $compiler $emulator dpkg-deb; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
runtime/package/package.sh "$arch" --test
bytes=$(stat -c %s build/package-"$arch"/packages/swisd_*_"$arch".deb)
echo "size of the package: $bytes bytes"
[ "$bytes" -le $((2 * 1024 * 1024)) ] || { echo "package_cross: more than 2 MiB" >&2; exit 1; }
