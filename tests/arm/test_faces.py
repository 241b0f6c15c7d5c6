"""The device's architecture against this one: the same wheels' versions on both, real faces, the shipped models.

Run by `make test-arm`, whose variable names the emulated interpreter that belongs to the Python that runs this file.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeemo.edge.inference.interpreter import installed_runtimes

HERE = Path(__file__).parent
#: The emotion models that ship; those of the face detector answer other questions.
MODELS = sorted(
    path
    for path in (HERE.parents[1] / "models").rglob("*.tflite")
    if not path.stem.endswith("-float32") and not path.stem.startswith("edgeemo-face")
)
FACES = 200
#: Runtime -> (results on this machine to hold the device against, how far an output may be off).
#: tflite-runtime computes int8 in integers alone: the device's fast kernels must give what the reference kernels give.
#: The fast kernels of x86 are no measure: some of their convolutions are off from the reference by 2.
#: LiteRT's XNNPACK rescales in float32, in an order that depends on the processor.
MEASURES = {"tflite-runtime": ("reference", 0), "ai-edge-litert": ("ai-edge-litert", 1)}

DOCTOR = """
import json
from edgeemo.edge.host.hardware import read_device, read_state
device = read_device()
print(json.dumps({"machine": device.machine, "board": device.board, "governor": read_state().governor}))
"""

EMULATED = os.environ.get("EDGEEMO_ARM_PYTHON", "")
pytestmark = [
    pytest.mark.skipif(not EMULATED, reason="no emulated device is named: run make test-arm"),
    # Emulation is 20 times slower than the machine, which may be busy.
    pytest.mark.timeout(1800),
]


def emulated(*arguments: object) -> str:
    """Standard output of the emulated interpreter; it must end well."""
    process = subprocess.run(
        [EMULATED, *map(str, arguments)], capture_output=True, text=True, timeout=1500, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 faces of FER-2013's test split, spread over all of it, uint8 (200, 48, 48)."""
    archive = os.environ.get("EDGEEMO_FER2013")
    if not archive:
        pytest.skip("EDGEEMO_FER2013 does not name FER-2013's archive.zip")
    path = tmp_path_factory.mktemp("faces") / "faces.npy"
    with zipfile.ZipFile(archive) as images:
        names = sorted(name for name in images.namelist() if name.startswith("test/") and name.endswith(".png"))
        chosen = [names[round(place)] for place in np.linspace(0, len(names) - 1, FACES)]
        np.save(path, [np.asarray(Image.open(io.BytesIO(images.read(name))).convert("L")) for name in chosen])
    return path


@pytest.fixture(scope="session")
def results(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the results of the two machines lie: ``here`` and ``device``."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("here", "device")}
    command = [sys.executable, HERE / "classify.py", faces, folders["here"], *MODELS]
    subprocess.run(command, check=True)
    emulated(HERE / "classify.py", faces, folders["device"], *MODELS)
    return folders


@pytest.mark.parametrize("runtime", [name for name in installed_runtimes() if name in MEASURES])
@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_real_faces_get_the_same_predictions(model: Path, runtime: str, results: dict[str, Path]) -> None:
    measure, lsb = MEASURES[runtime]
    here = dict(np.load(results["here"] / f"{model.stem}-{measure}.npz"))
    device = dict(np.load(results["device"] / f"{model.stem}-{runtime}.npz"))
    assert (str(here["machine"]), str(device["machine"])) == ("x86_64", "aarch64")
    assert (here["runtime"], here["delegate"]) == (device["runtime"], device["delegate"])
    # The largest nets are shown every tenth face.
    shown = len(device["outputs"])
    assert shown in (FACES, FACES // 10)

    assert np.array_equal(here["inputs"], device["inputs"])
    ours, theirs = here["outputs"].astype(int), device["outputs"].astype(int)
    # The faces must tell the labels apart, or equality would say nothing.
    assert len(set(theirs.argmax(axis=1))) >= (5 if shown == FACES else 3)
    off = np.abs(ours - theirs).max(axis=1)
    print(f"{model.stem}, {runtime}: {(off == 0).sum()} of {shown} identical to {measure}, at most {off.max()} LSB off")
    assert off.max() <= lsb
    assert np.array_equal(ours.argmax(axis=1), theirs.argmax(axis=1))


def test_the_device_is_a_pi() -> None:
    document = json.loads(emulated("-c", DOCTOR))
    assert document["machine"] == "aarch64"
    assert document["board"].startswith("Raspberry Pi ")
    assert document["governor"] == "ondemand"


def test_the_command_finds_the_same_face(tmp_path: Path) -> None:
    """Decoding, detection, cropping and resizing on the way: the whole command, as a process of its own."""
    import cv2

    from edgeemo.train.datasets.synthetic import camera_clip

    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), cv2.cvtColor(next(iter(camera_clip(1, seed=2)))[0], cv2.COLOR_RGB2BGR))
    arguments = ["-m", "edgeemo", "predict", str(MODELS[0]), str(photo), "--json"]
    there = _face(emulated(*arguments))
    process = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    here = _face(process.stdout)
    assert there["label"] == here["label"]
    assert there["probabilities"] == pytest.approx(here["probabilities"], abs=0.05)
    assert there["box"] == pytest.approx(here["box"], abs=4)


def test_run_gives_the_same_labels(faces: Path, tmp_path: Path) -> None:
    """``edgeemo run`` over a folder: its own loop and thread, as a process of its own."""
    for number, face in enumerate(np.load(faces)[:20]):
        Image.fromarray(face).save(tmp_path / f"{number:02d}.png")
    arguments = ["-m", "edgeemo", "run", str(MODELS[0]), "--source", str(tmp_path), "--detector", "none"]
    process = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    here, there = _labels(process.stdout), _labels(emulated(*arguments))
    assert len(here) == 20
    assert there == here


def _labels(lines: str) -> list[str]:
    events = [json.loads(line) for line in lines.splitlines()]
    return [face["label"] for event in events for face in event.get("faces", [])]


def _face(document: str) -> dict[str, Any]:
    (face,) = json.loads(document)["images"][0]["faces"]
    assert isinstance(face, dict)
    return face
