#!/usr/bin/env bash
# Measures every model side by side and writes docs/benchmark-report.md with its images: `make report`.
#
#   EDGEEMO_FER2013     archive.zip of FER-2013, with leaks.csv beside it (needed)
#   EDGEEMO_PEERS       folder with the third-party models that docs/third-party describes (left out without it)
#   RUNS                run folders whose .tflite files take part beside models/published
#   WORK                where converted models and records are kept between calls [.report]
#   EDGEEMO_ARM_PYTHON  emulated interpreters, separated by ":", to count instructions [those of make arm; empty: none]
#   OPTIONS             more options for the benchmark, as --limit 500 for a quick look
#   EDGEEMO             the command [edgeemo]
set -euo pipefail
cd "$(dirname "$0")/.."
edgeemo=${EDGEEMO:-edgeemo} work=${WORK:-.report} data=${EDGEEMO_FER2013:?is the path of archive.zip}
leaks=$(dirname "$data")/leaks.csv
mkdir -p "$work/third-party"
if [ -z "${EDGEEMO_ARM_PYTHON+set}" ]; then
  for python in "$PWD"/.arm/bin/python3.*; do
    [ -x "$python" ] && export EDGEEMO_ARM_PYTHON="${EDGEEMO_ARM_PYTHON:+$EDGEEMO_ARM_PYTHON:}$python"
  done
fi

# Ours: what ships, then what the runs add to it.
models=(models/*.tflite models/published/*-int8.tflite models/published/*-float32.tflite)
ours=()
for run in ${RUNS:-}; do
  for model in "$run"/*-float32.tflite "$run"/*-int8.tflite "$run"/*-qat.tflite; do
    name=$(basename "$model" .tflite)
    # Our own family ships in int8, under its bare name, and is profiled beside its float form.
    if [ -e "models/${name%-int8}.tflite" ]; then
      float=${model%-int8.tflite}-float32.tflite
      if [ -e "$float" ]; then ours+=("models/${name%-int8}.tflite" "$float"); fi
    elif [ -e "$model" ] && [ ! -e "models/published/$name.tflite" ]; then
      models+=("$model")
    fi
  done
done

# Third-party models: converted once, by cards with the preprocessing of their authors.
for card in docs/third-party/*.card.json; do
  name=$(basename "$card" .card.json)
  source=$(ls "${EDGEEMO_PEERS:-/nonexistent}/$name".* 2>/dev/null | head -1 || true)
  case "$source" in
    *.hdf5)
      for method in float32 int8; do
        model="$work/third-party/$name-$method.tflite"
        [ -e "$model" ] || $edgeemo quantize "$source" --card "$card" --data "$data" --method $method --out "$model"
        models+=("$model")
      done ;;
    *.tflite)
      cp --no-preserve=mode "$source" "$work/third-party/"
      $edgeemo models card "$work/third-party/$name.tflite" --card "$card" --force >/dev/null
      models+=("$work/third-party/$name.tflite") ;;
    *) echo "left out: $name (EDGEEMO_PEERS does not lead to it)" >&2 ;;
  esac
done

$edgeemo benchmark "${models[@]}" --data "$data" --split test --exclude "$leaks" --queries 700 --offline --ceiling \
  ${EDGEEMO_ARM_PYTHON:+--instructions} ${OPTIONS:-} --out "$work/records" --force
# In float too: compared operator by operator, the two show where int8 gains.
profiled=(models/published/edge-res-{int8,float32}.tflite "${ours[@]}")
for model in "$work"/third-party/*mini_XCEPTION.102*-{int8,float32}.tflite; do [ -e "$model" ] && profiled+=("$model"); done
$edgeemo benchmark profile "${profiled[@]}" --seconds "${PROFILE_SECONDS:-15}" --out "$work/profiles.jsonl" --force
$edgeemo benchmark report "$work/records/records.jsonl" --profiles "$work/profiles.jsonl" \
  --title "All models side by side" --out docs/benchmark-report.md --force --introduction \
  "Made by make report, from records alone. Accuracy: FER-2013 PublicTest without the images that also stand, pixel \
for pixel, in another split, because third-party models were trained on those; all models see the same faces. \
Third-party models are fed as their authors do, and named below the table.${OPTIONS:+ This one is a quick look: $OPTIONS.}"
