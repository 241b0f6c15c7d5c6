"""Classify faces and keep everything between picture and probability. Runs here and on the emulated device alike.

usage: classify.py FACES.npy FOLDER MODEL...
Writes FOLDER/<model>-<runtime>.npz for every model and every runtime that is installed.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import numpy as np

from edgeemo.edge.classifier import Classifier
from edgeemo.edge.runtime import installed, version


def main(faces: str, folder: str, *models: str) -> None:
    pictures = np.load(faces)
    for runtime in installed():
        for model in map(Path, models):
            classifier = Classifier.open(model, runtime=runtime)
            inputs = [classifier.encode(picture) for picture in pictures]
            np.savez(
                Path(folder) / f"{model.stem}-{runtime}.npz",
                inputs=np.concatenate(inputs),
                outputs=np.concatenate([classifier.session.invoke(tensor) for tensor in inputs]),
                machine=platform.machine(),
                runtime=f"{runtime} {version(runtime)}",
                delegate=classifier.session.delegate,
                python=platform.python_version(),
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
