"""Finding measured: which hit is whose, recall at a given number of false hits, names end to end."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgeemo.edge.faces.heatmaps import Hit
from edgeemo.train.datasets.boxes import BoxedImage, Region
from edgeemo.train.evaluation.faces import (
    false_hits,
    large,
    match,
    named,
    outcome,
    recall,
    recall_by_pose,
    recall_by_size,
    threshold_at,
)


def image(*regions: Region) -> BoxedImage:
    return BoxedImage("a.jpg", lambda: np.zeros((100, 100), np.uint8), regions)


@pytest.mark.parametrize(
    ("hit", "found"),
    [
        (Hit(50, 50, 20, 1), True),
        (Hit(59, 50, 20, 1), True),
        (Hit(61, 50, 20, 1), False),  # half a face height away
        (Hit(50, 50, 41, 1), False),  # more than twice as large
        (Hit(50, 50, 9, 1), False),
    ],
)
def test_a_hit_is_a_face_s_within_half_its_height_and_a_factor_of_two(hit: Hit, found: bool) -> None:
    assert bool(match([Region(40, 40, 20, 20)], [hit])) == found


def test_two_hits_on_a_face_are_one_and_a_false_one() -> None:
    face = image(Region(40, 40, 20, 20))
    result = outcome(face, 100, [Hit(50, 50, 20, 3), Hit(52, 50, 22, 2)])
    assert [face.score for face in result.faces] == [3]
    assert result.false == (2,)


def test_what_may_be_a_face_counts_neither_way() -> None:
    result = outcome(image(Region(40, 40, 20, 20, kind="ignore")), 100, [Hit(50, 50, 20, 3)])
    assert result.faces == ()
    assert result.false == ()


@pytest.mark.parametrize(("allowed", "threshold", "left"), [(0.0, 9, 0.0), (0.5, 7, 0.5), (1.0, -math.inf, 1.0)])
def test_the_threshold_leaves_at_most_so_many_false_hits(allowed: float, threshold: float, left: float) -> None:
    images = [outcome(image(), 100, [Hit(50, 50, 20, score)]) for score in (9, 7)]
    assert threshold_at(images, allowed) == threshold
    assert false_hits(images, threshold_at(images, allowed)) == left


def test_recall_by_size_and_pose_and_names() -> None:
    face = image(
        Region(0, 0, 30, 30, pose="frontal", expression="happy"),
        Region(50, 50, 9, 9, pose="profile", expression="sad"),
        Region(80, 80, 2, 2, pose="frontal"),
    )
    hits = [Hit(15, 15, 30, 5), Hit(54, 54, 9, 1)]
    outcomes = [outcome(face, 100, hits, name=lambda hit: "happy")]
    assert str(recall(large(outcomes), 2)).startswith("50.00%")
    sizes = recall_by_size(outcomes, 2)
    assert {name: (figure.correct, figure.n) for name, figure in sizes.items() if figure.n} == {
        ">= 1/4": (1, 1),
        "1/12 to 1/8": (0, 1),
        "< 1/24": (0, 1),
    }
    poses = recall_by_pose(outcomes, 0)
    assert {name: (figure.correct, figure.n) for name, figure in poses.items()} == {
        "frontal": (1, 2),
        "profile": (1, 1),
    }
    everyone, found = named(outcomes, 2)
    assert (everyone.correct, everyone.n, found.n) == (1, 2, 1)
