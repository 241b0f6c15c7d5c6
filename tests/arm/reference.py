"""Reference counts of executed instructions: what is counted, and the file that holds what it was.

usage: python -m tests.arm.reference PYTHON...       e.g. in each venv of make test-arm, with the emulated Python of it
Counts again, replacing the entries of these processors in instructions.json. Read the diff before you commit it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgeemo.benchmarks.instructions.count import InstructionCounter, Instructions
from edgeemo.edge.common.files import write_json
from edgeemo.edge.inference.interpreter import installed_runtimes

FILE = Path(__file__).with_name("instructions.json")
MODELS = Path(__file__).parents[2] / "models/published"


def subjects() -> list[tuple[str, str, bool]]:
    """Model, runtime, and whether with frames; the emulated Python has the runtimes of the one that runs this."""
    found = [("edge-res-int8", "ai-edge-litert", True), ("edge-res-int8", "tflite-runtime", False)]
    return [subject for subject in found if subject[1] in installed_runtimes()]


def photo(folder: Path) -> Path:
    """A synthetic face in an image of 640x480, as PNG."""
    import cv2

    from edgeemo.train.datasets.synthetic import camera_clip

    path = folder / "photo.png"
    frame: np.ndarray = next(iter(camera_clip(1, seed=2)))[0]
    cv2.imwrite(str(path), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return path


def count(counter: InstructionCounter, subject: tuple[str, str, bool], folder: Path) -> tuple[Instructions, ...]:
    """Count one subject."""
    model, runtime, frames = subject
    images = [photo(folder)] if frames else []
    return counter.count(MODELS / f"{model}.tflite", runtime=runtime, frames=images)


def entry(model: str, found: Instructions) -> dict[str, Any]:
    """What is kept of a count."""
    return {
        "model": model,
        "processor": found.processor,
        "runtime": f"{found.runtime} {found.runtime_version}",
        "packages": found.packages,
        "invoke": found.classes,
        "stages": {name: found.stage(name) for name in found.stages},
    }


def main(pythons: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, InstructionCounter(pythons) as counter:
        new = [entry(subject[0], found) for subject in subjects() for found in count(counter, subject, Path(folder))]
    processors = {row["processor"] for row in new}
    old = json.loads(FILE.read_text()) if FILE.exists() else []
    rows = [row for row in old if row["processor"] not in processors] + new
    write_json(FILE, sorted(rows, key=lambda row: (row["processor"], row["model"], row["runtime"])))


if __name__ == "__main__":
    main(sys.argv[1:])
