"""Faces classified for real: a model trained on synthetic faces, on synthetic faces that it has not seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.faces.analysis import classify_frame
from edgeemo.edge.faces.haar import HaarDetector
from edgeemo.edge.faces.whole_image import WholeImage
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.model.card import ModelCard, write_model
from edgeemo.train.datasets.synthetic import make_faces


@pytest.fixture(params=["tiny_int8", "tiny_float"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return Classifier.open(request.getfixturevalue(request.param))


def test_faces_are_recognized_far_above_chance(classifier: Classifier) -> None:
    pixels, labels = make_faces(280, seed=5)
    hits = classifier.predict(pixels).argmax(axis=1) == labels
    # 0.80 was measured; one label of seven would be right by chance.
    assert hits.mean() > 0.65


def test_emotions_of_a_clip_are_recognized_behind_the_detector(classifier: Classifier, clip: list) -> None:
    # The first frames after a change still show the old emotion. All 42 of the rest were right when this was written.
    settled = [(frame, truth) for frame, truth in clip if truth.index % 10 >= 4][::3]
    detector = HaarDetector()
    results = [classify_frame(frame, detector, classifier) for frame, _ in settled]
    right = [
        bool(result.faces) and result.faces[0].label == truth.emotion
        for result, (_, truth) in zip(results, settled, strict=True)
    ]
    assert np.mean(right) > 0.8


def test_result_is_that_of_the_classifier_on_the_crop(classifier: Classifier, clip: list) -> None:
    frame = clip[0][0]
    face = classify_frame(frame, HaarDetector(), classifier).faces[0]
    expected = classifier.probabilities(face.box.crop(frame))
    assert list(face.scores.values()) == expected.tolist()
    assert face.label == classifier.card.labels[expected.argmax()]
    assert face.score == expected.max()


@pytest.mark.parametrize("margin", [-0.2, 0.4])
def test_margin_of_the_card_makes_the_crop_larger(margin: float, classifier: Classifier, clip: list) -> None:
    frame = clip[0][0]
    wide = replace(classifier, card=replace(classifier.card, margin=margin))
    plain, face = (classify_frame(frame, HaarDetector(), one).faces[0] for one in (classifier, wide))
    assert face.box == plain.box
    side = round(face.box.width * (1 + margin))
    crop = face.box.grown(margin).crop(frame)
    assert crop.shape[:2] == (side, side)
    assert list(face.scores.values()) == classifier.probabilities(crop).tolist()
    assert face.scores != plain.scores


def test_every_stage_is_timed(classifier: Classifier, clip: list) -> None:
    times = classify_frame(clip[0][0], HaarDetector(), classifier).times
    stages = (times.detect, times.preprocess, times.invoke, times.postprocess)
    assert all(value > 0 for value in stages)
    assert times.total == pytest.approx(sum(stages))


def test_frame_without_a_face_costs_no_inference(classifier: Classifier) -> None:
    result = classify_frame(np.zeros((100, 100, 3), np.uint8), HaarDetector(), classifier)
    assert result.faces == ()
    assert result.times.invoke == 0


def test_whole_image_is_classified_without_detection(classifier: Classifier) -> None:
    pixels, _ = make_faces(1, seed=5)
    face = classify_frame(pixels[0, :, :, 0], WholeImage(), classifier).faces[0]
    assert list(face.scores.values()) == classifier.predict(pixels)[0].tolist()


def test_own_card_replaces_the_embedded_one(tiny_int8: Path, tmp_path: Path) -> None:
    card = Classifier.open(tiny_int8).card
    renamed = ModelCard("mine", tuple("abcdefg"), card.input)
    write_model(tmp_path / "m.tflite", tiny_int8.read_bytes(), card)
    assert Classifier.open(tmp_path / "m.tflite", card=renamed).card.labels == tuple("abcdefg")
