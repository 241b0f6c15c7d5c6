"""What tests in several folders share: two small real models, and a drawn clip with the truth about every frame."""

from __future__ import annotations

import io
import re
import signal
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError

MODELS = Path(__file__).parent / "models"

# A shell that starts something in the background lets it ignore Ctrl-C, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def raises(kind: type[EdgeemoError], **patterns: str) -> Iterator[pytest.ExceptionInfo[EdgeemoError]]:
    """Expect an error whose fields (problem, expected, got, hint) contain these regular expressions."""
    with pytest.raises(kind) as caught:
        yield caught
    fields = vars(caught.value)
    assert patterns
    assert not [name for name, pattern in patterns.items() if not re.search(pattern, fields[name] or "")], fields


@pytest.fixture(scope="session")
def tiny_int8() -> Path:
    """A 48x48 gray model, int8 throughout, with its card; made by tests/models/make_tiny.py."""
    return MODELS / "tiny_int8.tflite"


@pytest.fixture(scope="session")
def tiny_float() -> Path:
    """The same model in float32."""
    return MODELS / "tiny_float.tflite"


@pytest.fixture(scope="session")
def clip() -> list[tuple[np.ndarray, Any]]:
    """70 frames of 640x480 RGB with their truth; the emotion changes every 10 frames, so that each is shown once."""
    from edgeemo.train.datasets.synthetic import camera_clip

    return list(camera_clip(70, seed=1, hold=10))


@pytest.fixture(scope="session")
def clip_avi(clip: list[tuple[np.ndarray, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 30 frames of the clip as a video file, 25 frames/s."""
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (640, 480))
    for frame, _ in clip[:30]:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


@pytest.fixture(scope="session")
def faces_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic faces of 24x24 pixels, 2,500 to train and 700 to test, as a zip of class folders: quick to reread."""
    from PIL import Image

    from edgeemo.train.datasets.registry import read_dataset

    dataset = read_dataset("synthetic:train=2500,test=700,size=24")
    path = tmp_path_factory.mktemp("faces") / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index, (sample, pixels) in enumerate(zip(dataset.samples, dataset.images, strict=True)):
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "PNG")
            archive.writestr(f"{sample.split}/{dataset.labels[sample.label]}/{index:04d}.png", stream.getvalue())
    return path


@pytest.fixture(scope="session")
def measured_zip(faces_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 700 test faces alone, under the same name: a fifth of the time to read."""
    path = tmp_path_factory.mktemp("measured") / faces_zip.name
    with zipfile.ZipFile(faces_zip) as source, zipfile.ZipFile(path, "w") as archive:
        for name in source.namelist():
            if name.startswith("test/"):
                archive.writestr(name, source.read(name))
    return path


@pytest.fixture(scope="session")
def two_faces_zip(faces_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The happy and the surprised of these faces: about 710 to train and 200 to test."""
    path = tmp_path_factory.mktemp("two") / "two.zip"
    with zipfile.ZipFile(faces_zip) as source, zipfile.ZipFile(path, "w") as archive:
        for name in source.namelist():
            if name.split("/")[1] in ("happy", "surprise"):
                archive.writestr(name, source.read(name))
    return path


@pytest.fixture(scope="session")
def trained_run(faces_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run: a small residual net that is right three times as often as chance."""
    from edgeemo.train.config.recipe import load_recipe
    from edgeemo.train.fit.loop import train
    from edgeemo.train.fit.run import Run, Settings

    overrides = ["input.height=24", "input.width=24", "schedule.epochs=10", "schedule.batch=32", "qat.epochs=1"]
    overrides += ["architecture.stem=[8,16]", "architecture.widths=[16,32]", "architecture.strides=[1,2]"]
    overrides += ["optimizer.name=adam", "optimizer.learning_rate=4e-3", "loss.label_smoothing=0.0"]
    run = Run.create(
        tmp_path_factory.mktemp("trained"), load_recipe("demo", overrides), Settings(str(faces_zip), seed=1)
    )
    train(run, run.settings.training_data(run.recipe), quiet=True)
    return run.folder


class Conversions(dict[str, Path]):
    """Method -> .tflite of a run; made when it is first asked for."""

    def __init__(self, run: Path, folder: Path) -> None:
        super().__init__()
        self._run, self._folder = run, folder

    def __missing__(self, method: str) -> Path:
        from edgeemo.optimize.data_splits import run_splits
        from edgeemo.optimize.options import QuantizeOptions
        from edgeemo.optimize.quantize import quantize
        from edgeemo.train.fit.run import Run

        run, path = Run.open(self._run), self._folder / f"{method}.tflite"
        quantize(run, method, path, QuantizeOptions(200), data=run_splits(run), quiet=True)
        self[method] = path
        return path


@pytest.fixture(scope="session")
def converted(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Method -> .tflite of the trained run, by any method that there is."""
    return Conversions(trained_run, tmp_path_factory.mktemp("converted"))
