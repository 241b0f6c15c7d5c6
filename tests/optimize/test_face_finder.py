"""A finder to a .tflite: moved scores, int8 close to float, and recall compared pairwise."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from edgeemo.edge.faces.finder import CHECK, FIND, FaceCheck, FaceFinder, FaceSearch, FinderSettings
from edgeemo.edge.faces.heatmaps import Hit
from edgeemo.edge.inference.interpreter import load
from edgeemo.edge.model.card import ModelCard, write_model
from edgeemo.edge.vision.preprocess import InputSpec, normalize
from edgeemo.optimize.face_finder import compare_recall, shift_check, shift_finder, to_file
from edgeemo.train.architectures import FACE_NETWORKS, build
from edgeemo.train.backend import set_seed
from edgeemo.train.datasets.boxes import BoxedImage, Region
from edgeemo.train.evaluation.faces import ImageOutcome, outcome

SPEC, CROP = InputSpec(96, 128, "gray", "symmetric"), InputSpec(48, 48, "gray", "symmetric")
LABELS = ("background", "face")


def images(spec: InputSpec, n: int = 12) -> np.ndarray:
    """Smooth random images: uint8 (n, height, width, 1)."""
    import cv2

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (n, 12, 12), dtype=np.uint8)
    return np.stack([cv2.resize(image, (spec.width, spec.height), interpolation=cv2.INTER_CUBIC) for image in coarse])[
        ..., None
    ]


def test_scores_are_moved_and_nothing_else() -> None:
    set_seed(0)
    finder, check = (
        build("face-finder", SPEC, 4, registry=FACE_NETWORKS),
        build("face-check", CROP, 2, registry=FACE_NETWORKS),
    )
    scenes, crops = normalize(images(SPEC), SPEC), normalize(images(CROP), CROP)
    before = finder.predict(scenes, verbose=0), check.predict(crops, verbose=0)
    shift_finder(finder, 1.5)
    shift_check(check, -0.5)
    after = finder.predict(scenes, verbose=0), check.predict(crops, verbose=0)
    assert np.allclose(after[0] - before[0], [-1.5, 0, 0, 0], atol=1e-4)
    assert np.allclose(after[1] - before[1], [0.5, 0], atol=1e-4)


@pytest.mark.parametrize("method", ["float32", "int8"])
def test_the_device_takes_what_is_converted(method: str, tmp_path) -> None:
    set_seed(1)
    for name, spec, outputs, task in (("face-finder", SPEC, 4, FIND), ("face-check", CROP, 2, CHECK)):
        model = build(name, spec, outputs, registry=FACE_NETWORKS)
        card = ModelCard("x", LABELS, spec, task=task)
        calibration = images(spec) if method == "int8" else None
        flatbuffer, told = to_file(model, card, calibration)
        assert told.quantization.method == method
        path = tmp_path / f"{name}.tflite"
        write_model(path, flatbuffer, told)
        session = load(path)
        pixels = images(spec)[3]
        given = session.output.decode(session.invoke(session.input.encode(normalize(pixels, spec))[None]))
        wanted = model.predict(normalize(pixels, spec)[None], verbose=0)
        assert given.shape == wanted.shape
        assert np.abs(given - wanted).mean() < (1e-4 if method == "float32" else 0.1)
    detector = FaceSearch(
        FaceFinder.open(tmp_path / "face-finder.tflite"),
        FaceCheck.open(tmp_path / "face-check.tflite"),
        search="thorough",
        settings=FinderSettings(candidates=-9, least=-99, hits=3),
    )
    assert len(detector.detect(np.zeros((300, 300, 3), np.uint8))) <= 24


def outcomes(scores: list[float], false: list[float]) -> list[ImageOutcome]:
    """One image a face, found with these scores, and false hits in the first."""
    result = []
    for index, score in enumerate(scores):
        image = BoxedImage(str(index), lambda: np.zeros((1, 1), np.uint8), (Region(0, 0, 40, 40),))
        hits = [Hit(20, 20, 40, score)]
        hits += [Hit(300, 300, 40, other) for other in false] if index == 0 else []
        result.append(outcome(image, 400, hits))
    return result


def test_recall_is_compared_at_the_same_number_of_false_hits() -> None:
    one = outcomes([5, 5, 5, 1], [2])
    two = outcomes([9, 9, 3, 1], [4])
    found = compare_recall(one, two, false_per_image=0)
    assert (found.reference, found.candidate) == (0.75, 0.5)
    assert (found.change.lost, found.change.won) == (1, 0)
    assert not found.passes(1.0)
    assert compare_recall(one, one, false_per_image=0).change.difference == 0
