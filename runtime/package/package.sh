#!/bin/sh
# Builds the packages of a device: a Debian package and a tarball with one static program for machines without root.
# usage: package.sh ARCH [--test]      ARCH: this machine's Debian architecture, arm64 or armhf; --test: run its tests, by
#                                      qemu-user where the architecture is another. What is made lies in build/package-ARCH.
set -eu
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] || { sed -n '3,4p' runtime/package/package.sh >&2; exit 2; }
arch=$1
out=$PWD/build/package-$arch
native=$(dpkg --print-architecture)
say() { printf 'package: %s\n' "$*" >&2; }

tests=$([ "${2:-}" = --test ] && echo ON || echo OFF)
set -- -DCMAKE_BUILD_TYPE=Release -DSWISD_WERROR=ON -DCMAKE_SKIP_INSTALL_ALL_DEPENDENCY=ON -DBUILD_TESTING="$tests"
case $arch in
"$native") ;;
arm64 | armhf)
  runtime/package/sysroot.sh "$arch" "build/sysroot-$arch"
  set -- "$@" -DCMAKE_TOOLCHAIN_FILE="$PWD/runtime/package/toolchain.cmake" -DSWISD_CROSS="$arch" \
    -DSWISD_SYSROOT="$PWD/build/sysroot-$arch"
  ;;
*)
  say "no such architecture: $arch; allowed: $native, arm64, armhf"
  exit 2
  ;;
esac

mkdir -p build
jobs=$(nproc)
say "the Debian package for $arch"
cmake -S . -B "$out" "$@" -DCMAKE_INSTALL_PREFIX=/usr >"$out.log"
cmake --build "$out" -j "$jobs" --target swisd >>"$out.log"
rm -rf "$out/packages"
(cd "$out" && cpack -G DEB >>"$out.log")

say "the tarball for $arch"
cmake -S . -B "$out/static" "$@" -DBUILD_TESTING=OFF -DSWISD_STATIC=ON >>"$out.log"
cmake --build "$out/static" -j "$jobs" --target swisd >>"$out.log" 2>&1
(cd "$out/static" && cpack -G TGZ -B "$out/packages" >>"$out.log")
ls -l "$out"/packages/*.deb "$out"/packages/*.tar.gz

[ "$tests" = ON ] || exit 0
say "the tests of $arch"
cmake --build "$out" -j "$jobs" >>"$out.log"
cd "$out"
exec ctest -j "$jobs" -LE '^full$' --output-on-failure
