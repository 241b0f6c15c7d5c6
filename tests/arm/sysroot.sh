#!/bin/sh
# usage: sysroot.sh SUITE PYTHON FOLDER        e.g. sysroot.sh bookworm 3.11 .arm/sysroot-3.11
# The arm64 files of a Debian release with CPython, unpacked into FOLDER for qemu-user's -L. Needs neither root rights nor
# binfmt, and leaves this machine's own dpkg alone: apt gets lists, a status and a cache of its own.
set -eu
suite=$1 python=$2 folder=$3

fail() { echo "sysroot.sh: $*" >&2; exit 1; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "needs Debian's apt-get and dpkg-deb"

# The mirror that this machine uses itself, unless told otherwise.
mirror=${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v '^ *#' |
  grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1)}
[ -n "$mirror" ] || fail "no Debian mirror in /etc/apt; name one in DEBIAN_MIRROR"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keys" ] || fail "$keys is missing: apt-get install debian-archive-keyring"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/sources.d"
: >"$work/status"
echo "deb [arch=arm64 signed-by=$keys] $mirror $suite main" >"$work/sources.list"
apt() {
  apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Install-Recommends=false \
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=3 -o Debug::NoLocking=1 \
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/sources.d" \
    -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" "$@"
}
apt update
apt --yes --download-only install "python$python-minimal" "libpython$python-stdlib" libstdc++6 libgcc-s1 >/dev/null

new=$(dirname "$folder")/.new-$(basename "$folder")
rm -rf "$new"
# /bin and /lib are links in these releases; packages that still carry them as folders must land behind the links.
mkdir -p "$new/usr/bin" "$new/usr/lib" "$new/usr/sbin"
for name in bin lib sbin; do ln -s "usr/$name" "$new/$name"; done
for package in "$work"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$new" --keep-directory-symlink --no-same-owner \
    --exclude ./usr/share --exclude ./var --exclude ./etc
done
[ -x "$new/usr/bin/python$python" ] || fail "no python$python came out of $suite"
rm -rf "$folder"
mv "$new" "$folder"
echo "$suite: $(ls "$work"/cache/archives/*.deb | wc -l) packages, $(du -sm "$folder" | cut -f 1) MB in $folder"
