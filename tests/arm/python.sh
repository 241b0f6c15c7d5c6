#!/bin/sh
# usage: python.sh FOLDER PYTHON CPU ARGUMENTS...       e.g. python.sh .arm 3.11 cortex-a72 -c 'import edgeemo'
# The emulated interpreter: CPython of FOLDER/sysroot-PYTHON on an emulated CPU, with the wheels of FOLDER/site-PYTHON
# and the package of FOLDER/package.
set -eu
folder=$(cd "$1" && pwd) python=$2 cpu=$3
shift 3
# Byte code goes to a place of its own: a second run is quick, and the checkout stays clean.
PYTHONPATH="$folder/site-$python:$folder/package" PYTHONPYCACHEPREFIX="$folder/pycache" \
  exec qemu-aarch64 -L "$folder/sysroot-$python" -cpu "$cpu" "$folder/sysroot-$python/usr/bin/python$python" "$@"
