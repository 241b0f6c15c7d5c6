#!/bin/sh
# usage: wheels.sh VENV PYTHON FOLDER       e.g. wheels.sh .venv-classic 3.11 .arm/site-3.11
# What is installed in VENV, to the version, as aarch64 wheels for another Python, unpacked into FOLDER.
set -eu
venv=$1 python=$2 folder=$3
platforms="--platform manylinux2014_aarch64"
for glibc in 17 24 26 27 28 31 34 35 36; do platforms="$platforms --platform manylinux_2_${glibc}_aarch64"; done

new=$(dirname "$folder")/.new-$(basename "$folder")
rm -rf "$new"
"$venv/bin/pip" freeze --exclude edgeemo --exclude pip --exclude setuptools --exclude wheel |
  sed 's/^opencv-python==/opencv-python-headless==/' >"$new.txt"
# shellcheck disable=SC2086
"$venv/bin/pip" install --disable-pip-version-check --root-user-action ignore -q --no-deps --no-compile \
  --only-binary :all: $platforms --implementation cp --python-version "$python" \
  --abi "cp$(echo "$python" | tr -d .)" --abi abi3 --abi none --target "$new" -r "$new.txt"
rm -rf "$folder" "$new.txt"
mv "$new" "$folder"
