#!/bin/sh
# usage: uninstall.sh [--prefix DIR] [--purge]
# Takes the service edgeemo off this machine; its configuration stays unless --purge is given.
set -eu
prefix="" purge=""
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=${2%/}; shift 2 ;;
    --purge) purge=yes; shift ;;
    *) echo "error: uninstall.sh does not know $1" >&2; exit 2 ;;
  esac
done
if [ -z "$prefix" ] && [ "$(id -u)" != 0 ]; then
  echo "error: root rights are needed; run it with sudo" >&2
  exit 1
fi
unit=$prefix/etc/systemd/system/edgeemo.service
systemctl=${EDGEEMO_SYSTEMCTL-}
if [ -z "$prefix" ] && [ -d /run/systemd/system ]; then systemctl=${EDGEEMO_SYSTEMCTL-systemctl}; fi
if [ -n "$systemctl" ] && [ -e "$unit" ]; then "$systemctl" disable --quiet --now edgeemo.service; fi
rm -f "$unit"
if [ -n "$systemctl" ]; then "$systemctl" daemon-reload; fi
rm -rf "$prefix/opt/edgeemo"
if [ -n "$purge" ]; then
  rm -rf "$prefix/etc/edgeemo"
  if [ -z "$prefix" ]; then
    rm -rf /var/lib/edgeemo
    userdel edgeemo 2>/dev/null || true
  fi
  echo "edgeemo: removed"
elif [ -d "$prefix/etc/edgeemo" ]; then
  echo "edgeemo: removed; the configuration stays in $prefix/etc/edgeemo (--purge takes it too)"
fi
