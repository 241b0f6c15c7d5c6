#!/bin/sh
# usage: install.sh [--prefix DIR] [--python PYTHON]
# Installs this bundle as the service edgeemo, or brings an installed one up to date. Run it as often as you like: what is
# there already is kept, the configuration always; a release that does not work leaves the one before in place.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix="" python=python3
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=${2%/}; shift 2 ;;
    --python) python=$2; shift 2 ;;
    *) echo "error: install.sh does not know $1" >&2; exit 2 ;;
  esac
done
say() { echo "edgeemo: $*"; }
fail() { echo "error: $*" >&2; exit 1; }
case $prefix in
  "") ;;
  *[!A-Za-z0-9._/-]*) fail "--prefix takes letters, digits, . _ - and / only; got $prefix" ;;
  /*) ;;
  *) fail "--prefix must be an absolute path; got $prefix" ;;
esac

(cd "$here" && sha256sum --quiet -c SHA256SUMS) >/dev/null 2>&1 || fail "the bundle is damaged; copy it again"
if [ -z "$prefix" ] && [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || fail "root rights are needed, and there is no sudo; log in as root, or install sudo"
  sudo -n true 2>/dev/null || fail "root rights are needed, and sudo asks for a password; allow this user sudo without one"
  exec sudo -n sh "$here/install.sh" --python "$python"
fi
command -v "$python" >/dev/null || fail "$python is not there; install Python 3.10 or later: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  fail "$("$python" --version) is too old; edgeemo needs Python 3.10 or later (Debian 12)"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
  fail "python3-venv is missing; install it: sudo apt-get install python3-venv"

base=$prefix/opt/edgeemo config=$prefix/etc/edgeemo unit=$prefix/etc/systemd/system/edgeemo.service
mkdir -p "$base/releases" "$config" "$(dirname "$unit")" || fail "$prefix/ cannot be written"
release=$base/releases/$(sha256sum "$here/SHA256SUMS" | cut -c 1-12)
before=$(readlink "$base/current" 2>/dev/null || true)

if [ -e "$release/.complete" ]; then
  say "this release is there already"
else
  rm -rf "$release"
  trap 'rm -rf "$release"' EXIT
  say "building the virtual environment (minutes on a small board)"
  # picamera2 comes from the system's packages only.
  site=""
  if [ -d /usr/lib/python3/dist-packages/picamera2 ]; then site=--system-site-packages; fi
  # shellcheck disable=SC2086
  "$python" -m venv $site "$release/venv" || fail "the virtual environment cannot be made"
  pip() { "$release/venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
  extras=$(cat "$here/extras")
  pip install "$(ls "$here"/edgeemo-*.whl)$extras" || fail "the packages cannot be installed; is there a network to PyPI?"
  if ! "$release/venv/bin/python" -c 'import cv2' 2>/dev/null; then
    version=$(pip list --format=freeze | sed -n 's/^opencv-python==//p')
    say "no libGL on this machine: taking opencv-python-headless"
    { pip uninstall -y opencv-python && pip install "opencv-python-headless==$version"; } || fail "OpenCV cannot be installed"
  fi
  cp "$here/model.tflite" "$here/uninstall.sh" "$release/"
  "$release/venv/bin/python" - "$release/model.tflite" <<'CHECK' || fail "the new release does not work here; nothing was changed"
import sys
from edgeemo.edge.inference.classifier import Classifier
Classifier.open(sys.argv[1])
CHECK
  : >"$release/.complete"
  trap - EXIT
fi

# For root alone: a camera's address may hold its password, and the service manager reads the file as root.
umask_before=$(umask)
umask 077
if [ ! -e "$config/edgeemo.env" ]; then
  cp "$here/edgeemo.env" "$config/edgeemo.env"
elif ! cmp -s "$here/edgeemo.env" "$config/edgeemo.env"; then
  cp "$here/edgeemo.env" "$config/edgeemo.env.new"
  say "your configuration was kept; the bundle's is beside it: $config/edgeemo.env.new"
fi
umask "$umask_before"
sed "s|@ROOT@|$prefix|g" "$here/edgeemo.service" >"$unit.new" && mv "$unit.new" "$unit"
switch() { ln -sfn "$1" "$base/.next" && mv -T "$base/.next" "$base/current"; }
switch "$release"

if [ -z "$prefix" ]; then
  id edgeemo >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin edgeemo
  usermod -a -G video edgeemo
fi
# Below a prefix the system's own services are left alone, unless a program is named that stands for systemctl.
systemctl=${EDGEEMO_SYSTEMCTL-}
if [ -z "$prefix" ] && [ -d /run/systemd/system ]; then systemctl=${EDGEEMO_SYSTEMCTL-systemctl}; fi
if [ -z "$systemctl" ]; then
  say "systemd is not running here: installed, but not started"
else
  "$systemctl" daemon-reload
  "$systemctl" enable --quiet edgeemo.service
  # With Type=notify this waits until the model is loaded and frames, or the camera, are awaited.
  if ! "$systemctl" restart edgeemo.service; then
    if [ -n "$before" ] && [ "$before" != "$release" ]; then
      switch "$before"
      "$systemctl" restart edgeemo.service || true
      fail "the new release does not start; the one before runs again (journalctl -u edgeemo says why)"
    fi
    fail "the service does not start (journalctl -u edgeemo says why)"
  fi
  say "the service runs: journalctl -u edgeemo -f"
fi

# The release before stays, to go back to; older ones go.
for old in "$base"/releases/*; do
  if [ "$old" != "$release" ] && [ "$old" != "$before" ]; then rm -rf "$old"; fi
done
say "installed in $base; configuration: $config/edgeemo.env"
