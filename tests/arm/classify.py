"""Classify faces and keep everything between image and probability. Runs here and on the emulated device alike.

usage: classify.py FACES.npy FOLDER MODEL...
Writes FOLDER/<model>-<runtime>.npz for every model and every runtime that is installed; for tflite-runtime also
<model>-reference.npz, by its reference kernels.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import numpy as np

from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.inference.interpreter import Session, installed_runtimes, runtime_version
from edgeemo.edge.model.card import read_card
from edgeemo.edge.tflite.graph import read_graph

#: Above so many multiply-accumulates a model gets every tenth face: an emulated second of a large net is a minute.
LARGE = 50_000_000


def main(faces: str, folder: str, *models: str) -> None:
    everything = np.load(faces)
    for runtime in installed_runtimes():
        for model in map(Path, models):
            images = everything[::10] if read_graph(model.read_bytes(), str(model)).macs > LARGE else everything
            write(Path(folder) / f"{model.stem}-{runtime}.npz", images, Classifier.open(model, runtime=runtime))
            # The slow kernels are for comparison on the fast machine only.
            if runtime == "tflite-runtime" and platform.machine() == "x86_64":
                write(Path(folder) / f"{model.stem}-reference.npz", images, by_reference(model))


def by_reference(model: Path) -> Classifier:
    """The classifier on tflite-runtime's reference kernels: plain C++, the definition of what an operator gives."""
    from tflite_runtime.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(model_path=str(model), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    card = read_card(model)
    assert card is not None
    return Classifier(card, Session(interpreter, "tflite-runtime", str(model)))


def write(path: Path, images: np.ndarray, classifier: Classifier) -> None:
    """Classify, and keep the tensors and what made them."""
    inputs = [classifier.encode(image) for image in images]
    np.savez(
        path,
        inputs=np.concatenate(inputs),
        outputs=np.concatenate([classifier.session.invoke(tensor) for tensor in inputs]),
        machine=platform.machine(),
        runtime=f"{classifier.session.runtime} {runtime_version(classifier.session.runtime)}",
        delegate=classifier.session.delegate,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
