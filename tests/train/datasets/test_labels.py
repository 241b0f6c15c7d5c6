"""Names of classes and their order."""

from __future__ import annotations

import pytest

from edgeemo.train.datasets.labels import CANONICAL, canonical_name, ordered


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("Happiness", "happy"),
        (" ANGER ", "angry"),
        ("surprised", "surprise"),
        ("fearful", "fear"),
        ("neutral", "neutral"),
        ("Contempt", "contempt"),
    ],
)
def test_synonyms_have_one_name(name: str, canonical: str) -> None:
    assert canonical_name(name) == canonical


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (reversed(CANONICAL), CANONICAL),
        (["neutral", "angry", "neutral"], ("angry", "neutral")),
        (["surprise", "sad", "contempt"], ("contempt", "sad", "surprise")),
        (["yes", "no"], ("no", "yes")),
        ([], ()),
    ],
)
def test_order_is_fer2013_s_or_alphabetical(names: list[str], order: tuple[str, ...]) -> None:
    assert ordered(names) == order
